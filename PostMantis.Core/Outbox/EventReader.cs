using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;

namespace PostMantis.Core.Outbox;

/// <summary>Which events are asked for; every filter narrows, several values of one filter widen it.</summary>
/// <param name="Types">Of <see cref="EventTypes.All"/>.</param>
/// <param name="After">When it happened, inclusive; <paramref name="Before"/> is exclusive.</param>
/// <param name="MostLookedThrough">How many events a page looks through at most, if fewer than the instance allows.</param>
public sealed record EventQuery(
    IReadOnlyList<string>? Types = null,
    IReadOnlyList<Guid>? PostId = null,
    IReadOnlyList<Guid>? ProfileId = null,
    IReadOnlyList<string>? Provider = null,
    DateTimeOffset? After = null,
    DateTimeOffset? Before = null,
    int? MostLookedThrough = null);

/// <summary>Reads numbered events as far as the caller's scope reaches; what has no number yet is never shown.</summary>
public sealed class EventReader(PostMantisDb db, IOptions<EventOptions> options)
{
    // Looking up the deliveries of a post costs more than looking at an event.
    private const int CostOfScope = 5;
    private const int RowsAtOnce = 500;

    /// <summary>The events that come after a number, oldest first.</summary>
    /// <param name="afterSequence">The last number that was read; null starts with the oldest event that is kept.</param>
    /// <returns>A page that may be short, even empty, while it says that there is more.</returns>
    /// <exception cref="ProblemException">
    /// cursorExpired: events after <paramref name="afterSequence"/> were erased already; <c>oldestSequence</c> says which is
    /// the first that can still be read. invalidRequest: the slice's cursor is none.
    /// </exception>
    public async Task<Page<EventResource>> FollowAsync(
        Caller caller, long? afterSequence, EventQuery query, PageRequest slice, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(slice);
        var after = Position(slice.Cursor) ?? afterSequence;
        var events = Numbered(caller, Filter(await InScopeAsync(caller, ct), query));
        var (oldest, newest) = await EndsAsync(caller.UserId, ct);
        var from = after ?? oldest - 1;
        var until = slice.IsNumbered || from > newest ? long.MaxValue : from + WindowOf(caller);
        events = events.Where(e => e.Sequence > from && e.Sequence <= until);
        var page = await PageAsync(events, events.OrderBy(e => e.Sequence), slice, until < newest ? until : null, ct);

        // Asked last: what was erased while the page was read is found to be missing.
        if (after is { } position) await RequireKeptAsync(caller.UserId, position, ct);
        return page;
    }

    /// <summary>What happened to posts and deliveries, newest first.</summary>
    /// <inheritdoc cref="LatestAsync"/>
    public Task<Page<EventResource>> LogAsync(Caller caller, EventQuery query, PageRequest slice, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        return LatestAsync(caller, query.Types is { Count: > 0 } ? query : query with { Types = EventTypes.OfPublishing },
            slice, ct);
    }

    /// <summary>Every row of the log that matches, newest first, a page at a time: nothing is held but one of them.</summary>
    public async IAsyncEnumerable<IReadOnlyList<EventResource>> ReadLogAsync(
        Caller caller, EventQuery query, [EnumeratorCancellation] CancellationToken ct)
    {
        string? cursor = null;
        do
        {
            var page = await LogAsync(caller, query, new PageRequest(RowsAtOnce, cursor), ct);
            if (page.Items.Count > 0) yield return page.Items;
            cursor = page.HasMore ? page.NextCursor : null;
        }
        while (cursor is not null);
    }

    /// <summary>Every kind of event, newest first.</summary>
    /// <returns>A page that may be short, even empty, while it says that there is more.</returns>
    /// <exception cref="ProblemException">invalidRequest: the slice's cursor is none.</exception>
    public async Task<Page<EventResource>> LatestAsync(
        Caller caller, EventQuery query, PageRequest slice, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(slice);
        var before = Position(slice.Cursor);
        var events = Numbered(caller, Filter(await InScopeAsync(caller, ct), query));
        var (oldest, newest) = await EndsAsync(caller.UserId, ct);
        var from = before is { } number && number <= newest ? number : newest + 1;

        // The events of a post have an index of their own.
        var until = slice.IsNumbered || query.PostId is { Count: > 0 } ? 0 : Math.Max(0, from - Math.Min(WindowOf(caller), query.MostLookedThrough ?? int.MaxValue));
        events = events.Where(e => e.Sequence < from && e.Sequence >= until);
        return await PageAsync(events, events.OrderByDescending(e => e.Sequence), slice, until > oldest ? until : null, ct);
    }

