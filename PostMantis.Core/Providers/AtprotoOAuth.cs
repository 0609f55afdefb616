using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers;

/// <summary>OAuth as atproto has it: the request is pushed first, the client is a document, and every token has a key.</summary>
internal sealed class AtprotoOAuth(AtprotoClient client, AtprotoIdentity identity, AtprotoSettings settings,
    IOptions<InstanceOptions> instance, TimeProvider time)
{
    /// <summary>The name of the client's document among those this instance shows.</summary>
    public const string Document = "client-metadata";

    /// <summary>The field that names an account.</summary>
    public const string HandleField = "handle";

    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const string Did = "did";

    // Without https there is no document anybody would read: servers know the client of developers by this name.
    private bool IsDevelopment => instance.Value.PublicUrl.Scheme != Uri.UriSchemeHttps;

    private Uri Callback => instance.Value.Address("/connect/callback/" + settings.Network);

    private string ClientId => IsDevelopment
        ? $"http://localhost?redirect_uri={Uri.EscapeDataString(Callback.AbsoluteUri)}&scope={Uri.EscapeDataString(settings.Scope)}"
        : instance.Value.Address($"/connect/clients/{settings.Network}/{Document}.json").AbsoluteUri;

    /// <summary>What servers read to know this client.</summary>
    public JsonObject Metadata()
    {
        var document = new JsonObject
        {
            ["client_id"] = ClientId,
            ["client_name"] = "PostMantis",
            ["client_uri"] = instance.Value.PublicUrl.AbsoluteUri,
            ["application_type"] = "web",
            ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
            ["response_types"] = new JsonArray("code"),
            ["redirect_uris"] = new JsonArray(Callback.AbsoluteUri),
            ["scope"] = settings.Scope,
            ["dpop_bound_access_tokens"] = true,
            ["token_endpoint_auth_method"] = settings.ClientKey is null ? "none" : "private_key_jwt",
        };
        if (settings.ClientKey is not { } saved) return document;
        using var key = DpopKey.Open(saved);
        var jwk = key.Jwk();
        (jwk["kid"], jwk["use"], jwk["alg"]) = (key.Thumbprint(), "sig", "ES256");
        document["token_endpoint_auth_signing_alg"] = "ES256";
        document["jwks"] = new JsonObject { ["keys"] = new JsonArray(jwk) };
        return document;
    }

    public async Task<ConsentStart> StartAsync(ConsentTrip trip, string handle, string? named, CancellationToken ct)
    {
        var did = AtprotoIdentity.DidOf(handle)
            ?? (await identity.ResolveAsync(named is null ? settings.BaseUrl : new Uri(named), handle, ct)).Did;
        if (did is null) return No(HandleField, $"Nobody is known as {handle}.");
        if (await identity.ServerOfAsync(did, ct) is not { } server) return No(HandleField, "The account's server is not known.");
        var resource = await client.GetAsync(new Uri(new Uri(server), "/.well-known/oauth-protected-resource"), null, ct);
        if (resource.Body.Texts("authorization_servers") is not [var said, ..] || AtprotoIdentity.AddressOf(said) is not { } issuer)
            return No(null, "The account's server knows no sign-in by OAuth; use an app password.");
        var known = await client.GetAsync(new Uri(new Uri(issuer), "/.well-known/oauth-authorization-server"), null, ct);
        if (known.Body.Text("issuer")?.TrimEnd('/') != issuer || Endpoint(known, "pushed_authorization_request_endpoint") is not { } push
            || Endpoint(known, "authorization_endpoint") is not { } authorize || Endpoint(known, "token_endpoint") is not { } token)
            return No(null, "The account's sign-in server does not say how to sign in.");
        using var made = DpopKey.New();
        var key = made.Save();
        var pushed = await client.ProveAsync(key, HttpMethod.Post, push, null, Form(issuer, ("response_type", "code"),
            ("code_challenge", trip.Challenge), ("code_challenge_method", "S256"), ("state", trip.State),
            ("redirect_uri", Callback.AbsoluteUri), ("scope", settings.Scope), ("login_hint", handle)), [], ct);
        if (!pushed.IsSuccess || ProviderText.Token(pushed.Body.Text("request_uri")) is not { } request)
            return No(null, $"The account's sign-in server refused: {pushed.Error.Message ?? pushed.Code ?? "no answer"}.");
        return new ConsentStart.Leave(new Uri(authorize,
            $"?client_id={Uri.EscapeDataString(ClientId)}&request_uri={Uri.EscapeDataString(request)}"), new Dictionary<string, string>
            {
                [AtprotoClient.Key] = key, [Did] = did, [AtprotoClient.Server] = server, [AtprotoClient.Issuer] = issuer,
                [AtprotoClient.TokenEndpoint] = token.AbsoluteUri,
                [AtprotoClient.RevokeEndpoint] = Endpoint(known, "revocation_endpoint")?.AbsoluteUri ?? "",
            });

        static ConsentStart.Refused No(string? field, string why) => new(AtprotoClient.Errors.Misconfigured(null, why), field);
    }

    /// <summary>The tokens, and whose they are; null with the answer or error that came instead.</summary>
    public async Task<(GrantTokens? Tokens, string Did, DeliveryError? Error)> ExchangeAsync(
        ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        var kept = trip.Secrets;
        if (back.Parameters.GetValueOrDefault("iss")?.TrimEnd('/') != kept[AtprotoClient.Issuer])
            return (null, "", AtprotoClient.Errors.Misconfigured(null, "The way back does not come from the account's sign-in server."));
        var answer = await client.ProveAsync(kept[AtprotoClient.Key], HttpMethod.Post, new Uri(kept[AtprotoClient.TokenEndpoint]), null,
            Form(kept[AtprotoClient.Issuer], ("grant_type", "authorization_code"), ("code", back.Code ?? ""),
                ("code_verifier", trip.CodeVerifier), ("redirect_uri", Callback.AbsoluteUri)), [back.Code, trip.CodeVerifier], ct);
        if (!answer.IsSuccess || Read(answer, kept) is not { } tokens) return (null, "", AtprotoClient.Errors.Of(answer));
        if (answer.Body.Text("sub") != kept[Did])
            return (null, "", AtprotoClient.Errors.Misconfigured(null, "Another account said yes than the one that was named."));
        var missing = settings.Scope.Split(' ').Except(tokens.Scopes).ToArray();
        return missing.Length == 0 ? (tokens, kept[Did], null) : (null, "", AtprotoClient.Errors.MissingScopes(missing));
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.ProveAsync(tokens.Secrets[AtprotoClient.Key], HttpMethod.Post,
            new Uri(tokens.Secrets[AtprotoClient.TokenEndpoint]), null, Form(tokens.Secrets[AtprotoClient.Issuer],
                ("grant_type", "refresh_token"), ("refresh_token", tokens.RefreshToken ?? "")), tokens.AllSecrets(), ct);
        return answer.IsSuccess && Read(answer, tokens.Secrets) is { } renewed
            ? new RefreshOutcome.Refreshed(renewed)
            : AtprotoClient.Errors.OfRefresh(answer, answer.Code is "invalid_grant");
    }

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct) => tokens.Secrets[AtprotoClient.RevokeEndpoint] is { Length: > 0 } at
        ? client.ProveAsync(tokens.Secrets[AtprotoClient.Key], HttpMethod.Post, new Uri(at), null,
            Form(tokens.Secrets[AtprotoClient.Issuer], ("token", tokens.RefreshToken ?? tokens.AccessToken)), tokens.AllSecrets(), ct)
        : Task.CompletedTask;

    private GrantTokens? Read(ProviderAnswer answer, IReadOnlyDictionary<string, string> secrets) =>
        ProviderText.Token(answer.Body.Text("access_token")) is { } access && answer.Body.Text("token_type") == "DPoP"
            ? new GrantTokens
            {
                AccessToken = access,
                RefreshToken = ProviderText.Token(answer.Body.Text("refresh_token")),
                AccessTokenExpiresAt = time.GetUtcNow().AddSeconds(Math.Clamp(answer.Body.Number("expires_in") ?? 1800, 60, 86_400)),
                Scopes = answer.Body.Words("scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [],
                Secrets = secrets,
            }
            : null;

    // An endpoint is called with secrets: only what the guard lets through and nobody can listen to.
    private static Uri? Endpoint(ProviderAnswer answer, string name) => answer.Body.Text(name) is { } text
        && AtprotoIdentity.AddressOf(text) is not null ? new Uri(text) : null;

    private Func<HttpContent?> Form(string issuer, params (string Name, string Value)[] fields) => () =>
    {
        var form = fields.ToDictionary(field => field.Name, field => field.Value);
        form["client_id"] = ClientId;
        if (!IsDevelopment && settings.ClientKey is { } saved)
        {
            using var key = DpopKey.Open(saved);
            form["client_assertion_type"] = AssertionType;
            form["client_assertion"] = key.Assertion(ClientId, issuer, time.GetUtcNow());
        }
        return new FormUrlEncodedContent(form);
    };
}
