using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Web;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Bluesky;

/// <summary>OAuth as atproto wants it: requests pushed first, keys instead of secrets, proofs with every
/// call.</summary>
internal sealed class BlueskyOAuth(BlueskyNetwork network)
{
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const string RequestPrefix = "urn:ietf:params:oauth:request_uri:req-";
    private const int RequestSeconds = 299;
    private static readonly TimeSpan CodeLife = TimeSpan.FromMinutes(1);
    private static readonly HttpClient Fetcher = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private readonly ConcurrentDictionary<string, Pushed> _pushed = new();
    private readonly ConcurrentDictionary<string, bool> _assertions = new();

    private sealed record Pushed(IFormCollection Form, bool Confidential, string Key, DateTimeOffset Until);

    private Simulation Sim => network.Sim;

    private BlueskySettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET", "/.well-known/oauth-protected-resource", context => Task.FromResult(Results.Json(new
        {
            resource = context.Request.Origin(),
            authorization_servers = new[] { context.Request.Origin() },
        })));
        routes.On("GET", "/.well-known/oauth-authorization-server", context =>
            Task.FromResult(Metadata(context.Request.Origin())));
        routes.On("POST", "/oauth/par", PushAsync);
        routes.On("GET,POST", "/oauth/authorize", AuthorizeAsync);
        routes.On("POST", "/oauth/token", TokenAsync);
        routes.On("POST", "/oauth/revoke", RevokeAsync);
    }

    private static IResult Metadata(string origin) => Results.Json(new JsonObject
    {
        ["issuer"] = origin,
        ["authorization_endpoint"] = origin + "/oauth/authorize",
        ["token_endpoint"] = origin + "/oauth/token",
        ["revocation_endpoint"] = origin + "/oauth/revoke",
        ["pushed_authorization_request_endpoint"] = origin + "/oauth/par",
        ["require_pushed_authorization_requests"] = true,
        ["scopes_supported"] = new JsonArray("atproto", "transition:generic"),
        ["response_types_supported"] = new JsonArray("code"),
        ["grant_types_supported"] = new JsonArray("authorization_code", "refresh_token"),
        ["code_challenge_methods_supported"] = new JsonArray("S256"),
        ["token_endpoint_auth_methods_supported"] = new JsonArray("none", "private_key_jwt"),
        ["token_endpoint_auth_signing_alg_values_supported"] = new JsonArray("ES256"),
        ["dpop_signing_alg_values_supported"] = new JsonArray("ES256"),
        ["authorization_response_iss_parameter_supported"] = true,
        ["client_id_metadata_document_supported"] = true,
    });

    private async Task<IResult> PushAsync(HttpContext context)
    {
        var form = await context.Request.FormAsync();
        if (network.Proofs.Problem(context, null, null, 400) is { } unproven) return unproven;
        var (client, problem) = await ClientAsync(context.Request, form);
        if (client is null) return Error(400, "invalid_client", problem);
        var scopes = form["scope"].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var allowed = (client.Text("scope") ?? "atproto").Split(' ');
        if (!(client.Texts("redirect_uris") ?? []).Contains(form["redirect_uri"].ToString()))
            return Error(400, "invalid_request", "Invalid redirect_uri");
        if (!scopes.Contains("atproto") || scopes.Except(allowed).Any())
            return Error(400, "invalid_scope", "The scope is none that the client may ask for");
        if (form["response_type"] != "code" || form["code_challenge_method"] != "S256"
            || form["code_challenge"].ToString().Length != 43 || string.IsNullOrEmpty(form["state"]))
            return Error(400, "invalid_request", "response_type, state and an S256 code_challenge are required");
        var uri = RequestPrefix + Grants.Secret();
        _pushed[uri] = new Pushed(form, client.Text("token_endpoint_auth_method") == "private_key_jwt",
            DpopProofs.KeyOf(context), Sim.Now.AddSeconds(RequestSeconds));
        return Results.Json(new { request_uri = uri, expires_in = RequestSeconds }, statusCode: 201);
    }

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (!_pushed.TryGetValue(query["request_uri"].ToString(), out var pushed) || pushed.Until <= Sim.Now
            || pushed.Form["client_id"] != query["client_id"])
            return Results.Content("<h1>This request has expired</h1>", "text/html", statusCode: 400);
        var form = pushed.Form;
        var answer = await Bones.Consent.AskAsync(context, Sim, form["scope"].ToString().Split(' '));
        if (answer.Page is not null) return answer.Page;
        _pushed.TryRemove(query["request_uri"].ToString(), out _);
        var redirect = form["redirect_uri"].ToString();
        var (state, issuer) = (form["state"].ToString(), context.Request.Origin());
        if (answer.Account is null)
            return Bones.Consent.Return(redirect, ("error", "access_denied"), ("state", state), ("iss", issuer));
        var code = Sim.Grants.Keep(new Code(answer.Account, form["client_id"].ToString(), redirect, answer.Scopes,
            form["code_challenge"], "S256", Sim.Now + CodeLife, pushed.Key + (pushed.Confidential ? "!" : "")));
        return Bones.Consent.Return(redirect, ("iss", issuer), ("state", state), ("code", "cod-" + code));
    }

    private async Task<IResult> TokenAsync(HttpContext context)
    {
        var form = await context.Request.FormAsync();
        if (network.Proofs.Problem(context, null, null, 400) is { } unproven) return unproven;
        var (client, problem) = await ClientAsync(context.Request, form);
        if (client is null) return Error(400, "invalid_client", problem);
        var key = DpopProofs.KeyOf(context);
        var confidential = client.Text("token_endpoint_auth_method") == "private_key_jwt";
        if (form["grant_type"] == "authorization_code")
        {
            var sent = form["code"].ToString();
            var code = sent.StartsWith("cod-", StringComparison.Ordinal) ? Sim.Grants.Redeem(sent[4..]) : null;
            if (code is null || code.Until <= Sim.Now || code.Client != form["client_id"]
                || code.RedirectUri != form["redirect_uri"] || !Pkce.Fits(code, form["code_verifier"])
                || code.Bound!.TrimEnd('!') != key)
                return Error(400, "invalid_grant", "Invalid code");
            var grant = new Grant { Account = code.Account, Client = code.Client, Scopes = code.Scopes, Bound = key };
            Sim.Grants.Add(grant);
            return Issue(grant, confidential);
        }
        if (form["grant_type"] != "refresh_token") return Error(400, "unsupported_grant_type", "Unsupported grant");
        var (live, replayed) = Sim.Grants.Spend(form["refresh_token"], Sim.Now,
            grant => grant.Bound == key && grant.Client == form["client_id"]);
        if (replayed is not null) replayed.Revoked = true;
        return live is null ? Error(400, "invalid_grant", "Invalid refresh token") : Issue(live, confidential);
    }

    private IResult Issue(Grant grant, bool confidential)
    {
        grant.AccessUntil = Sim.Now.AddMinutes(Rules.OAuthAccessMinutes);
        grant.Access = BlueskySessions.Token("at+jwt", grant.Account, Sim.Now, grant.AccessUntil);
        grant.Refresh = "ref-" + Grants.Secret();
        grant.RefreshUntil = Sim.Now.AddDays(confidential ? Rules.ConfidentialRefreshDays : Rules.PublicRefreshDays);
        return Results.Json(new JsonObject
        {
            ["access_token"] = grant.Access,
            ["token_type"] = "DPoP",
            ["refresh_token"] = grant.Refresh,
            ["scope"] = string.Join(' ', grant.Scopes),
            ["expires_in"] = Rules.OAuthAccessMinutes * 60,
            ["sub"] = grant.Account.Id,
        });
    }

    private async Task<IResult> RevokeAsync(HttpContext context)
    {
        var form = await context.Request.FormAsync();
        var token = form["token"].ToString();
        if ((Sim.Grants.ByAccess(token) ?? Sim.Grants.ByRefresh(token)) is { } grant) grant.Revoked = true;
        return Results.Json(new JsonObject());
    }

    /// <summary>The client's own document, and whether it proved to be that client.</summary>
    private async Task<(JsonObject? Client, string Problem)> ClientAsync(HttpRequest request, IFormCollection form)
    {
        var id = form["client_id"].ToString();
        if (!Uri.TryCreate(id, UriKind.Absolute, out var uri)) return (null, "client_id must be an address");
        if (uri.Host == "localhost" && uri.AbsolutePath == "/") return (Development(uri), "");
        JsonObject? document;
        try
        {
            document = JsonNode.Parse(await Fetcher.GetStringAsync(uri)) as JsonObject;
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException)
        {
            return (null, "The client metadata cannot be read");
        }
        if (document.Text("client_id") != id || document.Flag("dpop_bound_access_tokens") != true
            || document.Texts("grant_types")?.Contains("authorization_code") != true
            || document.Texts("response_types")?.Contains("code") != true)
            return (null, "The client metadata is invalid");
        if (document.Text("token_endpoint_auth_method") != "private_key_jwt") return (document, "");
        return await AssertedAsync(request, form, document!, id)
            ? (document, "") : (null, "The client assertion is invalid");
    }

    private async Task<bool> AssertedAsync(HttpRequest request, IFormCollection form, JsonObject document, string id)
    {
        if (form["client_assertion_type"] != AssertionType || Jwt.Read(form["client_assertion"].ToString())
            is not { } jwt)
            return false;
        var keys = document["jwks"]?["keys"] as JsonArray;
        if (document.Text("jwks_uri") is { } address)
            keys = JsonNode.Parse(await Fetcher.GetStringAsync(address))?["keys"] as JsonArray;
        var key = keys?.OfType<JsonObject>().FirstOrDefault(one => one.Text("kid") == jwt.Head.Text("kid"));
        var age = Sim.Now - DateTimeOffset.FromUnixTimeSeconds(jwt.Body.Number("iat") ?? 0);
        return key is not null && jwt.SignedBy(key) && jwt.Body.Text("iss") == id && jwt.Body.Text("sub") == id
            && jwt.Body.Text("aud") == request.Origin() && age.Duration() < TimeSpan.FromMinutes(5)
            && jwt.Body.Text("jti") is { Length: > 0 } once && _assertions.TryAdd(once, true);
    }

    private static JsonObject Development(Uri id)
    {
        var query = HttpUtility.ParseQueryString(id.Query);
        var redirects = query.GetValues("redirect_uri") ?? ["http://127.0.0.1/", "http://[::1]/"];
        return new JsonObject
        {
            ["redirect_uris"] = new JsonArray([.. redirects.Select(one => JsonValue.Create(one))]),
            ["scope"] = query["scope"] ?? "atproto",
            ["token_endpoint_auth_method"] = "none",
        };
    }

    private static IResult Error(int status, string error, string description) =>
        Results.Json(new { error, error_description = description }, statusCode: status);
}
