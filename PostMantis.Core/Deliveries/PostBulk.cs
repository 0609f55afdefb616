using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Deliveries;

/// <summary>What became of one post of many.</summary>
/// <param name="Problem">Why nothing was done; null: it was.</param>
public sealed record BulkResult(Guid PostId, string? Problem);

/// <summary>
/// Cancels, moves and retries many posts: each by the command that does it to one, in a transaction of its own, so that what
/// is refused leaves the others alone.
/// </summary>
public sealed class PostBulk(PostMantisDb db, IServiceScopeFactory scopes, TimeProvider time)
{
    /// <summary>Posts at once.</summary>
    public const int Most = 100;

    /// <summary>Those of <paramref name="ids"/> that the caller may see, newest first; two queries.</summary>
    public async Task<IReadOnlyList<PostResource>> ReadAsync(Caller caller, IReadOnlyCollection<Guid> ids, CancellationToken ct)
    {
        var wanted = ids.Take(Most).ToArray();
        if (wanted.Length == 0) return [];
        var posts = await PostReader.InScope(db, caller).AsNoTracking().Where(p => wanted.Contains(p.Id))
            .OrderByDescending(p => p.CreatedAt).ThenByDescending(p => p.Id).ToListAsync(ct);
        var found = posts.ConvertAll(p => p.Id);
        var deliveries = (await db.Deliveries.AsNoTracking().Where(d => found.Contains(d.PostId)).OrderBy(d => d.Position)
            .ToListAsync(ct)).ToLookup(d => d.PostId);
        var now = time.GetUtcNow();
        return posts.ConvertAll(post => PostResource.From(post, [.. deliveries[post.Id]], caller, now));
    }

    /// <summary>Cancels whatever of each post has not started.</summary>
    public Task<IReadOnlyList<BulkResult>> CancelAsync(Caller caller, IReadOnlyList<PostResource> posts, CancellationToken ct) =>
        EachAsync(posts, (editor, post) => editor.CancelAsync(caller, post.Id, null, ct));

    /// <summary>Sends every delivery again that may be.</summary>
    public Task<IReadOnlyList<BulkResult>> RetryAsync(Caller caller, IReadOnlyList<PostResource> posts, CancellationToken ct) =>
        EachAsync(posts, async (editor, post) =>
        {
            var failed = post.Deliveries.Where(d => d.Actions.Contains(PostActions.Retry)).ToList();
            if (failed.Count == 0)
                throw ProblemException.Conflict("Nothing of it can be retried.", CamelCase.Of(post.Status), post.Actions);
            foreach (var delivery in failed) await editor.RetryAsync(caller, post.Id, delivery.Id, [], null, ct);
        });

    /// <summary>Gives each post another moment, where nothing of it has started.</summary>
    public Task<IReadOnlyList<BulkResult>> MoveAsync(Caller caller, IReadOnlyList<PostResource> posts,
        IReadOnlyDictionary<Guid, DateTimeOffset> moments, CancellationToken ct) =>
        EachAsync(posts, (editor, post) => editor.UpdateAsync(caller, post.Id, new JsonObject
        {
            ["post"] = new JsonObject { ["scheduledAt"] = UtcMillisecondsConverter.Format(moments[post.Id]) },
        }, post.Revision, ct));

    // A scope each: what a refused command left unsaved must not be saved by the next.
    private async Task<IReadOnlyList<BulkResult>> EachAsync(IReadOnlyList<PostResource> posts, Func<PostEditor, PostResource, Task> command)
    {
        ArgumentNullException.ThrowIfNull(posts);
        List<BulkResult> results = [];
        foreach (var post in posts)
        {
            await using var scope = scopes.CreateAsyncScope();
            try
            {
                await command(scope.ServiceProvider.GetRequiredService<PostEditor>(), post);
                results.Add(new BulkResult(post.Id, null));
            }
            catch (ProblemException problem)
            {
                results.Add(new BulkResult(post.Id, problem.Issues.Count > 0 ? problem.Issues[0].Message : problem.Message));
            }
        }
        return results;
    }
}
