using System.Net;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>What LinkedIn's refusals mean.</summary>
internal sealed class LinkedInErrors() : ProviderErrors("LinkedIn")
{
    private static readonly TimeSpan LongestPatience = TimeSpan.FromMinutes(15);

    public static LinkedInErrors All { get; } = new();

    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => (answer.Status, answer.Code) switch
    {
        (HttpStatusCode.Unauthorized or HttpStatusCode.TooManyRequests, _) => null,
        (HttpStatusCode.Forbidden, _) => Restricted(answer,
            "LinkedIn does not let this member post there: the role at the page or a permission is missing."),
        (HttpStatusCode.UpgradeRequired, _) or (_, "VERSION_MISSING" or "NONEXISTENT_VERSION") => Misconfigured(answer,
            $"LinkedIn no longer knows this version of its API; the operator sets {LinkedInSettings.Section}:Version."),
        (HttpStatusCode.UnprocessableEntity, _) when answer.Code == "DUPLICATE_POST"
            || answer.Error.Message?.Contains("duplicate", StringComparison.OrdinalIgnoreCase) == true =>
            Duplicate(answer, "LinkedIn has taken the same content from this author within ten minutes."),
        (HttpStatusCode.Conflict, _) or (_, "MEDIA_ASSET_WAITING_UPLOAD" or "EXPIRED_UPLOAD_URL") => Unavailable(answer),
        (_, "MEDIA_ASSET_PROCESSING_FAILED" or "INVALID_IMAGE_ID") => Media(answer),
        _ => null,
    };

    // Nobody says how long: the day's allowance comes back at midnight UTC, others sooner.
    protected override TimeSpan? WaitOf(ProviderAnswer answer)
    {
        var toMidnight = answer.Now.UtcDateTime.Date.AddDays(1) - answer.Now.UtcDateTime;
        return answer.Wait ?? (toMidnight < LongestPatience ? toMidnight : LongestPatience);
    }
}
