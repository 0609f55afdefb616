using System.Net;
using static PostMantis.Core.Providers.DeliveryErrorCode;

namespace PostMantis.Core.Providers;

/// <summary>
/// What the answers of one network mean. The errors are every network's, in the words of one; a network derives from this to
/// say what its own codes mean and how long it asks to wait, and its status decides the rest.
/// </summary>
/// <param name="network">What people call it.</param>
internal class ProviderErrors(string network)
{
    protected string Network => network;

    public DeliveryError Unavailable(ProviderAnswer? answer = null) => new(ProviderUnavailable,
        $"{network} gave no answer that can be read.", NextStep.Wait, Retryable: true, answer?.Error);

    /// <summary>The grant is over: only a person can renew it.</summary>
    public DeliveryError Revoked(ProviderAnswer? answer = null) => new(AuthRevoked,
        $"{network} no longer accepts this account's consent; connect it again.", NextStep.Reconnect, Retryable: false,
        answer?.Error);

    /// <summary>The token is not taken; a renewed one may be.</summary>
    public DeliveryError Expired(ProviderAnswer? answer = null) => new(AuthRevoked,
        $"{network} did not take the access token; it is renewed.", NextStep.Wait, Retryable: true, answer?.Error);

    public DeliveryError RateLimited(ProviderAnswer? answer = null, string? message = null) => new(ProviderRateLimited,
        message ?? $"{network} asks us to slow down.", NextStep.Wait, Retryable: true, answer?.Error);

    public DeliveryError Content(ProviderAnswer? answer = null, string? message = null) => new(ContentRejected,
        message ?? $"{network} does not take this post as it is.", NextStep.EditAndRetry, Retryable: false, answer?.Error);

    public DeliveryError Duplicate(ProviderAnswer? answer = null, string? message = null) => new(DuplicateContent,
        message ?? $"{network} has the same post already.", NextStep.EditAndRetry, Retryable: false, answer?.Error);

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

    /// <summary>Neither a no nor the yes that was hoped for.</summary>
    public virtual bool SaysNothing(ProviderAnswer answer) => answer.SaysNothing || answer.IsSuccess;

    /// <summary>What an answer means that is not the yes that was hoped for.</summary>
    /// <param name="isFile">Whether the call brought a file.</param>
    public virtual DeliveryError Of(ProviderAnswer answer, bool isFile = false) =>
        SaysNothing(answer) ? Unavailable(answer) : Own(answer, isFile) ?? OfStatus(answer, isFile);

    /// <summary>As the other; without a refresh token nothing renews what is not taken.</summary>
    public DeliveryError Of(ProviderAnswer answer, GrantTokens tokens, bool isFile = false) =>
        Of(answer, isFile) is var error && error is { Code: AuthRevoked, Retryable: true } && tokens.RefreshToken is null
            ? Revoked(answer) : error;

    /// <summary>What an answer means that comes before anything can be public.</summary>
    public virtual PublishOutcome BeforePublic(PublishWork work, ProviderAnswer answer, bool isFile = false) =>
        SaysNothing(answer) ? new PublishOutcome.Retry(Unavailable(answer), answer.Wait) : Refusal(work, answer, isFile);

    /// <summary>What an answer that is no yes means for the call that makes a post public.</summary>
    public virtual PublishOutcome OfPublicCall(PublishWork work, ProviderAnswer answer) => answer switch
    {
        { Silence: ProviderSilence.NotSent } => new PublishOutcome.Retry(Unavailable(answer)),
        { Silence: ProviderSilence.Lost } => new PublishOutcome.Unconfirmed("connection_lost"),
        { IsServerFault: true } => new PublishOutcome.Unconfirmed("server_error", answer.Error),
        _ when SaysNothing(answer) => new PublishOutcome.Unconfirmed("unreadable_answer", answer.Error),
        _ => Refusal(work, answer),
    };

