using System.Net;
using static PostMantis.Core.Providers.DeliveryErrorCode;

namespace PostMantis.Core.Providers;

/// <summary>The errors every network has, in the words of one; what an answer means is each network's own table.</summary>
/// <param name="network">What people call it.</param>
internal sealed class ProviderErrors(string network)
{
    public DeliveryError Unavailable(ProviderAnswer? answer = null) => new(ProviderUnavailable,
        $"{network} gave no answer that can be read.", NextStep.Wait, Retryable: true, answer?.Error);

    /// <summary>The grant is over: only a person can renew it.</summary>
    public DeliveryError Revoked(ProviderAnswer? answer = null) => new(AuthRevoked,
        $"{network} no longer accepts this account's consent; connect it again.", NextStep.Reconnect, Retryable: false,
        answer?.Error);

    /// <summary>The token is not taken; a renewed one may be.</summary>
    public DeliveryError Expired(ProviderAnswer? answer = null) => new(AuthRevoked,
        $"{network} did not take the access token; it is renewed.", NextStep.Wait, Retryable: true, answer?.Error);

    public DeliveryError RateLimited(ProviderAnswer? answer = null) => new(ProviderRateLimited,
        $"{network} asks us to slow down.", NextStep.Wait, Retryable: true, answer?.Error);

    public DeliveryError Content(ProviderAnswer? answer = null, string? message = null) => new(ContentRejected,
        message ?? $"{network} does not take this post as it is.", NextStep.EditAndRetry, Retryable: false, answer?.Error);

    public DeliveryError Media(ProviderAnswer? answer = null, string? message = null) => new(MediaRejected,
        message ?? $"{network} does not take one of the files.", NextStep.EditAndRetry, Retryable: false, answer?.Error);

    public DeliveryError Restricted(ProviderAnswer? answer = null, string? message = null) => new(AccountRestricted,
        message ?? $"{network} does not let this account publish there.", NextStep.AskOwner, Retryable: false, answer?.Error);

    public DeliveryError Misconfigured(ProviderAnswer? answer = null, string? message = null) => new(ProviderMisconfigured,
        message ?? $"{network} did not understand us.", NextStep.AskOperator, Retryable: false, answer?.Error);

    /// <summary>Consent was given for less than publishing needs.</summary>
    public DeliveryError MissingScopes(IEnumerable<string> missing) => new(AccountRestricted,
        $"{network} was told not to let PostMantis do all it needs ({string.Join(", ", missing)}). Connect again and leave "
        + "every permission ticked.", NextStep.Reconnect, Retryable: true);

    /// <summary>A file is not where it should be; nothing was sent of it.</summary>
    public static DeliveryError MissingFile() => new(MediaUnavailable, "A media file is not there to be sent.",
        NextStep.EditAndRetry, Retryable: false);

    /// <summary>What an answer means that comes before anything can be public.</summary>
    public PublishOutcome BeforePublic(ProviderAnswer answer, DeliveryError error) =>
        answer.SaysNothing ? new PublishOutcome.Retry(Unavailable(answer), answer.Wait) : Refusal(answer, error);

    /// <summary>What an answer that is no yes means for the call that makes a post public.</summary>
    public PublishOutcome OfPublicCall(ProviderAnswer answer, DeliveryError error) => answer switch
    {
        { Silence: ProviderSilence.NotSent } => new PublishOutcome.Retry(Unavailable(answer)),
        { Silence: ProviderSilence.Lost } => new PublishOutcome.Unconfirmed("connection_lost"),
        { IsServerFault: true } => new PublishOutcome.Unconfirmed("server_error", answer.Error),
        { IsSuccess: true } => new PublishOutcome.Unconfirmed("unreadable_answer", answer.Error),
        _ => Refusal(answer, error),
    };

    /// <summary>Waiting helps, trying again may help, or neither does: by what the error says of itself.</summary>
    public static PublishOutcome Refusal(ProviderAnswer answer, DeliveryError error) => error switch
    {
        { Code: ProviderRateLimited or BudgetExhausted } => new PublishOutcome.Deferred(error, answer.Wait),
        { Code: AuthRevoked, Retryable: true } => new PublishOutcome.Deferred(error, null),
        { Retryable: true } => new PublishOutcome.Retry(error, answer.Wait),
        _ => new PublishOutcome.Rejected(error),
    };

    /// <summary>What a refusal to renew means: only <paramref name="isDefinite"/> asks for a person.</summary>
    public RefreshOutcome OfRefresh(ProviderAnswer answer, bool isDefinite) => isDefinite && !answer.SaysNothing
        ? new RefreshOutcome.Revoked(Revoked(answer))
        : new RefreshOutcome.Transient(Unavailable(answer), answer.Wait);

    /// <summary>Whether the status is one of the usual for a call that came too often.</summary>
    public static bool IsTooMany(ProviderAnswer answer) => answer.Status == HttpStatusCode.TooManyRequests;
}
