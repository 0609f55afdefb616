using System.Net;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>What LinkedIn's refusals mean.</summary>
internal static class LinkedInErrors
{
    public static ProviderErrors Common { get; } = new("LinkedIn");

    /// <summary>What an answer that is not a yes means.</summary>
    public static DeliveryError Of(ProviderAnswer answer, GrantTokens tokens) => (answer.Status, answer.Code) switch
    {
        _ when answer.SaysNothing => Common.Unavailable(answer),
        (HttpStatusCode.Unauthorized, _) => tokens.RefreshToken is null ? Common.Revoked(answer) : Common.Expired(answer),
        (HttpStatusCode.Forbidden, _) => Common.Restricted(answer,
            "LinkedIn does not let this member post there: the role at the page or a permission is missing."),
        (HttpStatusCode.UpgradeRequired, _) or (_, "VERSION_MISSING" or "NONEXISTENT_VERSION") => Common.Misconfigured(answer,
            $"LinkedIn no longer knows this version of its API; the operator sets {LinkedInSettings.Section}:Version."),
        (HttpStatusCode.TooManyRequests, _) => Common.RateLimited(answer),
        (HttpStatusCode.UnprocessableEntity, _) when IsDuplicate(answer) => new DeliveryError(
            DeliveryErrorCode.DuplicateContent, "LinkedIn has taken the same content from this author within ten minutes.",
            NextStep.EditAndRetry, Retryable: false, answer.Error),
        (_, "MEDIA_ASSET_WAITING_UPLOAD") => Common.Unavailable(answer),
        (HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnsupportedMediaType, _)
            or (_, "MEDIA_ASSET_PROCESSING_FAILED" or "INVALID_IMAGE_ID") => Common.Media(answer),
        (_, "EXPIRED_UPLOAD_URL") or (HttpStatusCode.Conflict, _) => Common.Unavailable(answer),
        (HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity or HttpStatusCode.NotFound, _) =>
            Common.Content(answer),
        _ => Common.Misconfigured(answer),
    };

    /// <summary>Nobody says how long: the day's allowance comes back at midnight UTC, others sooner.</summary>
    public static PublishOutcome Refusal(ProviderAnswer answer, DeliveryError error, DateTimeOffset now)
    {
        if (error.Code != DeliveryErrorCode.ProviderRateLimited || answer.Wait is not null)
            return ProviderErrors.Refusal(answer, error);
        var toMidnight = now.UtcDateTime.Date.AddDays(1) - now.UtcDateTime;
        return new PublishOutcome.Deferred(error, toMidnight < LongestPatience ? toMidnight : LongestPatience);
    }

    private static readonly TimeSpan LongestPatience = TimeSpan.FromMinutes(15);

    private static bool IsDuplicate(ProviderAnswer answer) => answer.Code == "DUPLICATE_POST"
        || answer.Error.Message?.Contains("duplicate", StringComparison.OrdinalIgnoreCase) == true;
}
