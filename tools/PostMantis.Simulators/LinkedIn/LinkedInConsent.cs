using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.LinkedIn;

/// <summary>The login: all scopes or none, one set of scopes for a member and an app, refresh tokens for partners.</summary>
internal sealed class LinkedInConsent(LinkedInNetwork network)
{
    private static readonly HashSet<string> SelfServe = ["openid", "profile", "email", "w_member_social"];

    private static readonly HashSet<string> Vetted =
        ["w_organization_social", "r_organization_social", "rw_organization_admin"];

    private Simulation Sim => network.Sim;

    private LinkedInSettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET,POST", "/oauth/v2/authorization", AuthorizeAsync);
        routes.On("POST", "/oauth/v2/accessToken", context => TokenAsync(context.Request));
        routes.On("POST", "/oauth/v2/revoke", context => RevokeAsync(context.Request));
        routes.On("GET", "/v2/userinfo", context => Task.FromResult(UserInfo(context.Request)));
    }

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var state = query["state"].ToString() is { Length: > 0 } sent ? sent : null;
        if (query["client_id"] != Rules.ClientId || query["response_type"] != "code"
            || !Uri.TryCreate(redirect, UriKind.Absolute, out _)
            || (Rules.RedirectUris.Length > 0 && !Rules.RedirectUris.Contains(redirect)))
            return Results.Content("<h1>Bummer, something went wrong.</h1><p>The redirect_uri or the client does not match "
                + "the registered value.</p>", "text/html", statusCode: 400);
        var scopes = query["scope"].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (scopes.Length == 0 || !scopes.All(scope => SelfServe.Contains(scope)
            || (Rules.CommunityManagement && Vetted.Contains(scope))))
            return Consent.Return(redirect, ("error", "unauthorized_scope_error"),
                ("error_description", "A scope is not authorized for your application"), ("state", state));
        var answer = await Consent.AskAsync(context, Sim, scopes);
        if (answer.Page is not null) return answer.Page;
        if (answer.Account is null || answer.Scopes.Count < scopes.Distinct().Count())
            return Consent.Return(redirect, ("error", "user_cancelled_authorize"),
                ("error_description", "The user cancelled the authorization"), ("state", state));
        var code = Sim.Grants.Keep(new Code(answer.Account, Rules.ClientId, redirect, answer.Scopes, null, null,
            Sim.Now + TimeSpan.FromSeconds(Rules.CodeSeconds), null));
        return Consent.Return(redirect, ("code", code), ("state", state));
    }

    private async Task<IResult> TokenAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (form["client_id"] != Rules.ClientId || form["client_secret"] != Rules.ClientSecret)
            return Error(401, "invalid_client", "Client authentication failed");
        if (form["grant_type"] == "authorization_code")
        {
            var code = Sim.Grants.Redeem(form["code"]);
            if (code is null || code.Until <= Sim.Now || code.RedirectUri != form["redirect_uri"])
                return Error(400, "invalid_request", "Unable to retrieve access token: appid/redirect uri/code verifier "
                    + "does not match authorization code. Or authorization code expired.");
            // Another set of scopes ends what the member had given before.
            foreach (var older in Sim.Grants.All.Where(grant => grant.Account == code.Account
                && !grant.Scopes.SetEquals(code.Scopes)))
                older.Revoked = true;
            var grant = new Grant { Account = code.Account, Client = code.Client, Scopes = code.Scopes };
            if (Rules.RefreshTokens)
                (grant.Refresh, grant.RefreshUntil) =
                    ("AQX" + Grants.Secret(), Sim.Now + TimeSpan.FromSeconds(Rules.RefreshSeconds));
            Sim.Grants.Add(grant);
            return Issue(grant, true);
        }
        if (form["grant_type"] != "refresh_token")
            return Error(400, "invalid_request", "A required parameter \"grant_type\" is missing");
        if (Sim.Grants.ByRefresh(form["refresh_token"]) is not { Revoked: false } live || live.RefreshUntil <= Sim.Now)
            return Error(400, "invalid_request",
                "The provided authorization grant or refresh token is invalid, expired or revoked");
        return Issue(live, Rules.RefreshRepeats);
    }

    private IResult Issue(Grant grant, bool withRefresh)
    {
        // Longer than anybody expects: tokens of a thousand characters are usual.
        (grant.Access, grant.AccessUntil) =
            ("AQV" + Grants.Secret(500), Sim.Now + TimeSpan.FromSeconds(Rules.AccessSeconds));
        var answer = new System.Text.Json.Nodes.JsonObject
        {
            ["access_token"] = grant.Access,
            ["expires_in"] = Rules.AccessSeconds,
            ["scope"] = string.Join(Rules.ScopeCommas ? ',' : ' ', grant.Scopes),
        };
        if (withRefresh && grant.Refresh is not null)
        {
            answer["refresh_token"] = grant.Refresh;
            answer["refresh_token_expires_in"] = (long)(grant.RefreshUntil - Sim.Now).TotalSeconds;
        }
        return Results.Json(answer);
    }

    private async Task<IResult> RevokeAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (form["client_id"] != Rules.ClientId || form["client_secret"] != Rules.ClientSecret)
            return Error(401, "invalid_client", "Client authentication failed");
        if ((Sim.Grants.ByAccess(form["token"]) ?? Sim.Grants.ByRefresh(form["token"])) is { } grant)
            grant.Revoked = true;
        return Results.Ok();
    }

    private IResult UserInfo(HttpRequest request)
    {
        var token = request.Token("Bearer");
        if (network.TokenProblem(token) is { } problem) return problem;
        var grant = Sim.Grants.ByAccess(token)!;
        if (!grant.Scopes.Contains("openid")) return LinkedInNetwork.Denied("userinfo.GET.NO_VERSION");
        return Results.Json(new
        {
            sub = grant.Account.Id,
            name = grant.Account.Name,
            picture = "https://media.licdn.example/" + grant.Account.Handle + ".jpg",
            locale = new { country = "US", language = "en" },
        });
    }

    private static IResult Error(int status, string error, string description) =>
        Results.Json(new { error, error_description = description }, statusCode: status);
}
