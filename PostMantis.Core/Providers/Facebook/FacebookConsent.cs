using System.Text.Json.Nodes;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>
/// Facebook Login: a person's token becomes a long-lived one, and that one gives each Page a token without an end. All of
/// them are kept with the one grant, so that it fails and recovers as a whole.
/// </summary>
internal sealed class FacebookConsent(FacebookClient client, FacebookSettings settings, TimeProvider time) : IConsent
{
    private const string UserSecret = "user";
    private const string BusinessScope = "business_management";
    private const string PageFields = "id,name,username,access_token,tasks,picture";

    // After this long without the person the network gives their data to nobody, whatever the token says.
    private static readonly TimeSpan DataAccess = TimeSpan.FromDays(90);
    private static readonly string[] _needed = ["pages_show_list", "pages_manage_posts", "pages_read_engagement"];

    public Uri ConsentPage => settings.SignInUrl;

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        var scopes = settings.BusinessPages ? _needed.Append(BusinessScope) : _needed;
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(new Uri(settings.SignInUrl,
            $"/{settings.Version}/dialog/oauth?" + MetaClient.Query(("client_id", settings.ClientId ?? ""),
                ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("state", trip.State), ("response_type", "code"),
                ("scope", string.Join(',', scopes)), ("auth_type", "rerequest")))));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        var first = await TradeAsync([("redirect_uri", trip.RedirectUri.AbsoluteUri), ("code", back.Code ?? "")], back.Code, ct);
        if (TokenOf(first) is not { } brief) return Refused(first);
        var second = await TradeAsync([("grant_type", "fb_exchange_token"), ("fb_exchange_token", brief)], brief, ct);
        if (TokenOf(second) is not { } token) return Refused(second);

        var told = await client.GetAsync(client.Graph("me/permissions"), token, ct);
        if (!told.IsSuccess || told.Body.Objects("data") is not { } permissions) return Refused(told);
        var granted = permissions.Where(one => one.Text("status") == "granted").Select(one => one.Text("permission"))
            .OfType<string>().ToList();
        if (_needed.Except(granted).ToList() is { Count: > 0 } missing)
            return new ConsentOutcome.Refused(FacebookErrors.All.MissingScopes(missing));

        var who = await client.ReadAsync("me", "id,name,picture", token, ct);
        if (!who.IsSuccess || ProviderText.Id(who.Body.Text("id")) is not { } user) return Refused(who);
        var (pages, failed) = await PagesAsync(token, granted, ct);
        if (failed is not null) return Refused(failed);
        Dictionary<string, string> secrets = new() { [UserSecret] = user };
        foreach (var page in pages)
            if (ProviderText.Token(page.Text("access_token")) is { } own) secrets[PageAccess.SecretOf(page.Text("id")!)] = own;

        // The tokens of the Pages have no end of their own, and the person's serves only to list and to revoke.
        return new ConsentOutcome.Granted(new GrantTokens
        {
            AccessToken = token,
            AccessTokenExpiresAt = time.GetUtcNow() + DataAccess,
            Scopes = granted,
            Secrets = secrets,
        }, new ProviderAccount(user, who.Body.Words("name") ?? user, null, PictureOf(who.Body)));
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var (pages, failed) = await PagesAsync(tokens.AccessToken, tokens.Scopes, ct);
        if (failed is not null) return new DestinationsOutcome.Failed(FacebookErrors.All.Of(failed));
        return new DestinationsOutcome.Listed([.. pages
            .Where(page => page.Texts("tasks")?.Any(task => task is "CREATE_CONTENT" or "MANAGE") is true)
            .Select(page => new Destination(page.Text("id")!, page.Words("name") ?? page.Text("id")!, page.Words("username"),
                PictureOf(page), new Dictionary<string, string>()))]);
    }

    /// <summary>There is nothing to trade: says whether the person's grant still stands.</summary>
    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await client.GetAsync(client.Graph("me/permissions"), tokens.AccessToken, ct);
        if (answer.IsSuccess && answer.Body.Objects("data") is not null) return new RefreshOutcome.Refreshed(tokens);
        return FacebookErrors.All.MeaningOf(answer) == MetaMeaning.Revoked
            ? new RefreshOutcome.Revoked(FacebookErrors.All.Revoked(answer))
            : new RefreshOutcome.Transient(FacebookErrors.All.Unavailable(answer), MetaErrors.WaitOf(answer, null));
    }

    public async Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (tokens.Secrets.GetValueOrDefault(UserSecret) is not { } user) return;
        await client.SendAsync(ProviderClient.Request(HttpMethod.Delete,
            client.Graph($"{Uri.EscapeDataString(user)}/permissions"), tokens.AccessToken), tokens.AllSecrets(), ct);
    }

    private Task<ProviderAnswer> TradeAsync(
        IEnumerable<(string Name, string Value)> what, string? secret, CancellationToken ct) =>
        client.SendAsync(ProviderClient.Request(HttpMethod.Get, client.Graph("oauth/access_token?" + MetaClient.Query(
            [("client_id", settings.ClientId ?? ""), ("client_secret", settings.ClientSecret ?? ""), .. what])), token: null),
            [settings.ClientSecret, secret], ct);

    // Pages of the person, and with the permission for it those of their businesses; each once.
    private async Task<(IReadOnlyList<JsonObject> Pages, ProviderAnswer? Failed)> PagesAsync(
        string token, IReadOnlyList<string> scopes, CancellationToken ct)
    {
        List<string> edges = ["me/accounts"];
        if (scopes.Contains(BusinessScope))
        {
            var (businesses, failed) = await client.WalkAsync("me/businesses", "id,name", token, [token], ct);
            if (failed is not null) return ([], failed);
            foreach (var id in businesses.Select(one => one.Id("id")).OfType<string>().Select(Uri.EscapeDataString))
                edges.AddRange([$"{id}/owned_pages", $"{id}/client_pages"]);
        }
        List<JsonObject> pages = [];
        foreach (var edge in edges)
        {
            var (some, failed) = await client.WalkAsync(edge, PageFields, token, [token], ct);
            if (failed is not null) return ([], failed);
            pages.AddRange(some.Where(one => one.Id("id") is not null));
        }
        return ([.. pages.DistinctBy(page => page.Text("id"))], null);
    }

    private static string? TokenOf(ProviderAnswer answer) =>
        answer.IsSuccess ? ProviderText.Token(answer.Body.Text("access_token")) : null;

    private static ConsentOutcome.Refused Refused(ProviderAnswer answer) => new(FacebookErrors.All.Of(answer));

    private static string? PictureOf(JsonNode? node) => ProviderText.Url(node.Text("picture", "data", "url"));
}
