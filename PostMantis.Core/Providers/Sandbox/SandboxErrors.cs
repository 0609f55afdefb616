using System.Net;
using static PostMantis.Core.Providers.DeliveryErrorCode;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>What the network's refusals mean.</summary>
internal static class SandboxErrors
{
    public static DeliveryError Unavailable(SandboxAnswer? answer = null) => new(ProviderUnavailable,
        "The sandbox network gave no answer that can be read.", NextStep.Wait, Retryable: true, answer?.Provider);

    /// <summary>What an answer that is not a yes means.</summary>
    public static DeliveryError Of(SandboxAnswer answer) => (answer.Status, answer.Code) switch
    {
        _ when answer.Silence is not null || answer.IsServerFault || answer.IsSuccess => Unavailable(answer),
        (HttpStatusCode.Unauthorized, "token_expired") => new(AuthRevoked, "The access token has expired.",
            NextStep.Wait, true, answer.Provider),
        (HttpStatusCode.Unauthorized, _) => new(AuthRevoked, "The grant has been ended.", NextStep.Reconnect, false,
            answer.Provider),
        (HttpStatusCode.TooManyRequests, _) => new(ProviderRateLimited, "The network asks us to slow down.",
            NextStep.Wait, true, answer.Provider),
        (HttpStatusCode.UnprocessableEntity, _) => new(ContentRejected, "The network does not take this text.",
            NextStep.EditAndRetry, false, answer.Provider),
        (HttpStatusCode.Forbidden or HttpStatusCode.NotFound, _) => new(AccountRestricted,
            "The account may not publish there.", NextStep.AskOwner, false, answer.Provider),
        _ => new(ProviderMisconfigured, "The network did not understand us.", NextStep.AskOperator, false, answer.Provider),
    };
}
