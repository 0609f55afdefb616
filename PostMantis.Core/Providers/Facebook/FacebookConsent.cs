using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>
/// Facebook Login: a person's token becomes a long-lived one, and that one gives each Page a token without an end. All of
/// them are kept with the one grant, so that it fails and recovers as a whole.
/// </summary>
internal sealed class FacebookConsent(FacebookClient client, FacebookSettings settings, TimeProvider time)
    : OAuthConsent(client, settings, FacebookErrors.All, time, new OAuthWay(
        new Uri(settings.SignInUrl, $"/{settings.Version}/dialog/oauth"), client.Graph("oauth/access_token"),
        settings.BusinessPages ? [.. _needed, BusinessScope] : _needed)
    {
        Apart = ',', Needed = _needed, Challenge = PkceChallenge.None, Asked = [("auth_type", "rerequest")],
    })
{
    private const string UserSecret = "user";
    private const string BusinessScope = "business_management";

    // After this long without the person the network gives their data to nobody, whatever the token says.
    private static readonly TimeSpan DataAccess = TimeSpan.FromDays(90);
    private static readonly string[] _needed = ["pages_show_list", "pages_manage_posts", "pages_read_engagement"];

    // Asked for by address; that it is a code needs no word.
    protected override Task<ProviderAnswer> TokenAsync(
        Uri url, IEnumerable<string?> secrets, IEnumerable<(string Name, string Value)> fields, CancellationToken ct) =>
        client.SendAsync(ProviderClient.Request(HttpMethod.Get, OAuth.Url(url, [("client_id", settings.ClientId),
            ("client_secret", settings.ClientSecret), .. fields.Where(field => field.Value != "authorization_code")]), token: null),
            [settings.ClientSecret, .. secrets], ct);

    protected override async Task<(GrantTokens? Tokens, ProviderAnswer Said)> LastingAsync(
        GrantTokens first, ProviderAnswer answer, CancellationToken ct)
    {
        var said = await TokenAsync(client.Graph("oauth/access_token"), [first.AccessToken],
            [("grant_type", "fb_exchange_token"), ("fb_exchange_token", first.AccessToken)], ct);
        if (TokensOf(said, first) is not { } lasting) return (null, said);
        var told = await client.ReadAsync("me/permissions", lasting, ct);
        return (told.IsSuccess && told.Body.Objects("data") is { } permissions
            ? lasting with
            {
                AccessTokenExpiresAt = client.Now + DataAccess,
                Scopes = [.. permissions.Where(one => one.Text("status") == "granted").Select(one => one.Text("permission")).OfType<string>()],
            }
            : null, told);
    }

    // The tokens of the Pages have no end of their own, and the person's serves only to list and to revoke.
    protected override async Task<ConsentOutcome> WhoAsync(GrantTokens tokens, CancellationToken ct)
    {
        var who = await client.ReadAsync("me", "id,name,picture", tokens, ct);
        if (!who.IsSuccess || who.Body.Id("id") is not { } user) return new ConsentOutcome.Refused(FacebookErrors.All.OfTrade(who));
        var (pages, failed) = await PagesAsync(tokens, ct);
        if (failed is not null) return new ConsentOutcome.Refused(FacebookErrors.All.OfTrade(failed));
        Dictionary<string, string> secrets = new() { [UserSecret] = user };
        foreach (var page in pages)
            if (ProviderText.Token(page.Text("access_token")) is { } own) secrets[PageAccess.SecretOf(page.Text("id")!)] = own;
        return new ConsentOutcome.Granted(tokens with { Secrets = secrets },
            new ProviderAccount(user, who.Body.Words("name") ?? user, null, PictureOf(who.Body)));
    }

    public override async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var (pages, failed) = await PagesAsync(tokens, ct);
        if (failed is not null) return Failed(failed, tokens);
        return new DestinationsOutcome.Listed([.. pages
            .Where(page => page.Texts("tasks")?.Any(task => task is "CREATE_CONTENT" or "MANAGE") is true)
            .Select(page => new Destination(page.Text("id")!, page.Words("name") ?? page.Text("id")!, page.Words("username"),
                PictureOf(page), new Dictionary<string, string>()))]);
    }

    /// <summary>There is nothing to trade: says whether the person's grant still stands.</summary>
    public override async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.ReadAsync("me/permissions", tokens, ct);
        return answer.IsSuccess && answer.Body.Objects("data") is not null
            ? new RefreshOutcome.Refreshed(tokens) : FacebookErrors.All.OfRenewal(answer);
    }

    public override Task RevokeAsync(GrantTokens tokens, CancellationToken ct) => tokens.Secrets.GetValueOrDefault(UserSecret) is { } user
        ? client.SendAsync(ProviderClient.Request(HttpMethod.Delete,
            client.Graph($"{Uri.EscapeDataString(user)}/permissions"), tokens.AccessToken), tokens.AllSecrets(), ct)
        : Task.CompletedTask;

    // Pages of the person, and with the permission for it those of their businesses; each once.
    private async Task<(IReadOnlyList<JsonObject> Pages, ProviderAnswer? Failed)> PagesAsync(GrantTokens tokens, CancellationToken ct)
    {
        List<string> edges = ["me/accounts"];
        if (tokens.Scopes.Contains(BusinessScope))
        {
            var (businesses, failed) = await client.WalkAsync(["me/businesses"], "id,name", tokens, ct);
            if (failed is not null) return ([], failed);
            foreach (var id in businesses.Select(one => one.Id("id")).OfType<string>().Select(Uri.EscapeDataString))
                edges.AddRange([$"{id}/owned_pages", $"{id}/client_pages"]);
        }
        var (pages, unread) = await client.WalkAsync(edges, "id,name,username,access_token,tasks,picture", tokens, ct);
        return ([.. pages.Where(page => page.Id("id") is not null).DistinctBy(page => page.Text("id"))], unread);
    }

    private static string? PictureOf(JsonNode? node) => ProviderText.Url(node.Text("picture", "data", "url"));
}
