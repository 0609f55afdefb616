using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>What becomes of a claim.</summary>
internal enum SettlementKind
{
    /// <summary>The work item goes: the delivery is settled, or unknown and handed to the reconciler.</summary>
    End,

    /// <summary>The attempt ends and another will follow.</summary>
    Again,

    /// <summary>Nothing was sent and the network or we ask for patience: the attempt ends and is no try.</summary>
    Defer,

    /// <summary>The same attempt goes on later: a poll, a lost answer that repeating finds, or work given back.</summary>
    Continue,
}

/// <summary>One claim with its outcome, decided before the transaction that stores it.</summary>
/// <param name="Outcome">What the adapter said; null for work given back untouched.</param>
/// <param name="RunAt">When it is looked at again, unless it ends.</param>
/// <param name="Phase">What the delivery does meanwhile.</param>
/// <param name="Reason">Why it is deferred.</param>
/// <param name="Counts">Whether this claim counts as a try of the work item.</param>
internal sealed record Settlement(ClaimedDelivery Claimed, SettlementKind Kind, AttemptVerdict? Verdict,
    PublishOutcome? Outcome, DeliveryError? Error, DateTimeOffset? RunAt, DeliveryPhase? Phase, string? Reason,
    bool Counts, DateTimeOffset? CallStartedAt, IReadOnlyList<AttemptStep> Steps, string? Traceparent)
{
    public WorkLease Lease => Claimed.Lease;

    /// <summary>What the network's answers said about budgets.</summary>
    public IReadOnlyList<LearnedBudget> Learned { get; init; } = [];

    /// <summary>
    /// Whether the room this claim reserved comes back: the attempt ended, and nothing was created or even asked for.
    /// </summary>
    public bool FreesBudget => Claimed.IsBudgeted && Verdict switch
    {
        AttemptVerdict.Deferred => true,
        AttemptVerdict.Retry or AttemptVerdict.Rejected =>
            CallStartedAt is null && !Steps.Any(step => step.Name == "handle"),
        _ => false,
    };

    public override string ToString() => $"{nameof(Settlement)} {Claimed.Delivery.Id} {Kind}";
}

/// <summary>Says what an outcome means for the delivery: the one table between adapters and states.</summary>
internal static class Verdicts
{
    /// <param name="sample">Random, from 0 to below 1: the jitter of a wait.</param>
    public static Settlement Decide(ClaimedDelivery claimed, PublishOutcome outcome, DeliveryOptions options,
        DateTimeOffset now, double sample, DateTimeOffset? callStartedAt, IReadOnlyList<AttemptStep> steps,
        string? traceparent)
    {
        var (lease, attempt) = (claimed.Lease, claimed.Attempt);
        if (claimed.MayBeLive && !Proves(outcome)) return StillUnconfirmed();
        return outcome switch
        {
            PublishOutcome.Published => End(AttemptVerdict.Published, null),
            PublishOutcome.Incomplete incomplete => End(AttemptVerdict.Incomplete, incomplete.Error),
            PublishOutcome.Rejected rejected => End(AttemptVerdict.Rejected, rejected.Error),
            PublishOutcome.Retry retry => Again(retry),
            PublishOutcome.Deferred deferred => Wait(SettlementKind.Defer, AttemptVerdict.Deferred, deferred.Error,
                now + RetryPolicy.Delay(options, deferred.Error.Code, 1, deferred.RetryAfter ?? options.DeferFor, sample),
                DeliveryPhase.Deferred, Common.CamelCase.Of(deferred.Error.Code), counts: false),
            PublishOutcome.Processing processing when now - attempt.StartedAt < options.ProcessFor =>
                Wait(SettlementKind.Continue, null, null, now + Positive(processing.CheckAfter), DeliveryPhase.Processing,
                    null, counts: false),
            PublishOutcome.Processing => End(AttemptVerdict.Unconfirmed, Errors.Unknown("processing_too_long", null)),
            PublishOutcome.Unconfirmed unconfirmed => Unconfirmed(unconfirmed),
            _ => throw new System.Diagnostics.UnreachableException(),
        };

        Settlement End(AttemptVerdict verdict, DeliveryError? error) => new(claimed, SettlementKind.End, verdict, outcome,
            error, null, null, null, true, callStartedAt, steps, traceparent);

        Settlement Wait(SettlementKind kind, AttemptVerdict? verdict, DeliveryError? error, DateTimeOffset runAt,
            DeliveryPhase phase, string? reason, bool counts) => new(claimed, kind, verdict, outcome, error, runAt,
            phase, reason, counts, callStartedAt, steps, traceparent);

        Settlement Again(PublishOutcome.Retry retry)
        {
            var runAt = now + RetryPolicy.Delay(options, retry.Error.Code, lease.Tries, retry.RetryAfter, sample);
            var isLast = lease.Tries >= options.MaxTries || runAt - lease.CreatedAt > Longest(claimed, options);
            return isLast
                ? End(AttemptVerdict.Retry, retry.Error)
                : Wait(SettlementKind.Again, AttemptVerdict.Retry, retry.Error, runAt, DeliveryPhase.Retrying, null, true);
        }

        Settlement Unconfirmed(PublishOutcome.Unconfirmed lost) =>
            Resume(Errors.Unknown(lost.Cause, lost.Provider), null, counts: true);

        // The same key or handle finds out by itself; nobody may cancel it meanwhile, so it is not "retrying".
        Settlement Resume(DeliveryError error, TimeSpan? after, bool counts) =>
            attempt.CanRepeat && now - attempt.StartedAt < options.ResumeFor
                ? Wait(SettlementKind.Continue, null, error, now + RetryPolicy.Delay(options, error.Code, lease.Tries, after,
                    sample), DeliveryPhase.Processing, null, counts)
                : End(AttemptVerdict.Unconfirmed, error);

        // The network was told before, and this time it never came to the question.
        Settlement StillUnconfirmed() => outcome switch
        {
            PublishOutcome.Retry retry => Resume(Lost(retry.Error), retry.RetryAfter, counts: true),
            PublishOutcome.Deferred deferred =>
                Resume(Lost(deferred.Error), deferred.RetryAfter ?? options.DeferFor, counts: false),
            PublishOutcome.Rejected rejected => End(AttemptVerdict.Unconfirmed, Lost(rejected.Error)),
            _ => throw new System.Diagnostics.UnreachableException(),
        };

        static DeliveryError Lost(DeliveryError why) =>
            Errors.Unknown(Common.CamelCase.Of(why.Code), why.Provider);
    }

