namespace PostMantis.Core.Providers.YouTube;

/// <summary>What YouTube's reasons mean.</summary>
internal sealed class YouTubeErrors() : ProviderErrors("YouTube")
{
    private static readonly TimeSpan ADay = TimeSpan.FromDays(1);
    private static readonly TimeSpan AMoment = TimeSpan.FromSeconds(30);

    public static YouTubeErrors All { get; } = new();

    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => answer.Code switch
    {
        "youtubeSignupRequired" => Restricted(answer, "This Google account has no YouTube channel."),
        "insufficientPermissions" => Revoked(answer),
        "quotaExceeded" or "dailyLimitExceeded" => RateLimited(answer,
            "The day's quota of this app at YouTube is used up; it comes back at midnight Pacific time."),
        "uploadLimitExceeded" => RateLimited(answer, "The channel has uploaded all it may for a day."),
        "rateLimitExceeded" or "userRateLimitExceeded" or "uploadRateLimitExceeded" => RateLimited(answer),
        "mediaBodyRequired" or "invalidFilename" or "badContent" or "mediaTooLarge" => Media(answer),
        "forbiddenPrivacySetting" or "forbiddenLicenseSetting" => Content(answer),
        _ => null,
    };

    // What it says about quotas is passed on, because no header does.
    protected override TimeSpan? WaitOf(ProviderAnswer answer) => UsedUp(answer) switch
    {
        BudgetScope.App => Midnight(answer.Now) - answer.Now,
        BudgetScope.Profile => ADay,
        _ => answer.Wait ?? AMoment,
    };

    protected override BudgetScope? UsedUp(ProviderAnswer answer) => answer.Code switch
    {
        "quotaExceeded" or "dailyLimitExceeded" => BudgetScope.App,
        "uploadLimitExceeded" => BudgetScope.Profile,
        _ => null,
    };

    /// <summary>Why a film that arrived is not shown.</summary>
    public DeliveryError OfVideo(string reason, bool isRejected) => reason switch
    {
        "duplicate" => Duplicate(message: "YouTube has this film on the channel already."),
        "uploaderAccountSuspended" or "uploaderAccountClosed" => Restricted(),
        _ when isRejected && reason != "length" => Content(message: $"YouTube rejected the film ({reason})."),
        _ => Media(message: $"YouTube could not take the film ({reason})."),
    } with { Provider = new ProviderError(reason, null, null) };

    // The quota's day is California's, with its summer time.
    private static DateTimeOffset Midnight(DateTimeOffset now)
    {
        var pacific = TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles");
        var midnight = TimeZoneInfo.ConvertTime(now, pacific).Date.AddDays(1);
        return new DateTimeOffset(midnight, pacific.GetUtcOffset(midnight)).ToUniversalTime();
    }
}
