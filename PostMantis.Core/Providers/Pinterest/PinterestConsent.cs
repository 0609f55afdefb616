using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>OAuth 2 with a Basic header and scopes apart by commas; both tokens are replaced at each renewal.</summary>
internal sealed class PinterestConsent(PinterestClient client, PinterestSettings settings) : IConsent
{
    private const int MostPages = 40;

    public Uri ConsentPage => new(settings.ConsentUrl, "/oauth/");

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(OAuth.Url(ConsentPage, ("client_id", settings.ClientId),
            ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("response_type", "code"),
            ("scope", string.Join(',', settings.Scopes)), ("state", trip.State))));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        Dictionary<string, string> form = new()
        {
            ["grant_type"] = "authorization_code", ["code"] = back.Code ?? "", ["redirect_uri"] = trip.RedirectUri.AbsoluteUri,
        };
        if (settings.ContinuousRefresh) form["continuous_refresh"] = "true";
        var answer = await TokenAsync(form, back.Code, ct);
        if (OAuth.Tokens(answer, client.Now) is not { } tokens)
            return new ConsentOutcome.Refused(Said(answer) switch
            {
                { Code: DeliveryErrorCode.ContentRejected } => PinterestClient.Errors.Revoked(answer),
                var error => error,
            });
        if (settings.Scopes.Except(tokens.Scopes).ToList() is { Count: > 0 } missing)
            return new ConsentOutcome.Refused(PinterestClient.Errors.MissingScopes(missing));
        var who = await client.GetAsync("/v5/user_account", tokens.AccessToken, ct);
        var name = who.Body.Words("username");
        return who.IsSuccess && (who.Body.Id("id") ?? ProviderText.Id(name)) is { } id
            ? new ConsentOutcome.Granted(tokens, new ProviderAccount(id, who.Body.Words("business_name") ?? name ?? id, name,
                ProviderText.Url(who.Body.Text("profile_image"))))
            : new ConsentOutcome.Refused(Said(who));
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        List<Destination> found = [];
        string? bookmark = null;
        for (var page = 0; page < MostPages; page++)
        {
            var answer = await client.GetAsync("/v5/boards?page_size=250"
                + (bookmark is null ? "" : $"&bookmark={Uri.EscapeDataString(bookmark)}"), tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Body.Objects("items") is not { } boards)
                return new DestinationsOutcome.Failed(Said(answer));
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

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await TokenAsync(new()
        {
            ["grant_type"] = "refresh_token", ["refresh_token"] = tokens.RefreshToken ?? "",
        }, tokens.RefreshToken, ct);
        if (OAuth.Tokens(answer, client.Now, tokens) is { } renewed) return new RefreshOutcome.Refreshed(renewed);
        return PinterestClient.Errors.OfRefresh(answer, (int?)answer.Status is 400 or 401);
    }

    // Pinterest ends tokens of system users only: ours are forgotten here.
    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct) => Task.CompletedTask;

    private Task<ProviderAnswer> TokenAsync(Dictionary<string, string> form, string? secret, CancellationToken ct)
    {
        var basic = ProviderClient.Basic(settings.ClientId ?? "", settings.ClientSecret ?? "");
        return client.PostFormAsync(client.At("/v5/oauth/token"), form, [settings.ClientSecret, basic[6..], secret], ct, null,
            new Dictionary<string, string> { ["Authorization"] = basic });
    }

    private static DeliveryError Said(ProviderAnswer answer) => answer.IsSuccess
        ? PinterestClient.Errors.Unavailable(answer) : PinterestClient.ErrorOf(answer);
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
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await client.GetAsync(
            $"/v5/boards/{Uri.EscapeDataString(target.ProviderProfileId)}/sections?page_size=100", tokens.AccessToken, ct);
        if (!answer.IsSuccess || answer.Body.Objects("items") is not { } sections) return null;
        var choices = new JsonArray();
        foreach (var section in sections)
            if (section.Id("id") is { } id) choices.Add(new JsonObject { ["id"] = id, ["name"] = section.Words("name") ?? id });
        return new Dictionary<string, string> { [Fact] = choices.ToJsonString() };
    }
}
