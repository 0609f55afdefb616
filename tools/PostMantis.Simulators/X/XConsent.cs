using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.X;

/// <summary>OAuth 2.0 of X: PKCE always, codes of 30 seconds, refresh tokens that serve once.</summary>
internal sealed class XConsent(XNetwork network)
{
    private const int LongestState = 500;
    private static readonly TimeSpan CodeLife = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AccessLife = TimeSpan.FromHours(2);

    private static readonly HashSet<string> KnownScopes =
    [
        "tweet.read", "tweet.write", "users.read", "media.write", "offline.access", "follows.read", "like.read",
    ];

    private Simulation Sim => network.Sim;

    private XSettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET,POST", "/i/oauth2/authorize", AuthorizeAsync);
        routes.On("POST", "/2/oauth2/token", context => TokenAsync(context.Request));
        routes.On("POST", "/2/oauth2/revoke", context => RevokeAsync(context.Request));
    }

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var scopes = query["scope"].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var method = query["code_challenge_method"].ToString();
        if (query["client_id"] != Rules.ClientId || query["response_type"] != "code"
            || !Uri.TryCreate(redirect, UriKind.Absolute, out _)
            || (Rules.RedirectUris.Length > 0 && !Rules.RedirectUris.Contains(redirect))
            || query["state"].ToString() is not { Length: > 0 and <= LongestState }
            || string.IsNullOrEmpty(query["code_challenge"]) || method is not ("S256" or "plain")
            || scopes.Length == 0 || !scopes.All(KnownScopes.Contains))
            return Results.Content("<h1>Something went wrong</h1><p>You weren't able to give access to the App.</p>",
                "text/html", statusCode: 400);
        var answer = await Bones.Consent.AskAsync(context, Sim, scopes);
        if (answer.Page is not null) return answer.Page;
        var state = query["state"].ToString();
        if (answer.Account is null) return Bones.Consent.Return(redirect, ("error", "access_denied"), ("state", state));
        var code = Sim.Grants.Keep(new Code(answer.Account, Rules.ClientId, redirect, answer.Scopes,
            query["code_challenge"], method, Sim.Now + CodeLife, null));
        return Bones.Consent.Return(redirect, ("state", state), ("code", code));
    }

    private async Task<IResult> TokenAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (Unknown(request, form) is { } refused) return refused;
        if (form["grant_type"] == "authorization_code")
        {
            var code = Sim.Grants.Redeem(form["code"]);
            if (code is null || code.Until <= Sim.Now || code.RedirectUri != form["redirect_uri"]
                || !Pkce.Fits(code, form["code_verifier"]))
                return Invalid("Value passed for the authorization code was invalid.");
            var grant = new Grant { Account = code.Account, Client = code.Client, Scopes = code.Scopes };
            Sim.Grants.Add(grant);
            return Issue(grant);
        }
        if (form["grant_type"] != "refresh_token")
            return Results.Json(new { error = "unsupported_grant_type" }, statusCode: 400);
        var (live, replayed) = Sim.Grants.Spend(form["refresh_token"], Sim.Now, _ => true);
        if (replayed is not null) replayed.Revoked |= Rules.ReplayKillsFamily;
        return live is null ? Invalid("Value passed for the token was invalid.") : Issue(live);
    }

    private IResult Issue(Grant grant)
    {
        (grant.Access, grant.AccessUntil) = (Grants.Secret(), Sim.Now + AccessLife);
        var lasting = grant.Scopes.Contains("offline.access");
        grant.Refresh = lasting ? Grants.Secret() : null;
        grant.RefreshUntil = Sim.Now + TimeSpan.FromDays(Rules.RefreshDays);
        var answer = new Dictionary<string, object>
        {
            ["token_type"] = "bearer",
            ["expires_in"] = (int)AccessLife.TotalSeconds,
            ["access_token"] = grant.Access,
            ["scope"] = string.Join(' ', grant.Scopes),
        };
        if (grant.Refresh is not null) answer["refresh_token"] = grant.Refresh;
        return Results.Json(answer);
    }

    private async Task<IResult> RevokeAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (Unknown(request, form) is { } refused) return refused;
        var token = form["token"].ToString();
        if ((Sim.Grants.ByAccess(token) ?? Sim.Grants.ByRefresh(token)) is { } grant) grant.Revoked = true;
        return Results.Json(new { revoked = true });
    }

    private IResult? Unknown(HttpRequest request, IFormCollection form)
    {
        var known = Rules.Confidential
            ? request.Basic() == (Rules.ClientId, Rules.ClientSecret)
            : form["client_id"] == Rules.ClientId;
        return known ? null : Results.Json(
            new { error = "unauthorized_client", error_description = "Missing valid authorization header" },
            statusCode: 401);
    }

    private static IResult Invalid(string description) =>
        Results.Json(new { error = "invalid_request", error_description = description }, statusCode: 400);
}