    /// <param name="looked">Where the search goes on when this page is not filled; null when nothing is left to look at.</param>
    private static async Task<Page<EventResource>> PageAsync(IQueryable<NumberedEvent> events,
        IOrderedQueryable<NumberedEvent> ordered,
        PageRequest slice, long? looked, CancellationToken ct)
    {
        int? total = null;
        if (slice.IsNumbered) total = await events.Select(e => e.Sequence).Take(PageRequest.MostCounted + 1).CountAsync(ct);
        var found = await ordered.Skip(slice.Skip).Take(slice.Size + 1).ToListAsync(ct);
        var page = Page<EventResource>.Of(found, slice, total, e => Text(e.Sequence),
            e => EventResource.From(e.Event, e.Sequence));
        return page.HasMore || looked is not { } position ? page : page with { NextCursor = Text(position), HasMore = true };
    }

    private IQueryable<NumberedEvent> Numbered(Caller caller, IQueryable<Event> events)
    {
        var userId = caller.UserId;
        return db.EventNumbers.Where(n => n.UserId == userId).Join(events, n => n.EventId, e => e.Id,
            (n, e) => new NumberedEvent { Sequence = n.Sequence, Event = e });
    }

    private int WindowOf(Caller caller) =>
        caller.IsNarrowed() ? options.Value.MostLookedThrough / CostOfScope : options.Value.MostLookedThrough;

    private static string Text(long sequence) => sequence.ToString(CultureInfo.InvariantCulture);

    // The first and the last number that can be read; (1, 0) when there is none.
    private async Task<(long Oldest, long Newest)> EndsAsync(Guid userId, CancellationToken ct)
    {
        var mine = db.EventNumbers.Where(n => n.UserId == userId).Select(n => (long?)n.Sequence);
        return (await mine.OrderBy(s => s).FirstOrDefaultAsync(ct) ?? 1,
            await mine.OrderByDescending(s => s).FirstOrDefaultAsync(ct) ?? 0);
    }

    private static IQueryable<Event> Filter(IQueryable<Event> events, EventQuery query)
    {
        if (query.Types is { Count: > 0 } types) events = events.Where(e => types.Contains(e.Type));
        if (query.PostId is { Count: > 0 } posts) events = events.Where(e => posts.Contains(e.PostId!.Value));
        if (query.ProfileId is { Count: > 0 } profiles) events = events.Where(e => profiles.Contains(e.ProfileId!.Value));
        if (query.Provider is { Count: > 0 } providers) events = events.Where(e => providers.Contains(e.Provider!));
        if (query.After is { } after) events = events.Where(e => e.CreatedAt >= after);
        if (query.Before is { } before) events = events.Where(e => e.CreatedAt < before);
        return events;
    }

    // A cursor of events is the last number that was read.
    private static long? Position(string? cursor)
    {
        if (cursor is null) return null;
        if (long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
        throw ProblemException.Invalid(new Issue("cursor", Rule.WrongFormat, "This is not a cursor of this list.",
            Fix: "Use nextCursor as it came."));
    }

    // The user's own, of the caller's mode. A narrowed key sees the events of posts that it may see, of its profiles, and of
    // artifacts, which belong to no profile.
    private async Task<IQueryable<Event>> InScopeAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var events = db.Events.AsNoTracking();
        if (caller.IsNarrowed())
        {
            var visible = await db.Profiles.InScope(caller).Select(p => p.Id).ToArrayAsync(ct);
            events = db.Events.FromSql($"""
                SELECT e.* FROM events e
                WHERE (e.profile_id IS NULL OR e.profile_id = ANY({visible}))
                  AND CASE WHEN e.post_id IS NULL THEN e.profile_id IS NOT NULL OR e.type LIKE 'artifact.%'
                      ELSE EXISTS (SELECT FROM posts p WHERE p.id = e.post_id)
                          AND NOT EXISTS (SELECT FROM deliveries d
                                          WHERE d.post_id = e.post_id AND d.profile_id <> ALL({visible})) END
                """).AsNoTracking();
        }
        var userId = caller.UserId;
        events = events.Where(e => e.UserId == userId);
        return caller.TestMode is { } testMode ? events.Where(e => e.TestMode == testMode) : events;
    }

    private async Task RequireKeptAsync(Guid userId, long afterSequence, CancellationToken ct)
    {
        var oldest = await db.EventNumbers.Where(n => n.UserId == userId).OrderBy(n => n.Sequence)
            .Select(n => (long?)n.Sequence).FirstOrDefaultAsync(ct);
        oldest ??= await db.EventSequences.Where(s => s.UserId == userId).Select(s => (long?)s.Last + 1)
            .FirstOrDefaultAsync(ct) ?? 1;
        if (afterSequence >= oldest - 1) return;
        throw new ProblemException(ProblemCode.CursorExpired,
            $"Events after {afterSequence} are no longer all kept. The oldest that is has the sequence {oldest}.",
            extensions: new Dictionary<string, object?> { ["oldestSequence"] = oldest });
    }

    private sealed record NumberedEvent
    {
        public required long Sequence { get; init; }
        public required Event Event { get; init; }
    }
}
