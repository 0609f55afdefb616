using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.TikTok;

/// <summary>Login Kit: a client_key, scopes with commas, refresh tokens that serve once.</summary>
internal sealed partial class TikTokConsent(TikTokNetwork network)
{
    private const int LongestRedirect = 512;
    private static readonly TimeSpan CodeLife = TimeSpan.FromMinutes(5);

    private static readonly HashSet<string> KnownScopes =
        ["user.info.basic", "user.info.profile", "video.publish", "video.upload", "video.list"];

    private Simulation Sim => network.Sim;

    private TikTokSettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET,POST", "/v2/auth/authorize", AuthorizeAsync);
        routes.On("POST", "/v2/oauth/token", context => TokenAsync(context.Request));
        routes.On("POST", "/v2/oauth/revoke", context => RevokeAsync(context.Request));
        routes.On("GET", "/v2/user/info", context => network.GuardAsync(context, "user", Rules.ListPerMinute,
            "user.info.basic", grant => Task.FromResult(UserInfo(context.Request, grant))));
    }

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var scopes = query["scope"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries);
        var challenge = query["code_challenge"].ToString();
        var wrong = query["client_key"] != Rules.ClientKey ? "client_key"
            : query["response_type"] != "code" ? "response_type"
            : string.IsNullOrEmpty(query["state"]) ? "state"
            : !RedirectFits(redirect) ? "redirect_uri"
            : scopes.Length == 0 || !scopes.All(KnownScopes.Contains) ? "scope"
            : !ChallengeFits(challenge, query["code_challenge_method"].ToString()) ? "code_challenge" : null;
        if (wrong is not null)
            return Results.Content($"<h1>Something went wrong</h1><p>We couldn't log in with TikTok. {wrong}</p>",
                "text/html", statusCode: 400);
        var answer = await Bones.Consent.AskAsync(context, Sim, scopes);
        if (answer.Page is not null) return answer.Page;
        var state = query["state"].ToString();
        if (answer.Account is null)
            return Bones.Consent.Return(redirect, ("error", "access_denied"),
                ("error_description", "User denied access"), ("state", state));
        var code = Sim.Grants.Keep(new Code(answer.Account, Rules.ClientKey, redirect, answer.Scopes,
            challenge.Length > 0 ? challenge : null, Rules.HexChallenge ? "hex" : "S256", Sim.Now + CodeLife, null));
        return Bones.Consent.Return(redirect, ("code", code + "*0!6001"), ("scopes", string.Join(',', answer.Scopes)),
            ("state", state));
    }

    private bool RedirectFits(string redirect) => redirect.Length < LongestRedirect
        && Uri.TryCreate(redirect, UriKind.Absolute, out var uri) && uri.Query.Length == 0 && uri.Fragment.Length == 0
        && (!Rules.HttpsRedirects || uri.Scheme == "https")
        && (Rules.RedirectUris.Length == 0 || Rules.RedirectUris.Contains(redirect));

    private bool ChallengeFits(string challenge, string method)
    {
        if (challenge.Length == 0) return !Rules.ChallengeRequired;
        return method == "S256" && (Rules.HexChallenge ? HexHash() : Base64Hash()).IsMatch(challenge);
    }

    private async Task<IResult> TokenAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (form["client_key"] != Rules.ClientKey || form["client_secret"] != Rules.ClientSecret)
            return Error("invalid_client", "Client key or secret is incorrect.");
        if (form["grant_type"] == "authorization_code")
        {
            var sent = form["code"].ToString();
            var code = sent.EndsWith("*0!6001", StringComparison.Ordinal) ? Sim.Grants.Redeem(sent[..^7]) : null;
            if (code is null || code.Until <= Sim.Now || code.RedirectUri != form["redirect_uri"])
                return Error("invalid_grant", "Authorization code is expired.");
            if (!Pkce.Fits(code, form["code_verifier"]))
                return Error("invalid_grant", "Code verifier or code challenge is invalid.");
            var grant = new Grant { Account = code.Account, Client = code.Client, Scopes = code.Scopes };
            Sim.Grants.Add(grant);
            return Issue(grant);
        }
        if (form["grant_type"] != "refresh_token") return Error("unsupported_grant_type",
            "Grant type is not supported.");
        var (live, _) = Sim.Grants.Spend(form["refresh_token"], Sim.Now, _ => true);
        return live is null ? Error("invalid_grant", "Refresh token is invalid or expired.") : Issue(live);
    }

    private IResult Issue(Grant grant)
    {
        (grant.Access, grant.AccessUntil) = ("act." + Grants.Secret(), Sim.Now.AddSeconds(Rules.AccessSeconds));
        (grant.Refresh, grant.RefreshUntil) = ("rft." + Grants.Secret(), Sim.Now.AddSeconds(Rules.RefreshSeconds));
        return Results.Json(new JsonObject
        {
            ["access_token"] = grant.Access,
            ["expires_in"] = Rules.AccessSeconds,
            ["open_id"] = grant.Account.Id,
            ["refresh_expires_in"] = Rules.RefreshSeconds,
            ["refresh_token"] = grant.Refresh,
            ["scope"] = string.Join(',', grant.Scopes),
            ["token_type"] = "Bearer",
        });
    }

    private async Task<IResult> RevokeAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (form["client_key"] != Rules.ClientKey || form["client_secret"] != Rules.ClientSecret)
            return Error("invalid_client", "Client key or secret is incorrect.");
        if (Sim.Grants.ByAccess(form["token"]) is not { } grant)
            return Error("invalid_request", "The token is invalid.");
        grant.Revoked = true;
        return Results.Json(new JsonObject());
    }

    private static IResult UserInfo(HttpRequest request, Grant grant)
    {
        var user = new JsonObject();
        var account = grant.Account;
        foreach (var field in request.Query["fields"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (field == "username" && !grant.Scopes.Contains("user.info.profile"))
                return TikTokNetwork.Error(401, "scope_not_authorized",
                    "The user did not authorize the scope required for completing this request.");
            user[field] = field switch
            {
                "open_id" => account.Id,
                "union_id" => account.Id + "-union",
                "avatar_url" => $"https://p16.tiktokcdn.com/{account.Handle}.jpeg",
                "display_name" => account.Name,
                "username" => account.Handle,
                _ => null,
            };
            if (user[field] is null)
                return TikTokNetwork.Error(400, "invalid_params", $"The field {field} is invalid.");
        }
        return user.Count == 0
            ? TikTokNetwork.Error(400, "invalid_params", "Fields is required.")
            : TikTokNetwork.Ok(new JsonObject { ["user"] = user });
    }

    private IResult Error(string code, string description) => Results.Json(
        new { error = code, error_description = description, log_id = Grants.Secret(17) },
        statusCode: Rules.TokenErrorsAs200 ? 200 : 400);

    [GeneratedRegex("^[0-9a-f]{64}$")]
    private static partial Regex HexHash();

    [GeneratedRegex("^[A-Za-z0-9_-]{43}$")]
    private static partial Regex Base64Hash();
}
