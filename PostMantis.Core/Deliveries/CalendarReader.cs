using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>Which posts a calendar shows; every filter narrows.</summary>
/// <param name="States">Statuses; none: any.</param>
/// <param name="Outcomes">Outcomes of completed posts; a post matches by its status or by its outcome.</param>
public sealed record CalendarQuery(Guid? ProfileId = null, string? Provider = null, Guid? BrandId = null,
    IReadOnlyList<PostStatus>? States = null, IReadOnlyList<PostOutcome>? Outcomes = null);

/// <summary>One post in a calendar.</summary>
/// <param name="Excerpt">The beginning of its body.</param>
/// <param name="MayMove">Nothing of it has started, as far as can be seen here: its moment may be changed.</param>
public sealed record CalendarPost(Guid Id, string? Excerpt, PostStatus Status, PostOutcome? Outcome, DateTimeOffset At,
    int Revision, bool MayMove, IReadOnlyList<string> Providers, IReadOnlyList<string> Profiles);

/// <summary>What is planned and was published on one day.</summary>
/// <param name="Total">All posts of the day, of which only the first are in <paramref name="Posts"/>.</param>
public sealed record CalendarDay(DateTimeOffset From, DateTimeOffset Until, int Total, IReadOnlyList<CalendarPost> Posts);

/// <summary>Reads posts by their moment, day by day: two queries, however many days and posts there are.</summary>
public sealed class CalendarReader(PostMantisDb db)
{
    private const int ExcerptLength = 160;

    /// <summary>The posts of each of <paramref name="days"/>, which a time zone cuts to 23, 24 or 25 hours.</summary>
    /// <param name="most">Posts of one day at most; the total tells how many there are.</param>
    public async Task<IReadOnlyList<CalendarDay>> ReadAsync(Caller caller, CalendarQuery query,
        IReadOnlyList<(DateTimeOffset From, DateTimeOffset Until)> days, int most, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(days);
        var userId = caller.UserId;
        DateTimeOffset[] from = [.. days.Select(d => d.From.ToUniversalTime())];
        DateTimeOffset[] until = [.. days.Select(d => d.Until.ToUniversalTime())];
        string[] states = [.. (query.States ?? []).Select(Stored)], outcomes = [.. (query.Outcomes ?? []).Select(Stored)];
        var (any, profileId, provider, brandId) = (states.Length + outcomes.Length == 0, query.ProfileId, query.Provider, query.BrandId);
        var rows = await db.Database.SqlQuery<Row>($"""
            SELECT day.n::int AS day, p.id, p.excerpt, p.status, p.outcome, p.scheduled_at, p.revision, p.total
            FROM unnest({from}, {until}) WITH ORDINALITY AS day(since, until, n)
            CROSS JOIN LATERAL (
                SELECT id, left(content ->> 'body', {ExcerptLength}) AS excerpt, status, outcome, scheduled_at, revision,
                    (count(*) OVER ())::int AS total
                FROM posts
                WHERE user_id = {userId} AND scheduled_at >= day.since AND scheduled_at < day.until
                    AND ({any} OR status = ANY({states}) OR outcome = ANY({outcomes}))
                    AND (({profileId}::uuid IS NULL AND {provider}::text IS NULL AND {brandId}::uuid IS NULL) OR EXISTS (
                        SELECT 1 FROM deliveries d
                        WHERE d.post_id = posts.id AND ({profileId}::uuid IS NULL OR d.profile_id = {profileId})
                            AND ({provider}::text IS NULL OR d.provider = {provider})
                            AND ({brandId}::uuid IS NULL OR d.profile_id = ANY(ARRAY(
                                SELECT pr.id FROM profiles pr WHERE pr.user_id = {userId} AND pr.brand_id = {brandId})))))
                ORDER BY scheduled_at, id LIMIT {most}) p
            ORDER BY day.n, p.scheduled_at, p.id
            """).ToListAsync(ct);
        var ids = rows.ConvertAll(row => row.Id);
        var deliveries = (ids.Count == 0
            ? []
            : await db.Deliveries.AsNoTracking().Where(d => ids.Contains(d.PostId)).OrderBy(d => d.Position)
                .Select(d => new { d.PostId, d.Provider, d.ProfileName, d.Status, d.StartedAt }).ToListAsync(ct))
            .ToLookup(d => d.PostId);
        return [.. days.Select((day, i) =>
        {
            var mine = rows.Where(row => row.Day == i + 1).ToList();
            return new CalendarDay(day.From, day.Until, mine.Count == 0 ? 0 : mine[0].Total, [.. mine.Select(row =>
            {
                var to = deliveries[row.Id].ToList();
                var status = Known<PostStatus>(row.Status);
                return new CalendarPost(row.Id, row.Excerpt, status, row.Outcome is null ? null : Known<PostOutcome>(row.Outcome),
                    row.ScheduledAt, row.Revision,
                    status == PostStatus.Draft || (status is PostStatus.Pending or PostStatus.Scheduled
                        && to.TrueForAll(d => d.Status == DeliveryStatus.Pending && d.StartedAt is null)),
                    [.. to.Select(d => d.Provider).Distinct()], [.. to.Select(d => d.ProfileName)]);
            })]);
        })];
    }

    private static string Stored<TEnum>(TEnum value)
        where TEnum : struct, Enum => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static TEnum Known<TEnum>(string stored)
        where TEnum : struct, Enum => Array.Find(Enum.GetValues<TEnum>(), value => Stored(value) == stored);

    private sealed record Row
    {
        public int Day { get; init; }
        public Guid Id { get; init; }
        public string? Excerpt { get; init; }
        public string Status { get; init; } = "";
        public string? Outcome { get; init; }
        public DateTimeOffset ScheduledAt { get; init; }
        public int Revision { get; init; }
        public int Total { get; init; }
    }
}
