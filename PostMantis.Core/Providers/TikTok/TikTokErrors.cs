using System.Net;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>What TikTok's codes mean.</summary>
internal static class TikTokErrors
{
    private static readonly TimeSpan AMinute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Hours = TimeSpan.FromHours(2);

    public static ProviderErrors Common { get; } = new("TikTok");

    /// <summary>What an answer that is not a yes means.</summary>
    public static DeliveryError Of(ProviderAnswer answer) => answer.Code switch
    {
        _ when TikTokClient.SaysNothing(answer) => Common.Unavailable(answer),
        "access_token_invalid" => Common.Expired(answer),
        "scope_not_authorized" or "scope_permission_missed" => Common.Revoked(answer),
        "rate_limit_exceeded" => Common.RateLimited(answer),
        "spam_risk_too_many_posts" or "spam_risk_too_many_pending_share" => Common.RateLimited(answer) with
        {
            Message = "TikTok takes no more posts of this account for now.",
        },
        "reached_active_user_cap" => Common.RateLimited(answer) with { Message = "The app has reached TikTok's number of users for a day." },
        "spam_risk_user_banned_from_posting" => Common.Restricted(answer, "TikTok does not let this account post."),
        "unaudited_client_can_only_post_to_private_accounts" => Common.Misconfigured(answer,
            "TikTok has not audited this app: until then it posts to private accounts only, with privacyLevel selfOnly."),
        "url_ownership_unverified" => Common.Misconfigured(answer,
            "The address of this instance is not verified in TikTok's developer portal: photos are fetched from there."),
        "privacy_level_option_mismatch" => Common.Content(answer, "TikTok does not offer this privacyLevel to the account."),
        "invalid_param" or "invalid_params" => Common.Content(answer),
        _ => answer.Status switch
        {
            HttpStatusCode.Unauthorized => Common.Expired(answer),
            HttpStatusCode.TooManyRequests => Common.RateLimited(answer),
            HttpStatusCode.Forbidden => Common.Restricted(answer),
            HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity =>
                Common.Content(answer),
            _ => Common.Misconfigured(answer),
        },
    };

    /// <summary>A refusal; no header says how long to wait, so the code does.</summary>
    public static PublishOutcome Refusal(PublishWork work, ProviderAnswer answer, DateTimeOffset now)
    {
        var error = Of(answer);
        if (error.Code != DeliveryErrorCode.ProviderRateLimited) return ProviderErrors.Refusal(answer, error);
        var isLong = answer.Code is "spam_risk_too_many_posts" or "spam_risk_too_many_pending_share" or "reached_active_user_cap";
        if (isLong)
            work.Learn(new LearnedBudget(0, now + Hours,
                answer.Code == "reached_active_user_cap" ? BudgetScope.App : BudgetScope.Profile));
        return new PublishOutcome.Deferred(error, answer.Wait ?? (isLong ? Hours : AMinute));
    }

    /// <summary>What an answer before anything is public means.</summary>
    public static PublishOutcome Before(PublishWork work, ProviderAnswer answer, DateTimeOffset now) =>
        TikTokClient.SaysNothing(answer) || TikTokClient.IsOk(answer)
            ? new PublishOutcome.Retry(Common.Unavailable(answer), answer.Wait) : Refusal(work, answer, now);

    /// <summary>Why a post that was on its way failed.</summary>
    public static PublishOutcome OfFailure(string? reason)
    {
        var said = new ProviderError(reason, null, null);
        return reason switch
        {
            "internal" or "video_pull_failed" or "photo_pull_failed" =>
                new PublishOutcome.Retry(Common.Unavailable() with { Provider = said }),
            "auth_removed" => new PublishOutcome.Rejected(Common.Revoked() with { Provider = said }),
            "spam_risk_too_many_posts" or "spam_risk_user_banned_from_posting" =>
                new PublishOutcome.Rejected(Common.Restricted() with { Provider = said }),
            "spam_risk" or "spam_risk_text" or "publish_cancelled" or null =>
                new PublishOutcome.Rejected(Common.Content() with { Provider = said }),
            _ => new PublishOutcome.Rejected(Common.Media(null, $"TikTok does not take the file ({reason}).") with { Provider = said }),
        };
    }
}
