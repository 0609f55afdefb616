using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>One request to create a post, on its way to being accepted.</summary>
/// <param name="Traceparent">Of the request.</param>
/// <param name="Key">Its idempotency key, whose answer <paramref name="Write"/> writes out.</param>
/// <param name="Malformed">Why <paramref name="Input"/> cannot be read; told unless the key has an answer.</param>
internal sealed record Creation(Caller Caller, PostInput Input, string? Traceparent, KeyUse? Key = null,
    Func<AcceptedPost, KeyedAnswer>? Write = null, ProblemException? Malformed = null)
{
    public AcceptedPost? Accepted { get; set; }

    /// <summary>The first answer to its key.</summary>
    public IdempotencyKey? First { get; set; }

    public ProblemException? Refused { get; set; }

    /// <summary>What it comes to.</summary>
    public PostPlan? Plan { get; set; }

    /// <summary>Of the content for each profile, where that is known ahead.</summary>
    public IReadOnlyDictionary<Guid, byte[]>? Hashes { get; private set; }

    /// <summary>Of the post it will be.</summary>
    public Guid PostId { get; set; }

    public Post? Post { get; set; }

    public List<Delivery> Deliveries { get; set; } = [];

    /// <summary>Whether it may still be accepted.</summary>
    public bool IsOpen => First is null && Refused is null;

    /// <summary>Caps are counted one post at a time.</summary>
    public bool GoesAlone => Caller.Rules.DailyCap is not null;

    /// <summary>
    /// Whether what it says can be guarded before it is planned. Under a cap, the cap comes first; what media are is not
    /// known yet.
    /// </summary>
    public bool IsGuardedAhead => !Input.Draft && !Input.AllowDuplicate && !GoesAlone && !PostMedia.IsIn(Input.Content);

    /// <summary>Forgets a try that was rolled back.</summary>
    public void Reset() => (Accepted, First, Refused, Plan, Post, Deliveries) = (null, null, null, null, null, []);

    /// <summary>What it says, by its deliveries.</summary>
    public IEnumerable<DuplicateGuard.Said> Said() =>
        Deliveries.Select(d => DuplicateGuard.Said.By(d, d.ScheduledAt!.Value));

    /// <summary>The same, ahead of being planned.</summary>
    public IEnumerable<DuplicateGuard.Said> SaidAhead(DateTimeOffset now)
    {
        Hashes = Input.Profiles.ToDictionary(id => id,
            id => ContentRules.Hash(ContentRules.Resolve(Input.Content, id, ""), PlannedArtifacts.None.BytesOf));
        return Hashes.Select(hash => new DuplicateGuard.Said(PostId, hash.Key, hash.Value,
            Input.Content.Overrides.GetValueOrDefault(hash.Key)?.ScheduledAt ?? Input.ScheduledAt ?? now));
    }
}
