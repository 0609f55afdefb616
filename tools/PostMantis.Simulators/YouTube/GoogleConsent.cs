using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.YouTube;

/// <summary>Google's OAuth: refresh tokens only for offline access, and they stay as they are.</summary>
internal sealed class GoogleConsent(YouTubeNetwork network)
{
    public const string Upload = "https://www.googleapis.com/auth/youtube.upload";
    public const string ReadOnly = "https://www.googleapis.com/auth/youtube.readonly";
    public const string All = "https://www.googleapis.com/auth/youtube";
    public const string ForceSsl = "https://www.googleapis.com/auth/youtube.force-ssl";
    private const int AccessSeconds = 3599;
    private static readonly TimeSpan CodeLife = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan IdleLife = TimeSpan.FromDays(182);
    private static readonly TimeSpan TestingLife = TimeSpan.FromDays(7);
    private static readonly HashSet<string> KnownScopes = [Upload, ReadOnly, All, ForceSsl];

    private Simulation Sim => network.Sim;

    private YouTubeSettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET,POST", "/o/oauth2/v2/auth", AuthorizeAsync);
        routes.On("POST", "/token", context => TokenAsync(context.Request));
        routes.On("POST", "/revoke", context => RevokeAsync(context.Request));
    }

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var scopes = query["scope"].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var wrong = query["client_id"] != Rules.ClientId ? "invalid_client"
            : !Uri.TryCreate(redirect, UriKind.Absolute, out _)
                || (Rules.RedirectUris.Length > 0 && !Rules.RedirectUris.Contains(redirect)) ? "redirect_uri_mismatch"
            : query["response_type"] != "code" ? "unsupported_response_type"
            : scopes.Length == 0 || !scopes.All(KnownScopes.Contains) ? "invalid_scope" : null;
        if (wrong is not null)
            return Results.Content($"<h1>Access blocked</h1><p>Error 400: {wrong}</p>", "text/html", statusCode: 400);
        var answer = await Bones.Consent.AskAsync(context, Sim, scopes);
        if (answer.Page is not null) return answer.Page;
        var state = query["state"].ToString() is { Length: > 0 } sent ? sent : null;
        if (answer.Account is null) return Bones.Consent.Return(redirect, ("error", "access_denied"), ("state", state));
        var first = !Sim.Grants.All.Any(grant => grant.Account == answer.Account && !grant.Revoked);
        var lasting = query["access_type"] == "offline" && (first || query["prompt"].ToString().Contains("consent"));
        var challenge = query["code_challenge"].ToString() is { Length: > 0 } given ? given : null;
        var code = Sim.Grants.Keep(new Code(answer.Account, Rules.ClientId, redirect, answer.Scopes, challenge,
            query["code_challenge_method"].ToString(), Sim.Now + CodeLife, lasting ? "offline" : null));
        return Bones.Consent.Return(redirect, ("state", state), ("code", "4/" + code),
            ("scope", string.Join(' ', answer.Scopes)));
    }

    private async Task<IResult> TokenAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (form["client_id"] != Rules.ClientId || form["client_secret"] != Rules.ClientSecret)
            return Error(401, "invalid_client", "Unauthorized");
        if (form["grant_type"] == "authorization_code")
        {
            var sent = form["code"].ToString();
            var code = sent.StartsWith("4/", StringComparison.Ordinal) ? Sim.Grants.Redeem(sent[2..]) : null;
            if (code is null || code.Until <= Sim.Now) return Error(400, "invalid_grant", "Malformed auth code.");
            if (code.RedirectUri != form["redirect_uri"]) return Error(400, "redirect_uri_mismatch", "Bad Request");
            if (!Pkce.Fits(code, form["code_verifier"])) return Error(400, "invalid_grant", "Invalid code verifier.");
            return Issue(Start(code), true);
        }
        if (form["grant_type"] != "refresh_token") return Error(400, "unsupported_grant_type", "Invalid grant_type");
        if (Sim.Grants.ByRefresh(form["refresh_token"]) is not { Revoked: false } live || live.RefreshUntil <= Sim.Now)
            return Error(400, "invalid_grant", "Token has been expired or revoked.");
        if (!Rules.Testing && Rules.RefreshSeconds is null) live.RefreshUntil = Sim.Now + IdleLife;
        return Issue(live, false);
    }

    private Grant Start(Code code)
    {
        var grant = new Grant { Account = code.Account, Client = code.Client, Scopes = code.Scopes };
        if (code.Bound is not null)
        {
            grant.Refresh = "1//" + Grants.Secret();
            grant.RefreshUntil = Sim.Now + (Rules.Testing ? TestingLife
                : Rules.RefreshSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : IdleLife);
            var older = Sim.Grants.All.Where(other => other.Account == code.Account && other.Refresh is not null)
                .OrderByDescending(other => other.AccessUntil).Skip(Rules.RefreshTokensPerUser - 1);
            foreach (var dead in older) dead.Refresh = null;
        }
        Sim.Grants.Add(grant);
        return grant;
    }

    private IResult Issue(Grant grant, bool first)
    {
        (grant.Access, grant.AccessUntil) = ("ya29." + Grants.Secret(), Sim.Now.AddSeconds(AccessSeconds));
        var answer = new JsonObject
        {
            ["access_token"] = grant.Access,
            ["expires_in"] = AccessSeconds,
            ["scope"] = string.Join(' ', grant.Scopes),
            ["token_type"] = "Bearer",
        };
        if (first && grant.Refresh is not null) answer["refresh_token"] = grant.Refresh;
        if (first && grant.Refresh is not null && Rules.RefreshSeconds is { } seconds)
            answer["refresh_token_expires_in"] = seconds;
        return Results.Json(answer);
    }

    private async Task<IResult> RevokeAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        var token = request.Query["token"].ToString() is { Length: > 0 } inQuery ? inQuery : form["token"].ToString();
        if ((Sim.Grants.ByAccess(token) ?? Sim.Grants.ByRefresh(token)) is not { Revoked: false } grant)
            return Error(400, "invalid_token", "Token expired or revoked");
        foreach (var each in Sim.Grants.All.Where(each => each.Account == grant.Account)) each.Revoked = true;
        return Results.Json(new JsonObject());
    }

    private static IResult Error(int status, string error, string description) =>
        Results.Json(new { error, error_description = description }, statusCode: status);
}