    // A key or a handle that is answered about the content itself was looked up; every other refusal comes before that.
    private static bool Proves(PublishOutcome outcome) => outcome switch
    {
        PublishOutcome.Rejected rejected => rejected.Error.Code
            is DeliveryErrorCode.ContentRejected or DeliveryErrorCode.MediaRejected,
        PublishOutcome.Retry or PublishOutcome.Deferred => false,
        _ => true,
    };

    /// <summary>Gives a claim back that was not begun: the process stops.</summary>
    public static Settlement GiveBack(ClaimedDelivery claimed, DateTimeOffset now, IReadOnlyList<AttemptStep> steps,
        string? traceparent) => new(claimed, SettlementKind.Continue, null, null, null, now,
        claimed.MayBeLive || claimed.Attempt.Handles.Count > 0 ? DeliveryPhase.Processing : DeliveryPhase.Retrying, null, false, null, steps,
        traceparent);

    private static TimeSpan Longest(ClaimedDelivery claimed, DeliveryOptions options) =>
        claimed.Delivery.ScheduledAt is { } moment && moment > claimed.Lease.CreatedAt
            ? moment - claimed.Lease.CreatedAt + options.TryFor
            : options.TryFor;

    private static TimeSpan Positive(TimeSpan wait) => wait > TimeSpan.Zero ? wait : TimeSpan.FromSeconds(1);
}

/// <summary>Errors that PostMantis itself gives a delivery.</summary>
internal static class Errors
{
    public static DeliveryError Unknown(string cause, ProviderError? provider) => Make(DeliveryErrorCode.OutcomeUnknown,
        "The network may have taken this post; its answer was lost.", NextStep.Resolve, retryable: false,
        provider ?? new ProviderError(cause, null, null));

    public static DeliveryError TooLate { get; } = Make(DeliveryErrorCode.TooLate,
        "Its moment passed longer ago than allowed before it could be sent.", NextStep.Retry, retryable: true);

    public static DeliveryError Disconnected { get; } = Make(DeliveryErrorCode.ProfileDisconnected,
        "The profile was disconnected.", NextStep.Reconnect, retryable: true);

    public static DeliveryError AuthRevoked { get; } = Make(DeliveryErrorCode.AuthRevoked,
        "The network no longer accepts this account's consent; connect it again.", NextStep.Reconnect, retryable: true);

    public static DeliveryError NoAdapter { get; } = Make(DeliveryErrorCode.ProviderMisconfigured,
        "This instance cannot publish to that network.", NextStep.AskOperator, retryable: true);

    public static DeliveryError Fault { get; } = Make(DeliveryErrorCode.PublisherFault,
        "Publishing failed inside PostMantis before anything was sent.", NextStep.AskOperator, retryable: true);

    public static DeliveryError NotNow(DeliveryErrorCode code, string message) =>
        Make(code, message, NextStep.Wait, retryable: true);

    private static DeliveryError Make(DeliveryErrorCode code, string message, NextStep next, bool retryable,
        ProviderError? provider = null) => new(code, message, next, retryable, provider);
}
