using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>OAuth 2 with a Basic header and scopes apart by commas; both tokens are replaced at each renewal. Pinterest ends those of system users only.</summary>
internal sealed class PinterestConsent(PinterestClient client, PinterestSettings settings, TimeProvider time)
    : OAuthConsent(client, settings, PinterestClient.Errors, time, new OAuthWay(
        new Uri(settings.ConsentUrl, "/oauth/"), client.At("/v5/oauth/token"), settings.Scopes)
    {
        Apart = ',', Challenge = PkceChallenge.None, Traded = settings.ContinuousRefresh ? [("continuous_refresh", "true")] : [],
    })
{
    private const int MostPages = 40;

    protected override bool IsOver(ProviderAnswer answer) => (int?)answer.Status is 400 or 401;

    protected override async Task<ConsentOutcome> WhoAsync(GrantTokens tokens, CancellationToken ct)
    {
        var who = await client.GetAsync("/v5/user_account", tokens.AccessToken, ct);
        var name = who.Body.Words("username");
        return who.IsSuccess && (who.Body.Id("id") ?? ProviderText.Id(name)) is { } id
            ? new ConsentOutcome.Granted(tokens, new ProviderAccount(id, who.Body.Words("business_name") ?? name ?? id, name,
                ProviderText.Url(who.Body.Text("profile_image"))))
            : new ConsentOutcome.Refused(PinterestClient.Errors.Of(who, tokens));
    }

    public override async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        List<Destination> found = [];
        string? bookmark = null;
        for (var page = 0; page < MostPages; page++)
        {
            var answer = await client.GetAsync("/v5/boards?page_size=250"
                + (bookmark is null ? "" : $"&bookmark={Uri.EscapeDataString(bookmark)}"), tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Body.Objects("items") is not { } boards) return Failed(answer, tokens);
            foreach (var board in boards)
            {
                // Boards for advertisements take no pins of this sort.
                if (board.Flag("is_ads_only") == true || board.Id("id") is not { } id) continue;
                found.Add(new Destination(id, board.Words("name") ?? id, board.Words("owner", "username"), null,
                    new Dictionary<string, string>()));
            }
            bookmark = ProviderText.Id(answer.Body.Text("bookmark"));
            if (bookmark is null) break;
        }
        return new DestinationsOutcome.Listed(found);
    }

    // The app is named in the header alone.
    protected override Task<ProviderAnswer> TokenAsync(
        Uri url, IEnumerable<string?> secrets, IEnumerable<(string Name, string Value)> fields, CancellationToken ct)
    {
        var basic = ProviderClient.Basic(settings.ClientId ?? "", settings.ClientSecret ?? "");
        return client.PostFormAsync(url, fields.ToDictionary(field => field.Name, field => field.Value),
            [settings.ClientSecret, basic[6..], .. secrets], ct, null, new Dictionary<string, string> { ["Authorization"] = basic });
    }
}

/// <summary>The sections of a board, offered as choices of the option <c>boardSectionId</c>.</summary>
internal sealed class PinterestSections(PinterestClient client) : IAccountLimits
{
    /// <summary>The fact that keeps them: a JSON array.</summary>
    public const string Fact = "sections";

    public TimeSpan FreshFor => TimeSpan.FromHours(1);

    public async Task<IReadOnlyDictionary<string, string>?> ReadAsync(
        PublishTarget target, GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync(
            $"/v5/boards/{Uri.EscapeDataString(target.ProviderProfileId)}/sections?page_size=100", tokens.AccessToken, ct);
        if (!answer.IsSuccess || answer.Body.Objects("items") is not { } sections) return null;
        var choices = new JsonArray();
        foreach (var section in sections)
            if (section.Id("id") is { } id) choices.Add(new JsonObject { ["id"] = id, ["name"] = section.Words("name") ?? id });
        return new Dictionary<string, string> { [Fact] = choices.ToJsonString() };
    }
}
