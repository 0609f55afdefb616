using PostMantis.Core.Connections;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>A delivery in the hands of a worker, as it was when the claim committed.</summary>
/// <param name="Attempt">The attempt this claim opened, or resumes.</param>
/// <param name="IsResumed">The attempt was open already: a poll, or a worker before us that stopped.</param>
/// <param name="Provider">Null when this build has no adapter for the network.</param>
/// <param name="SameContentUnknown">Another delivery of the same content to the profile is being reconciled.</param>
internal sealed record ClaimedDelivery(WorkLease Lease, Delivery Delivery, Profile Profile, Attempt Attempt,
    bool IsResumed, IProvider? Provider, bool SameContentUnknown, DateTimeOffset ClaimedAt)
{
    /// <summary>This claim reserved room in the delivery's budgets, at <see cref="ClaimedAt"/>.</summary>
    public bool IsBudgeted { get; init; }

    /// <summary>
    /// An earlier claim of this attempt may have made the root public: only an answer that looked for it says more.
    /// </summary>
    public bool MayBeLive => !Delivery.IsRootLive && IsResumed && Attempt.CalledAt is not null
        && Attempt.CanRepeat;

    public PublishTarget Target => new(Profile.Id, Profile.ProviderProfileId, Profile.Facts);

    public override string ToString() => $"{nameof(ClaimedDelivery)} {Delivery.Id}";
}

/// <summary>Deliveries claimed together, with the grants to publish them by, still sealed.</summary>
internal sealed record ClaimedDeliveries(IReadOnlyList<ClaimedDelivery> Deliveries, IReadOnlyList<Connection> Connections)
{
    public static ClaimedDeliveries None { get; } = new([], []);
}
