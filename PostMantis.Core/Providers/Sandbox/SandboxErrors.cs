using System.Net;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>What the network's refusals mean.</summary>
internal static class SandboxErrors
{
    public static ProviderErrors Common { get; } = new("The sandbox network");

    /// <summary>What an answer that is not a yes means.</summary>
    public static DeliveryError Of(ProviderAnswer answer) => (answer.Status, answer.Code) switch
    {
        _ when answer.Silence is not null || answer.IsServerFault || answer.IsSuccess => Common.Unavailable(answer),
        (HttpStatusCode.Unauthorized, "token_expired") => Common.Expired(answer),
        (HttpStatusCode.Unauthorized, _) => Common.Revoked(answer),
        (HttpStatusCode.TooManyRequests, _) => Common.RateLimited(answer),
        (HttpStatusCode.UnprocessableEntity, "media_rejected") => Common.Media(answer),
        (HttpStatusCode.UnprocessableEntity, _) => Common.Content(answer),
        (HttpStatusCode.Forbidden or HttpStatusCode.NotFound, _) => Common.Restricted(answer),
        _ => Common.Misconfigured(answer),
    };
}