    /// <summary>Opens the short time in which a marked call may be made, and says that it starts.</summary>
    /// <returns>Why it must not be made; null when it may.</returns>
    public async Task<PublishOutcome?> MarkAsync(PublishWork work, CancellationToken ct)
    {
        if (!(await work.MarkAsync(ct)).IsOpen) return new PublishOutcome.Retry(Unavailable());
        work.CallStarts();
        return null;
    }

    /// <summary>What the state of a file means that the network works on.</summary>
    /// <param name="stateOf">Reads it, of an answer that is a yes.</param>
    /// <param name="why">Why it failed, where the network says.</param>
    /// <returns>Null: it is ready.</returns>
    public PublishOutcome? OfWork(
        PublishWork work, ProviderAnswer answer, Func<string?, RemoteState> stateOf, TimeSpan again, string? why = null) =>
        answer.SaysNothing ? new PublishOutcome.Processing(again)
        : !answer.IsSuccess ? Refusal(work, answer)
        : stateOf(answer.Body.Text("status")) switch
        {
            RemoteState.Ready => null,
            RemoteState.Failed => new PublishOutcome.Rejected(Media(answer,
                $"{network} could not work with one of the files{(why is null ? "" : $" ({why})")}.")),
            _ => new PublishOutcome.Processing(again),
        };

    /// <summary>Why the trade of a code gave no tokens.</summary>
    public virtual DeliveryError OfTrade(ProviderAnswer answer) => answer switch
    {
        { SaysNothing: true } or { IsSuccess: true, Code: null } => Unavailable(answer),
        { Code: "invalid_client" or "unauthorized_client" or "redirect_uri_mismatch" } =>
            Misconfigured(answer, $"{network} does not know this app, its secret or its address."),
        _ => Revoked(answer),
    };

    /// <summary>What a refusal to renew means: only <paramref name="isDefinite"/> asks for a person.</summary>
    public RefreshOutcome OfRefresh(ProviderAnswer answer, bool isDefinite) => isDefinite && !answer.SaysNothing
        ? new RefreshOutcome.Revoked(Revoked(answer))
        : new RefreshOutcome.Transient(Unavailable(answer), answer.Wait);

    /// <summary>What the network's own codes mean; null: its status says enough.</summary>
    protected virtual DeliveryError? Own(ProviderAnswer answer, bool isFile) => null;

    /// <summary>How long to wait for an allowance that is used up.</summary>
    protected virtual TimeSpan? WaitOf(ProviderAnswer answer) => answer.Wait;

    /// <summary>Whose allowance a code says is used up until that wait is over; null: nobody else need know.</summary>
    protected virtual BudgetScope? UsedUp(ProviderAnswer answer) => null;

    // Waiting helps, trying again may help, or neither does: by what the error says of itself.
    private PublishOutcome Refusal(PublishWork work, ProviderAnswer answer, bool isFile = false)
    {
        switch (Of(answer, work.Tokens, isFile))
        {
            case { Code: ProviderRateLimited or BudgetExhausted } full:
                var wait = WaitOf(answer);
                if (wait is { } known && UsedUp(answer) is { } scope) work.Learn(new LearnedBudget(0, answer.Now + known, scope));
                return new PublishOutcome.Deferred(full, wait);
            case { Code: AuthRevoked, Retryable: true } expired:
                return new PublishOutcome.Deferred(expired, null);
            case { Retryable: true } passing:
                return new PublishOutcome.Retry(passing, answer.Wait);
            case var error:
                return new PublishOutcome.Rejected(error);
        }
    }

    private DeliveryError OfStatus(ProviderAnswer answer, bool isFile) => answer.Status switch
    {
        HttpStatusCode.Unauthorized => Expired(answer),
        HttpStatusCode.Forbidden => Restricted(answer),
        HttpStatusCode.TooManyRequests => RateLimited(answer),
        HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnsupportedMediaType => Media(answer),
        HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity =>
            isFile ? Media(answer) : Content(answer),
        _ => Misconfigured(answer),
    };
}
