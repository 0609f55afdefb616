using System.Globalization;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>Login Kit: a client key, scopes apart by commas, and refresh tokens that serve once.</summary>
internal sealed class TikTokConsent(TikTokClient client, TikTokSettings settings, TimeProvider time)
    : OAuthConsent(client, settings, TikTokErrors.All, time, new OAuthWay(
        new Uri(settings.ConsentUrl, "/v2/auth/authorize/"), client.At("/v2/oauth/token/"), TikTokSettings.Scopes)
    {
        Apart = ',', ClientField = "client_key", RefreshLife = "refresh_expires_in", RevokeUrl = client.At("/v2/oauth/revoke/"),
        Challenge = settings.Challenge,
    })
{
    /// <summary>The fact that names the account in addresses.</summary>
    public const string UsernameFact = "username";

    public override async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync(
            client.At("/v2/user/info/?fields=open_id,union_id,avatar_url,display_name,username"), tokens.AccessToken, ct);
        var user = answer.Body.Get("data", "user");
        if (!TikTokClient.IsOk(answer) || user.Id("open_id") is not { } id)
            return Failed(answer, tokens);
        var handle = user.Words("username");
        return new DestinationsOutcome.Listed([new Destination(id, user.Words("display_name") ?? handle ?? id, handle,
            ProviderText.Url(user.Text("avatar_url")),
            handle is null ? new Dictionary<string, string>() : new Dictionary<string, string> { [UsernameFact] = handle })]);
    }
}

/// <summary>What a creator may choose, as TikTok tells it at any moment.</summary>
/// <param name="PrivacyLevels">By TikTok's names.</param>
/// <param name="Off">Options that the creator has switched off.</param>
internal sealed record TikTokCreator(
    string? Username, IReadOnlyList<string> PrivacyLevels, IReadOnlyList<string> Off, int? MostSeconds);

/// <summary>Asks what a creator may choose; kept as facts of the profile for rules and choices.</summary>
internal sealed class TikTokCreators(TikTokClient client) : IAccountLimits
{
    public const string PrivacyFact = "privacyLevels";
    public const string SecondsFact = "mostSeconds";
    public const string OffFact = "off";

    private static readonly (string Theirs, string Ours)[] _switches =
        [("comment_disabled", "allowComments"), ("duet_disabled", "allowDuet"), ("stitch_disabled", "allowStitch")];

    public TimeSpan FreshFor => TimeSpan.FromMinutes(5);

    public async Task<(TikTokCreator? Creator, ProviderAnswer Answer)> AskAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.PostAsync("/v2/post/publish/creator_info/query/", [], tokens.AccessToken, ct);
        var data = answer.Body.Get("data");
        if (!TikTokClient.IsOk(answer) || data.Texts("privacy_level_options") is not { Count: > 0 } levels) return (null, answer);
        return (new TikTokCreator(data.Words("creator_username"), levels,
            [.. _switches.Where(one => data.Flag(one.Theirs) == true).Select(one => one.Ours)],
            data.Number("max_video_post_duration_sec") is > 0 and < 86_400 and var seconds ? (int)seconds : null), answer);
    }

    public async Task<IReadOnlyDictionary<string, string>?> ReadAsync(
        PublishTarget target, GrantTokens tokens, CancellationToken ct)
    {
        var (creator, _) = await AskAsync(tokens, ct);
        if (creator is null) return null;
        return new Dictionary<string, string>
        {
            [PrivacyFact] = string.Join(',', creator.PrivacyLevels.Select(TikTokOptions.LevelOf).OfType<string>()),
            [OffFact] = string.Join(',', creator.Off),
        }.Say(SecondsFact, creator.MostSeconds?.ToString(CultureInfo.InvariantCulture)).Say(TikTokConsent.UsernameFact, creator.Username);
    }
}
