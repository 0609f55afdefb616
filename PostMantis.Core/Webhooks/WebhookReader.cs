using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Webhooks;

/// <summary>How an endpoint does, at a glance.</summary>
public sealed record WebhookHealth
{
    public Guid EndpointId { get; init; }

    /// <summary>Of the latest attempts within a day.</summary>
    public int Succeeded { get; init; }
    public int Failed { get; init; }

    /// <summary>Messages that wait; exact to <see cref="WebhookReader.MostCounted"/>.</summary>
    public int Waiting { get; init; }
    public DateTimeOffset? NextAttemptAt { get; init; }
    public DateTimeOffset? LastAttemptAt { get; init; }

    /// <summary>Of the attempts that were counted, from 0 to 1; null: there were none.</summary>
    public double? SuccessRate => Succeeded + Failed == 0 ? null : (double)Succeeded / (Succeeded + Failed);
}

/// <summary>Which messages are wanted.</summary>
public sealed record MessageQuery(MessageStatus? Status = null, string? Type = null);

/// <summary>A message with its event and its attempts.</summary>
/// <param name="Event">As it is sent; null: it is no longer kept.</param>
public sealed record MessageDetail(WebhookMessage Message, EventResource? Event, IReadOnlyList<WebhookAttempt> Attempts);

/// <summary>What an endpoint was told of a post.</summary>
/// <param name="HappenedAt">When the event happened.</param>
/// <param name="DeliveryId">Which delivery it was about; null: the post.</param>
/// <param name="Attempts">Oldest first.</param>
public sealed record PostMessage(WebhookMessage Message, string EndpointName, DateTimeOffset HappenedAt, Guid? DeliveryId,
    IReadOnlyList<WebhookAttempt> Attempts);

/// <summary>A replay and how far it is.</summary>
/// <param name="Waiting">Of what it asked for.</param>
public sealed record ReplayProgress(WebhookReplay Replay, int Waiting)
{
    /// <summary>From 0 to 1: what it looked at, less what still waits.</summary>
    public double Done
    {
        get
        {
            var all = Replay.UntilSequence - Replay.FromSequence;
            return Replay.Status == ReplayStatus.Finished || all <= 0 ? 1
                : Math.Clamp((double)(Replay.Sequence - Replay.FromSequence - Waiting) / all, 0, 1);
        }
    }
}

/// <summary>Reads endpoints, messages and attempts for the person they belong to.</summary>
public sealed class WebhookReader(PostMantisDb db, TimeProvider time)
{
    /// <summary>Waiting messages are counted up to here.</summary>
    public const int MostCounted = 10_000;

    private const int LatestAttempts = 500;

    // So that a long queue in front of what was delivered is not walked through.
    private const int MostMessagesLookedAt = 5_000;
    private const int MostAttempts = 100;
    private const int MostReplays = 5;

    /// <summary>Messages of one post that are shown, the oldest first.</summary>
    public const int MostOfPost = 200;

    // A message's id follows from its event and its endpoint.
    private const string OfPostSql = $$"""
        SELECT m.* FROM events h JOIN webhook_endpoints w ON w.user_id = h.user_id
        JOIN webhook_messages m ON m.id = {{MessageSql.Id}}
        WHERE h.post_id = {0} AND h.user_id = {1}
        """;
    private const string Sort = "-id";

    /// <summary>The person's endpoints, newest first.</summary>
    public async Task<IReadOnlyList<WebhookEndpoint>> ListAsync(Caller caller, CancellationToken ct)
    {
        RequirePerson(caller);
        return await db.WebhookEndpoints.AsNoTracking().Where(e => e.UserId == caller.UserId && e.DeletedAt == null)
            .OrderByDescending(e => e.CreatedAt).ThenByDescending(e => e.Id).ToListAsync(ct);
    }

    /// <exception cref="ProblemException">notFound.</exception>
    public async Task<WebhookEndpoint> GetAsync(Caller caller, Guid endpointId, CancellationToken ct)
    {
        RequirePerson(caller);
        return await db.WebhookEndpoints.AsNoTracking()
            .SingleOrDefaultAsync(e => e.Id == endpointId && e.UserId == caller.UserId && e.DeletedAt == null, ct)
            ?? throw ProblemException.NotFound("webhook endpoint");
    }

    /// <summary>Endpoints that disabled themselves: what the person is to see wherever they are.</summary>
    public async Task<IReadOnlyList<WebhookEndpoint>> DisabledAsync(Caller caller, CancellationToken ct)
    {
        RequirePerson(caller);
        return await db.WebhookEndpoints.AsNoTracking().Where(e => e.UserId == caller.UserId && e.DeletedAt == null
            && e.DisabledAt != null && e.DisabledReason != DisabledReason.Person).OrderBy(e => e.Id).ToListAsync(ct);
    }

