namespace PostMantis.Core.Providers;

/// <summary>Why a delivery could not be published: the contract's closed list (contract §3).</summary>
public enum DeliveryErrorCode
{
    ContentRejected,
    MediaRejected,
    MediaUnavailable,
    DuplicateContent,
    ProviderRateLimited,
    BudgetExhausted,
    AuthRevoked,
    ProfileDisconnected,
    AccountRestricted,
    ProviderUnavailable,
    ProviderMisconfigured,
    TooLate,
    OutcomeUnknown,
    PublisherFault,
}

/// <summary>What a person or program should do about a delivery error.</summary>
public enum NextStep
{
    EditAndRetry,
    Reconnect,
    AskOwner,
    AskOperator,
    Resolve,
    Retry,
    Wait,
}

/// <summary>What the network itself said, cut and cleaned before it is stored.</summary>
public sealed record ProviderError(string? Code, string? Message, int? HttpStatus);

/// <summary>An error as callers read it on a delivery, a part or an attempt.</summary>
/// <param name="Retryable">Whether the same content may succeed if sent again.</param>
/// <param name="DocUrl">Path of the page that explains the code.</param>
public sealed record DeliveryError(
    DeliveryErrorCode Code, string Message, NextStep NextStep, bool Retryable, ProviderError? Provider = null,
    string? DocUrl = null);
