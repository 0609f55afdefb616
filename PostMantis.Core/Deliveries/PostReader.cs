using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;

namespace PostMantis.Core.Deliveries;

/// <summary>Reads posts, their deliveries and the ledger, as far as the caller's scope reaches.</summary>
public sealed class PostReader(PostMantisDb db, TimeProvider time)
{
    // Sorts after every real moment, as "no moment yet" should.
    private static readonly DateTimeOffset NoMoment = new(9999, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>One post with its deliveries.</summary>
    /// <exception cref="ProblemException">notFound: absent, or out of scope.</exception>
    public async Task<PostResource> GetAsync(Caller caller, Guid postId, CancellationToken ct)
    {
        var post = await InScope(db, caller).AsNoTracking().SingleOrDefaultAsync(p => p.Id == postId, ct)
            ?? throw ProblemException.NotFound("post");
        var deliveries = await db.Deliveries.AsNoTracking().Where(d => d.PostId == postId)
            .OrderBy(d => d.Position).ToListAsync(ct);
        return PostResource.From(post, deliveries, caller, time.GetUtcNow());
    }

    /// <summary>One slice of the posts that match <paramref name="query"/>.</summary>
    public async Task<Page<PostResource>> ListAsync(
        Caller caller, PostQuery query, PageRequest slice, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(slice);
        var sort = (query.Descending ? "-" : "") + CamelCase.Of(query.Sort);
        var posts = Filter(InScope(db, caller).AsNoTracking(), query);
        if (query.BrandId is { Count: > 0 } brands)
        {
            // Asked for first: a list of profiles is looked up post by post, a join over all of them is not.
            var profiles = await db.Profiles.InScope(caller).Where(p => p.BrandId != null && brands.Contains(p.BrandId.Value))
                .Select(p => p.Id).ToListAsync(ct);
            posts = posts.Where(p => db.Deliveries.Any(d => d.PostId == p.Id && profiles.Contains(d.ProfileId)));
        }

        int? total = null;
        if (slice.IsNumbered) total = await posts.Select(p => p.Id).Take(PageRequest.MostCounted + 1).CountAsync(ct);

        var rows = Order(posts, query, Cursor.Parse(slice.Cursor, sort));
        var found = await rows.Skip(slice.Skip).Take(slice.Size + 1).ToListAsync(ct);
        var ids = found.Take(slice.Size).Select(p => p.Id).ToList();
        var deliveries = (await db.Deliveries.AsNoTracking().Where(d => ids.Contains(d.PostId))
            .OrderBy(d => d.Position).ToListAsync(ct)).ToLookup(d => d.PostId);
        var now = time.GetUtcNow();
        return Page<PostResource>.Of(found, slice, total, p => new Cursor(sort, SortTime(p, query.Sort), p.Id),
            p => PostResource.From(p, [.. deliveries[p.Id]], caller, now));
    }

    /// <summary>The ledger of one delivery, oldest first.</summary>
    /// <exception cref="ProblemException">notFound: post or delivery is absent, or out of scope.</exception>
    public async Task<IReadOnlyList<AttemptResource>> AttemptsAsync(
        Caller caller, Guid postId, Guid deliveryId, CancellationToken ct)
    {
        if (!await InScope(db, caller).AnyAsync(p => p.Id == postId, ct)) throw ProblemException.NotFound("post");
        if (!await db.Deliveries.AnyAsync(d => d.Id == deliveryId && d.PostId == postId, ct))
            throw ProblemException.NotFound("delivery");
        var attempts = await db.Attempts.AsNoTracking().Where(a => a.DeliveryId == deliveryId)
            .OrderBy(a => a.Number).ToListAsync(ct);
        return attempts.ConvertAll(AttemptResource.From);
    }

    /// <summary>One post with everything a person asks of it: its deliveries, their ledgers, its trace.</summary>
    /// <exception cref="ProblemException">notFound: absent, or out of scope.</exception>
    public async Task<PostDetail> DetailAsync(Caller caller, Guid postId, CancellationToken ct)
    {
        var post = await InScope(db, caller).AsNoTracking().SingleOrDefaultAsync(p => p.Id == postId, ct)
            ?? throw ProblemException.NotFound("post");
        var deliveries = await db.Deliveries.AsNoTracking().Where(d => d.PostId == postId)
            .OrderBy(d => d.Position).ToListAsync(ct);
        var ids = deliveries.ConvertAll(d => d.Id);
        var attempts = await db.Attempts.AsNoTracking().Where(a => ids.Contains(a.DeliveryId))
            .OrderBy(a => a.Number).ToListAsync(ct);
        return new PostDetail(PostResource.From(post, deliveries, caller, time.GetUtcNow()), post.AcceptedAt,
            ActivityContext.TryParse(post.Traceparent, null, out var trace) ? trace.TraceId.ToString() : null,
            attempts.ToLookup(a => a.DeliveryId, AttemptResource.From));
    }

    /// <summary>The posts a caller may see: its user's, of its mode, and only with every delivery in its scope.</summary>
    internal static IQueryable<Post> InScope(PostMantisDb db, Caller caller)
    {
        var userId = caller.UserId;
        var posts = db.Posts.Where(p => p.UserId == userId);
        if (caller.TestMode is { } testMode) posts = posts.Where(p => p.TestMode == testMode);
        if (!caller.IsNarrowed()) return posts;
        var visible = db.Profiles.InScope(caller).Select(p => p.Id);
        return posts.Where(p => !db.Deliveries.Any(d => d.PostId == p.Id && !visible.Contains(d.ProfileId)));
    }

    private IQueryable<Post> Filter(IQueryable<Post> posts, PostQuery query)
    {
        if (query.Status is { Count: > 0 } status) posts = posts.Where(p => status.Contains(p.Status));
        if (query.Outcome is { Count: > 0 } outcomes)
            posts = posts.Where(p => p.Outcome != null && outcomes.Contains(p.Outcome.Value));
        if (query.ByKey is { } key) posts = posts.Where(p => p.CreatedById == key || p.AcceptedById == key);
        if (query.NeedsAttention is { } attention) posts = posts.Where(p => p.NeedsAttention == attention);
        if (query.ForPersonSince is { } since)
        {
            // In the words of the index that has them.
            posts = posts.Where(p => p.NeedsAttention || p.Outcome == PostOutcome.Failed || p.Outcome == PostOutcome.Partial)
                .Where(p => p.NeedsAttention || p.UpdatedAt >= since);
        }
        if (query.ExternalId is { Count: > 0 } externalIds)
            posts = posts.Where(p => p.ExternalId != null && externalIds.Contains(p.ExternalId));
        if (query.DeliveryStatus is { Count: > 0 } deliveryStatus)
            posts = posts.Where(p => db.Deliveries.Any(d => d.PostId == p.Id && deliveryStatus.Contains(d.Status)));
        if (query.ProfileIds is { Count: > 0 } profileIds)
            posts = posts.Where(p => db.Deliveries.Any(d => d.PostId == p.Id && profileIds.Contains(d.ProfileId)));
        if (query.Providers is { Count: > 0 } providers)
            posts = posts.Where(p => db.Deliveries.Any(d => d.PostId == p.Id && providers.Contains(d.Provider)));
        if (query.Metadata is { Count: > 0 } metadata)
        {
            var wanted = JsonSerializer.Serialize(metadata, Json.Options);
            posts = posts.Where(p => EF.Functions.JsonContains(p.Metadata, wanted));
        }
        if (query.ScheduledAfter is { } sa) posts = posts.Where(p => p.ScheduledAt >= sa);
        if (query.ScheduledBefore is { } sb) posts = posts.Where(p => p.ScheduledAt < sb);
        if (query.CreatedAfter is { } ca) posts = posts.Where(p => p.CreatedAt >= ca);
        if (query.CreatedBefore is { } cb) posts = posts.Where(p => p.CreatedAt < cb);
        if (query.UpdatedAfter is { } ua) posts = posts.Where(p => p.UpdatedAt >= ua);
        if (query.UpdatedBefore is { } ub) posts = posts.Where(p => p.UpdatedAt < ub);
        return posts;
    }

    private static IQueryable<Post> Order(IQueryable<Post> posts, PostQuery query, Cursor? after)
    {
        var (at, id) = (after?.At ?? default, after?.Id ?? default);
        return (query.Sort, query.Descending) switch
        {
            (PostSort.CreatedAt, true) => After(posts, after, p => p.CreatedAt < at || (p.CreatedAt == at && p.Id < id))
                .OrderByDescending(p => p.CreatedAt).ThenByDescending(p => p.Id),
            (PostSort.CreatedAt, false) => After(posts, after, p => p.CreatedAt > at || (p.CreatedAt == at && p.Id > id))
                .OrderBy(p => p.CreatedAt).ThenBy(p => p.Id),
            (PostSort.UpdatedAt, true) => After(posts, after, p => p.UpdatedAt < at || (p.UpdatedAt == at && p.Id < id))
                .OrderByDescending(p => p.UpdatedAt).ThenByDescending(p => p.Id),
            (PostSort.UpdatedAt, false) => After(posts, after, p => p.UpdatedAt > at || (p.UpdatedAt == at && p.Id > id))
                .OrderBy(p => p.UpdatedAt).ThenBy(p => p.Id),
            (_, true) => After(posts, after, p => (p.ScheduledAt ?? NoMoment) < at
                    || ((p.ScheduledAt ?? NoMoment) == at && p.Id < id))
                .OrderByDescending(p => p.ScheduledAt ?? NoMoment).ThenByDescending(p => p.Id),
            (_, false) => After(posts, after, p => (p.ScheduledAt ?? NoMoment) > at
                    || ((p.ScheduledAt ?? NoMoment) == at && p.Id > id))
                .OrderBy(p => p.ScheduledAt ?? NoMoment).ThenBy(p => p.Id),
        };
    }

    private static IQueryable<Post> After(
        IQueryable<Post> posts, Cursor? after, System.Linq.Expressions.Expression<Func<Post, bool>> beyond) =>
        after is null ? posts : posts.Where(beyond);

    private static DateTimeOffset SortTime(Post post, PostSort sort) => sort switch
    {
        PostSort.CreatedAt => post.CreatedAt,
        PostSort.UpdatedAt => post.UpdatedAt,
        _ => post.ScheduledAt ?? NoMoment,
    };
}
