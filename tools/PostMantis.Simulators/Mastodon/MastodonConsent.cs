using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Mastodon;

/// <summary>An app registered at this server.</summary>
internal sealed record MastodonApp(
    string Id, string Secret, string Name, IReadOnlyList<string> Redirects, IReadOnlySet<string> Scopes);

/// <summary>Apps that register themselves, and tokens that live until somebody revokes them.</summary>
internal sealed class MastodonConsent(MastodonNetwork network)
{
    private static readonly TimeSpan CodeLife = TimeSpan.FromMinutes(10);

    private static readonly HashSet<string> KnownScopes =
    [
        "read", "write", "profile", "read:accounts", "read:statuses", "write:statuses", "write:media", "follow", "push",
    ];

    private readonly ConcurrentDictionary<string, MastodonApp> _apps = new();

    private Simulation Sim => network.Sim;

    private MastodonSettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/api/v1/apps", RegisterAsync);
        routes.On("GET", "/.well-known/oauth-authorization-server", context => Task.FromResult(
            Rules.HasDiscovery ? Discovery(context.Request.Origin()) : Results.NotFound()));
        routes.On("GET,POST", "/oauth/authorize", AuthorizeAsync);
        routes.On("POST", "/oauth/token", TokenAsync);
        routes.On("POST", "/oauth/revoke", RevokeAsync);
        routes.On("GET", "/oauth/userinfo", context => network.GuardAsync(context, "profile", null, grant =>
            Task.FromResult(Results.Json(new
            {
                iss = context.Request.Origin(),
                sub = $"{context.Request.Origin()}/users/{grant.Account.Handle}",
                name = grant.Account.Name,
                preferred_username = grant.Account.Handle,
            }))));
        routes.On("GET", "/api/v1/accounts/verify_credentials", context => network.GuardAsync(context, "profile", null,
            grant => Task.FromResult(Results.Json(Person(context.Request, grant.Account)))));
    }

    public static JsonObject Person(HttpRequest request, Account account) => new()
    {
        ["id"] = account.Id,
        ["username"] = account.Handle,
        ["acct"] = account.Handle,
        ["display_name"] = account.Name,
        ["avatar"] = $"{request.Origin()}/avatars/{account.Handle}.png",
        ["url"] = $"{request.Origin()}/@{account.Handle}",
        ["source"] = new JsonObject { ["privacy"] = account.Traits.GetValueOrDefault("privacy", "public") },
    };

    public string NameOf(string client) => _apps.TryGetValue(client, out var app) ? app.Name : "";

    private async Task<IResult> RegisterAsync(HttpContext context)
    {
        var body = await InputAsync(context.Request);
        var redirects = (body.Text("redirect_uris") ?? string.Join('\n', body.Texts("redirect_uris") ?? []))
            .Split(['\n', ' '], StringSplitOptions.RemoveEmptyEntries);
        var scopes = (body.Text("scopes") ?? "read").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (string.IsNullOrWhiteSpace(body.Text("client_name")))
            return MastodonNetwork.Error(422, "Validation failed: Application name can't be blank");
        if (redirects.Length == 0 || redirects.Any(uri => uri != "urn:ietf:wg:oauth:2.0:oob"
                && (!Uri.TryCreate(uri, UriKind.Absolute, out var parsed) || parsed.Fragment.Length > 0)))
            return MastodonNetwork.Error(422, "Validation failed: Redirect URI must be an absolute URI.");
        if (scopes.Any(scope => !Knows(scope)))
            return MastodonNetwork.Error(422, "Validation failed: Scopes doesn't match configured on the server.");
        var app = new MastodonApp(Grants.Secret(16), Grants.Secret(), body.Text("client_name")!, redirects,
            scopes.ToHashSet());
        _apps[app.Id] = app;
        return Results.Json(new JsonObject
        {
            ["id"] = "1",
            ["name"] = app.Name,
            ["website"] = body.Text("website"),
            ["scopes"] = new JsonArray([.. scopes.Select(scope => JsonValue.Create(scope))]),
            ["redirect_uris"] = new JsonArray([.. redirects.Select(uri => JsonValue.Create(uri))]),
            ["redirect_uri"] = string.Join('\n', redirects),
            ["client_id"] = app.Id,
            ["client_secret"] = app.Secret,
            ["client_secret_expires_at"] = 0,
        });
    }

    private bool Knows(string scope) => KnownScopes.Contains(scope) && (scope != "profile" || Rules.HasDiscovery);

    private IResult Discovery(string origin) => Results.Json(new JsonObject
    {
        ["issuer"] = origin + "/",
        ["authorization_endpoint"] = origin + "/oauth/authorize",
        ["token_endpoint"] = origin + "/oauth/token",
        ["revocation_endpoint"] = origin + "/oauth/revoke",
        ["app_registration_endpoint"] = origin + "/api/v1/apps",
        ["userinfo_endpoint"] = origin + "/oauth/userinfo",
        ["scopes_supported"] = new JsonArray([.. KnownScopes.Where(Knows).Select(scope => JsonValue.Create(scope))]),
        ["response_types_supported"] = new JsonArray("code"),
        ["grant_types_supported"] = new JsonArray("authorization_code", "client_credentials"),
        ["code_challenge_methods_supported"] = new JsonArray("S256"),
        ["token_endpoint_auth_methods_supported"] = new JsonArray("client_secret_basic", "client_secret_post"),
    });

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var scopes = (query["scope"].ToString() is { Length: > 0 } asked ? asked : "read").Split(' ');
        var challenge = query["code_challenge"].ToString();
        var wrong = !_apps.TryGetValue(query["client_id"].ToString(), out var app) ? "Client authentication failed"
            : query["response_type"] != "code" ? "The authorization server does not support this response type."
            : !app.Redirects.Contains(redirect) ? "The redirect uri included is not valid."
            : scopes.Any(scope => !app.Scopes.Contains(scope) && !app.Scopes.Contains(scope.Split(':')[0]))
                ? "The requested scope is invalid, unknown, or malformed."
            : Rules.HasDiscovery && challenge.Length > 0 && query["code_challenge_method"] != "S256"
                ? "The code challenge method must be S256." : null;
        if (wrong is not null)
            return Results.Content($"<h1>An error has occurred</h1><p>{wrong}</p>", "text/html", statusCode: 400);
        var answer = await Bones.Consent.AskAsync(context, Sim, scopes);
        if (answer.Page is not null) return answer.Page;
        var state = query["state"].ToString() is { Length: > 0 } sent ? sent : null;
        if (answer.Account is null)
            return Bones.Consent.Return(redirect, ("error", "access_denied"),
                ("error_description", "The resource owner or authorization server denied the request."),
                    ("state", state));
        var code = Sim.Grants.Keep(new Code(answer.Account, app!.Id, redirect, answer.Scopes,
            Rules.HasDiscovery && challenge.Length > 0 ? challenge : null, "S256", Sim.Now + CodeLife, null));
        return Bones.Consent.Return(redirect, ("code", code), ("state", state));
    }

    private async Task<IResult> TokenAsync(HttpContext context)
    {
        var body = await InputAsync(context.Request);
        if (Known(context.Request, body) is not { } app)
            return MastodonNetwork.Error(401, "invalid_client", "Client authentication failed due to unknown client, no"
                + " client authentication included, or unsupported authentication method.");
        if (body.Text("grant_type") != "authorization_code")
            return MastodonNetwork.Error(400, "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.");
        var code = Sim.Grants.Redeem(body.Text("code"));
        if (code is null || code.Until <= Sim.Now || code.Client != app.Id
            || code.RedirectUri != body.Text("redirect_uri")
            || !Pkce.Fits(code, body.Text("code_verifier")))
            return MastodonNetwork.Error(400, "invalid_grant", "The provided authorization grant is invalid, expired,"
                + " revoked, does not match the redirection URI used in the authorization request, or was issued to"
                + " another client.");
        var grant = new Grant { Account = code.Account, Client = app.Id, Scopes = code.Scopes,
            Access = Grants.Secret() };
        Sim.Grants.Add(grant);
        return Results.Json(new JsonObject
        {
            ["access_token"] = grant.Access,
            ["token_type"] = "Bearer",
            ["scope"] = string.Join(' ', grant.Scopes),
            ["created_at"] = Sim.Now.ToUnixTimeSeconds(),
        });
    }

    private async Task<IResult> RevokeAsync(HttpContext context)
    {
        var body = await InputAsync(context.Request);
        var grant = Sim.Grants.ByAccess(body.Text("token"));
        if (Known(context.Request, body) is not { } app || (grant is not null && grant.Client != app.Id))
            return MastodonNetwork.Error(403, "unauthorized_client", "You are not authorized to revoke this token");
        if (grant is not null) grant.Revoked = true;
        return Results.Json(new JsonObject());
    }

    private MastodonApp? Known(HttpRequest request, JsonObject body)
    {
        var (id, secret) = request.Basic() ?? (body.Text("client_id") ?? "", body.Text("client_secret") ?? "");
        return _apps.TryGetValue(id, out var app) && app.Secret == secret ? app : null;
    }

    /// <summary>The body, whether it is JSON or a form.</summary>
    public static async Task<JsonObject> InputAsync(HttpRequest request)
    {
        if (!request.HasFormContentType) return await request.JsonAsync() ?? [];
        var form = await request.FormAsync();
        var body = new JsonObject();
        foreach (var (name, values) in form)
            if (name.EndsWith("[]", StringComparison.Ordinal))
                body[name[..^2]] = new JsonArray([.. values.Select(value => JsonValue.Create(value))]);
            else body[name] = values.ToString() is "true" or "false" ? values == "true" : values.ToString();
        return body;
    }
}
