using System.Net;

namespace PostMantis.Core.Providers.YouTube;

/// <summary>What YouTube's reasons mean.</summary>
internal static class YouTubeErrors
{
    private static readonly TimeSpan ADay = TimeSpan.FromDays(1);
    private static readonly TimeSpan AMoment = TimeSpan.FromSeconds(30);

    public static ProviderErrors Common { get; } = new("YouTube");

    /// <summary>What an answer that is not a yes means.</summary>
    public static DeliveryError Of(ProviderAnswer answer) => answer.Code switch
    {
        _ when answer.SaysNothing => Common.Unavailable(answer),
        "youtubeSignupRequired" => Common.Restricted(answer, "This Google account has no YouTube channel."),
        "insufficientPermissions" => Common.Revoked(answer),
        "quotaExceeded" or "dailyLimitExceeded" => Common.RateLimited(answer) with
        {
            Message = "The day's quota of this app at YouTube is used up; it comes back at midnight Pacific time.",
        },
        "uploadLimitExceeded" => Common.RateLimited(answer) with { Message = "The channel has uploaded all it may for a day." },
        "rateLimitExceeded" or "userRateLimitExceeded" or "uploadRateLimitExceeded" => Common.RateLimited(answer),
        "mediaBodyRequired" or "invalidFilename" or "badContent" or "mediaTooLarge" => Common.Media(answer),
        _ => answer.Status switch
        {
            HttpStatusCode.Unauthorized => Common.Expired(answer),
            HttpStatusCode.TooManyRequests => Common.RateLimited(answer),
            HttpStatusCode.Forbidden when answer.Code is "forbiddenPrivacySetting" or "forbiddenLicenseSetting" => Common.Content(answer),
            HttpStatusCode.Forbidden => Common.Restricted(answer),
            HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.Conflict => Common.Content(answer),
            HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnsupportedMediaType => Common.Media(answer),
            _ => Common.Misconfigured(answer),
        },
    };

    /// <summary>A refusal; what it says about quotas is passed on, because no header does.</summary>
    public static PublishOutcome Refusal(PublishWork work, ProviderAnswer answer, DateTimeOffset now)
    {
        var error = Of(answer);
        if (error.Code != DeliveryErrorCode.ProviderRateLimited) return ProviderErrors.Refusal(answer, error);
        var wait = answer.Code switch
        {
            "quotaExceeded" or "dailyLimitExceeded" => Midnight(now) - now,
            "uploadLimitExceeded" => ADay,
            _ => answer.Wait ?? AMoment,
        };
        if (wait > AMoment && answer.Wait is null)
            work.Learn(new LearnedBudget(0, now + wait,
                answer.Code == "uploadLimitExceeded" ? BudgetScope.Profile : BudgetScope.App));
        return new PublishOutcome.Deferred(error, wait);
    }

    /// <summary>Why a film that arrived is not shown.</summary>
    public static DeliveryError OfVideo(string reason, bool isRejected) => reason switch
    {
        "duplicate" => new DeliveryError(DeliveryErrorCode.DuplicateContent, "YouTube has this film on the channel already.",
            NextStep.EditAndRetry, Retryable: false, new ProviderError(reason, null, null)),
        "uploaderAccountSuspended" or "uploaderAccountClosed" => Common.Restricted() with { Provider = new ProviderError(reason, null, null) },
        _ when isRejected && reason != "length" => Common.Content(null, $"YouTube rejected the film ({reason}).") with { Provider = new ProviderError(reason, null, null) },
        _ => Common.Media(null, $"YouTube could not take the film ({reason}).") with { Provider = new ProviderError(reason, null, null) },
    };

    // The quota's day is California's, with its summer time.
    private static DateTimeOffset Midnight(DateTimeOffset now)
    {
        var pacific = TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles");
        var midnight = TimeZoneInfo.ConvertTime(now, pacific).Date.AddDays(1);
        return new DateTimeOffset(midnight, pacific.GetUtcOffset(midnight)).ToUniversalTime();
    }
}