    /// <summary>How endpoints do, in one query.</summary>
    public async Task<IReadOnlyDictionary<Guid, WebhookHealth>> HealthAsync(
        Caller caller, IEnumerable<Guid> endpointIds, CancellationToken ct)
    {
        RequirePerson(caller);
        var (userId, ids, since) = (caller.UserId, endpointIds.ToArray(), Ids.Lowest(time.GetUtcNow().AddDays(-1)));
        var health = await db.Database.SqlQuery<WebhookHealth>($"""
            SELECT w.id AS endpoint_id, a.succeeded, a.failed, a.last_attempt_at, m.waiting,
                CASE WHEN w.disabled_at IS NULL THEN greatest(m.next_attempt_at, w.retry_at) END AS next_attempt_at
            FROM webhook_endpoints w
            CROSS JOIN LATERAL (
                SELECT (count(*) FILTER (WHERE error IS NULL))::int AS succeeded,
                    (count(*) FILTER (WHERE error IS NOT NULL))::int AS failed, max(started_at) AS last_attempt_at
                FROM (
                    (SELECT error, started_at FROM webhook_attempts WHERE endpoint_id = w.id AND id >= {since}
                    ORDER BY id DESC LIMIT {LatestAttempts})
                    UNION ALL (
                    SELECT NULL, first_try_at FROM (
                        SELECT first_try_at FROM webhook_messages WHERE endpoint_id = w.id AND id >= {since}
                        ORDER BY id DESC LIMIT {MostMessagesLookedAt}) told
                    WHERE first_try_at IS NOT NULL LIMIT {LatestAttempts})
                    ORDER BY started_at DESC LIMIT {LatestAttempts}) latest) a
            CROSS JOIN LATERAL (
                SELECT count(*)::int AS waiting, min(next_attempt_at) AS next_attempt_at
                FROM (SELECT p.next_attempt_at FROM generate_series(0, w.slots - 1) n CROSS JOIN LATERAL (
                    SELECT next_attempt_at FROM webhook_messages
                    WHERE lane = md5(w.id::text || ':' || n)::uuid AND status = 'pending'
                    ORDER BY next_attempt_at, sequence LIMIT {MostCounted}) p LIMIT {MostCounted}) pending) m
            WHERE w.user_id = {userId} AND w.id = ANY({ids})
            """).ToListAsync(ct);
        return health.ToDictionary(h => h.EndpointId);
    }

    /// <summary>One slice of an endpoint's messages, newest first.</summary>
    public async Task<Page<WebhookMessage>> MessagesAsync(
        Caller caller, Guid endpointId, MessageQuery query, PageRequest slice, CancellationToken ct)
    {
        RequirePerson(caller);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(slice);
        var messages = db.WebhookMessages.AsNoTracking().Where(m => m.EndpointId == endpointId && m.UserId == caller.UserId);
        if (query.Status is { } status) messages = messages.Where(m => m.Status == status);
        if (query.Type is { } type) messages = messages.Where(m => m.Type == type);
        if (Cursor.Parse(slice.Cursor, Sort) is { } after) messages = messages.Where(m => m.Id < after.Id);
        var found = await messages.OrderByDescending(m => m.Id).Take(slice.Size + 1).ToListAsync(ct);
        return Page<WebhookMessage>.Of(found, slice, null, m => new Cursor(Sort, m.CreatedAt, m.Id), m => m);
    }

    /// <exception cref="ProblemException">notFound.</exception>
    public async Task<MessageDetail> MessageAsync(Caller caller, Guid messageId, CancellationToken ct)
    {
        RequirePerson(caller);
        var message = await db.WebhookMessages.AsNoTracking()
            .SingleOrDefaultAsync(m => m.Id == messageId && m.UserId == caller.UserId
                && db.WebhookEndpoints.Any(e => e.Id == m.EndpointId && e.UserId == caller.UserId), ct)
            ?? throw ProblemException.NotFound("message");
        var happened = await db.Events.AsNoTracking()
            .SingleOrDefaultAsync(e => e.Id == message.EventId && e.UserId == caller.UserId, ct);
        var attempts = await db.WebhookAttempts.AsNoTracking().Where(a => a.MessageId == messageId)
            .OrderByDescending(a => a.Id).Take(MostAttempts).ToListAsync(ct);
        if (message.FirstAttempt is { } first) attempts.Add(first);
        return new MessageDetail(message, happened is null ? null : EventResource.From(happened, message.Sequence), attempts);
    }

    /// <summary>What endpoints were told of a post of the person, with every attempt, in two queries.</summary>
    public async Task<IReadOnlyList<PostMessage>> OfPostAsync(Caller caller, Guid postId, CancellationToken ct)
    {
        RequirePerson(caller);
        var told = await db.WebhookMessages.FromSqlRaw(OfPostSql, postId, caller.UserId).AsNoTracking()
            .Join(db.WebhookEndpoints, m => m.EndpointId, w => w.Id, (m, w) => new { Message = m, w.Name })
            .Join(db.Events, m => m.Message.EventId, e => e.Id, (m, e) => new { m.Message, m.Name, e.CreatedAt, e.DeliveryId })
            .OrderBy(m => m.Message.Sequence).ThenBy(m => m.Message.EndpointId).Take(MostOfPost).ToListAsync(ct);
        if (told.Count == 0) return [];
        var ids = told.ConvertAll(m => m.Message.Id);
        var attempts = (await db.WebhookAttempts.AsNoTracking().Where(a => ids.Contains(a.MessageId))
            .OrderBy(a => a.Id).ToListAsync(ct)).ToLookup(a => a.MessageId);
        return told.ConvertAll(m =>
            new PostMessage(m.Message, m.Name, m.CreatedAt, m.DeliveryId,
                m.Message.FirstAttempt is { } first ? [first, .. attempts[m.Message.Id]] : [.. attempts[m.Message.Id]]));
    }

    /// <summary>The latest replays of an endpoint.</summary>
    public async Task<IReadOnlyList<ReplayProgress>> ReplaysAsync(Caller caller, Guid endpointId, CancellationToken ct)
    {
        RequirePerson(caller);
        return await db.WebhookReplays.AsNoTracking().Where(r => r.EndpointId == endpointId && r.UserId == caller.UserId)
            .OrderByDescending(r => r.Id).Take(MostReplays)
            .Select(r => new ReplayProgress(r,
                db.WebhookMessages.Count(m => m.Status == MessageStatus.Pending && m.ReplayId == r.Id)))
            .ToListAsync(ct);
    }

    private static void RequirePerson(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }
}
