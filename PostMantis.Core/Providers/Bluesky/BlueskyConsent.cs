using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Providers.Bluesky;

/// <summary>Sign-in by app password, which ends at once, or by OAuth at the account's own server.</summary>
internal sealed partial class BlueskyConsent(AtprotoClient client, AtprotoOAuth oauth, BlueskySettings settings, TimeProvider time) : IConsent
{
    private const string PasswordField = "appPassword";
    private const string ServerField = "server";
    private const string Did = "did";

    public IReadOnlyList<ConsentField> Fields { get; } =
    [
        new(AtprotoOAuth.HandleField, "Your handle", "Such as ann.bsky.social, without @.", IsRequired: true),
        new(PasswordField, "App password", "Made at Bluesky under Settings, Privacy and security, App passwords. Leave it empty to say yes at Bluesky itself.", IsSecret: true),
        new(ServerField, "Your server", $"Only if your account does not live at {settings.BaseUrl.Authority}."),
    ];

    public async Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        var handle = trip.Input.GetValueOrDefault(AtprotoOAuth.HandleField, "").TrimStart('@');
        string? named = null;
        if (trip.Input.TryGetValue(ServerField, out var typed) && (named = AtprotoIdentity.AddressOf(typed)) is null)
            return No(ServerField, "That is not the name of a server.");
        if (!trip.Input.TryGetValue(PasswordField, out var password)) return await oauth.StartAsync(trip, handle, named, ct);
        if (!AppPassword().IsMatch(password))
            return No(PasswordField, "An app password has four groups of four letters. Never type your main password here.");
        var server = named is null ? settings.BaseUrl : new Uri(named);
        var answer = await client.PostJsonAsync(AtprotoClient.Xrpc(server, "com.atproto.server.createSession"),
            new JsonObject { ["identifier"] = handle, ["password"] = password }, null, ct);
        if (answer.IsSuccess && Session(answer, AtprotoIdentity.ServerOf(answer.Body.Get("didDoc")) ?? server.GetLeftPart(UriPartial.Authority)) is { } session)
            return new ConsentStart.Granted(session.Tokens, session.Account);
        return answer switch
        {
            { Silence: not null } => No(named is null ? null : ServerField, $"No server answers at {server.Authority}."),
            { Status: HttpStatusCode.Unauthorized } => No(PasswordField, "Handle and app password do not belong together."),
            _ => new ConsentStart.Refused(AtprotoClient.Errors.Of(answer)),
        };

        static ConsentStart.Refused No(string? field, string why) => new(AtprotoClient.Errors.Misconfigured(null, why), field);
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        var (tokens, did, error) = await oauth.ExchangeAsync(trip, back, ct);
        if (tokens is null) return new ConsentOutcome.Refused(error!);
        var (_, account) = await WhoAsync(tokens, ct);
        return account?.Id == did
            ? new ConsentOutcome.Granted(tokens, account)
            : new ConsentOutcome.Refused(AtprotoClient.Errors.Unavailable());
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var (answer, account) = await WhoAsync(tokens, ct);
        if (account is null) return new DestinationsOutcome.Failed(AtprotoClient.Errors.Of(answer));

        // A name and a picture are nice to have.
        var profile = await client.GetAsync(AtprotoClient.Xrpc(settings.AppViewUrl,
            $"app.bsky.actor.getProfile?actor={Uri.EscapeDataString(account.Id)}"), null, ct);
        return new DestinationsOutcome.Listed([new Destination(account.Id, profile.Body.Words("displayName") ?? account.Name,
            account.Handle, ProviderText.Url(profile.Body.Text("avatar")), new Dictionary<string, string>())]);
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        if (tokens.Secrets.ContainsKey(AtprotoClient.Key)) return await oauth.RefreshAsync(tokens, ct);
        var server = tokens.Secrets[AtprotoClient.Server];
        var answer = await client.SendAsync(ProviderClient.Request(HttpMethod.Post,
            AtprotoClient.Xrpc(new Uri(server), "com.atproto.server.refreshSession"), tokens.RefreshToken), tokens.AllSecrets(), ct);
        return answer.IsSuccess && Session(answer, server) is { } session
            ? new RefreshOutcome.Refreshed(session.Tokens)
            : AtprotoClient.Errors.OfRefresh(answer, answer.Status == HttpStatusCode.Unauthorized
                || answer.Code is "ExpiredToken" or "InvalidToken" or "AccountTakedown" or "AccountDeactivated");
    }

    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        return tokens.Secrets.ContainsKey(AtprotoClient.Key)
            ? oauth.RevokeAsync(tokens, ct)
            : client.SendAsync(ProviderClient.Request(HttpMethod.Post, AtprotoClient.Xrpc(new Uri(tokens.Secrets[AtprotoClient.Server]),
                "com.atproto.server.deleteSession"), tokens.RefreshToken), tokens.AllSecrets(), ct);
    }

    private async Task<(ProviderAnswer Answer, ProviderAccount? Account)> WhoAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.CallAsync(tokens, HttpMethod.Get, "com.atproto.server.getSession", null, ct);
        return (answer, answer.IsSuccess ? AccountOf(answer) : null);
    }

    private static ProviderAccount? AccountOf(ProviderAnswer answer) =>
        AtprotoIdentity.DidOf(answer.Body.Text("did")) is { } did && answer.Body.Words("handle") is { } handle
            ? new ProviderAccount(did, handle, $"@{handle}", null) : null;

    private (GrantTokens Tokens, ProviderAccount Account)? Session(ProviderAnswer answer, string server) =>
        ProviderText.Token(answer.Body.Text("accessJwt")) is { } access && ProviderText.Token(answer.Body.Text("refreshJwt")) is { } refresh
        && AccountOf(answer) is { } account
            ? (new GrantTokens
            {
                AccessToken = access,
                RefreshToken = refresh,
                AccessTokenExpiresAt = AtprotoClient.EndOf(access) ?? time.GetUtcNow().AddHours(1),
                RefreshTokenExpiresAt = AtprotoClient.EndOf(refresh),
                Secrets = new Dictionary<string, string> { [AtprotoClient.Server] = server, [Did] = account.Id },
            }, account)
            : null;

    [GeneratedRegex("^[a-zA-Z0-9]{4}(-[a-zA-Z0-9]{4}){3}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AppPassword();
}
