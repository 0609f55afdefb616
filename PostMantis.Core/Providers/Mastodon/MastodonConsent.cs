using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>
/// OAuth at the server a person names. Each trip registers a client of its own there, which stays with the grant: a server
/// that forgets one, or refuses it, harms nobody else. Tokens do not run out.
/// </summary>
internal sealed class MastodonConsent(MastodonClient client, MastodonSettings settings, IOptions<InstanceOptions> instance) : IConsent
{
    private const string ServerField = "server";
    private static readonly string[] Publishing = ["write:statuses", "write:media", "read:statuses"];

    public IReadOnlyList<ConsentField> Fields { get; } =
    [
        new(ServerField, "Your server", $"Such as {settings.BaseUrl.Authority}, or your whole handle. {settings.BaseUrl.Authority} if left empty."),
    ];

    public async Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        var typed = trip.Input.GetValueOrDefault(ServerField) ?? settings.BaseUrl.GetLeftPart(UriPartial.Authority);
        if (MastodonClient.ServerOf(typed) is not { } server) return No("That is not the name of a server.");
        var known = await client.GetAsync(MastodonClient.At(server, "/.well-known/oauth-authorization-server"), null, ct);
        if (known.Silence is not null) return No($"No server answers at {new Uri(server).Authority}.");
        string[] scopes = [known.Body.Texts("scopes_supported")?.Contains("profile") == true ? "profile" : "read:accounts", .. Publishing];
        var app = await client.PostFormAsync(MastodonClient.At(server, "/api/v1/apps"), new Dictionary<string, string>
        {
            ["client_name"] = settings.AppName,
            ["redirect_uris"] = trip.RedirectUri.AbsoluteUri,
            ["scopes"] = string.Join(' ', scopes),
            ["website"] = instance.Value.PublicUrl.AbsoluteUri,
        }, [], ct);
        if (ProviderText.Token(app.Body.Text("client_id")) is not { } id || ProviderText.Token(app.Body.Text("client_secret")) is not { } secret)
            return No($"{new Uri(server).Authority} is no Mastodon server, or takes no new apps now.");
        return new ConsentStart.Leave(MastodonClient.At(server, "/oauth/authorize?response_type=code"
            + $"&client_id={Uri.EscapeDataString(id)}&redirect_uri={Uri.EscapeDataString(trip.RedirectUri.AbsoluteUri)}"
            + $"&scope={Uri.EscapeDataString(string.Join(' ', scopes))}&state={Uri.EscapeDataString(trip.State)}"
            + $"&code_challenge={trip.Challenge}&code_challenge_method=S256&force_login=true"),
            new Dictionary<string, string>
            {
                [MastodonClient.Server] = server, [MastodonClient.ClientId] = id, [MastodonClient.ClientSecret] = secret,
            });

        ConsentStart.Refused No(string why) => new(MastodonClient.Errors.Misconfigured(null, why), ServerField);
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        var answer = await client.PostFormAsync(MastodonClient.At(trip.Secrets[MastodonClient.Server], "/oauth/token"),
            Form(trip.Secrets, ("grant_type", "authorization_code"), ("code", back.Code ?? ""),
                ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("code_verifier", trip.CodeVerifier)),
            [trip.Secrets[MastodonClient.ClientSecret], back.Code, trip.CodeVerifier], ct);
        if (!answer.IsSuccess || ProviderText.Token(answer.Body.Text("access_token")) is not { } token)
            return new ConsentOutcome.Refused(MastodonClient.Errors.Of(answer));
        var granted = answer.Body.Words("scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        var tokens = new GrantTokens { AccessToken = token, Scopes = granted, Secrets = trip.Secrets };

        // A broad scope such as write holds the narrow ones.
        var missing = Publishing.Where(scope => !granted.Contains(scope) && !granted.Contains(scope.Split(':')[0])).ToArray();
        if (missing.Length == 0)
        {
            return await WhoAsync(tokens, ct) is (_, { } account)
                ? new ConsentOutcome.Granted(tokens, account)
                : new ConsentOutcome.Refused(MastodonClient.Errors.Unavailable());
        }
        await RevokeAsync(tokens, ct);
        return new ConsentOutcome.Refused(MastodonClient.Errors.MissingScopes(missing));
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var (answer, account) = await WhoAsync(tokens, ct);
        if (account is null || await ReadLimitsAsync(tokens, ct) is not { } limits)
            return new DestinationsOutcome.Failed(MastodonClient.Errors.Of(answer));
        return new DestinationsOutcome.Listed([new Destination(account.Id, account.Name, account.Handle, account.PictureUrl,
            new Dictionary<string, string>(limits) { [MastodonStatuses.AccountFact] = answer.Body.Id("id")! })]);
    }

    /// <summary>What the server takes now; null when it does not say.</summary>
    public async Task<IReadOnlyDictionary<string, string>?> ReadLimitsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync(tokens, "/api/v2/instance", ct);
        return answer.IsSuccess && answer.Body.Get("configuration") is not null
            ? new Dictionary<string, string> { [MastodonLimits.Fact] = MastodonLimits.Read(answer.Body).ToJson() }
            : null;
    }

    public Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct) =>
        Task.FromResult<RefreshOutcome>(new RefreshOutcome.Revoked(MastodonClient.Errors.Revoked()));

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct) =>
        client.PostFormAsync(MastodonClient.At(tokens.Secrets[MastodonClient.Server], "/oauth/revoke"),
            Form(tokens.Secrets, ("token", tokens.AccessToken)), tokens.AllSecrets(), ct);

    // An id means something on its own server only.
    private async Task<(ProviderAnswer Answer, ProviderAccount? Account)> WhoAsync(GrantTokens tokens, CancellationToken ct)
    {
        var server = tokens.Secrets[MastodonClient.Server];
        var answer = await client.GetAsync(tokens, "/api/v1/accounts/verify_credentials", ct);
        if (!answer.IsSuccess || answer.Body.Id("id") is not { } id || answer.Body.Words("username") is not { } name) return (answer, null);
        return (answer, new ProviderAccount($"{server}/{id}", answer.Body.Words("display_name") ?? name,
            $"@{name}@{new Uri(server).Authority}", ProviderText.Url(answer.Body.Text("avatar"))));
    }

    private static Dictionary<string, string> Form(
        IReadOnlyDictionary<string, string> secrets, params (string Name, string Value)[] fields)
    {
        var form = fields.ToDictionary(field => field.Name, field => field.Value);
        form["client_id"] = secrets[MastodonClient.ClientId];
        form["client_secret"] = secrets[MastodonClient.ClientSecret];
        return form;
    }
}
