using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

/// <summary>
/// A person and a worker want the same delivery in the same instant, many times over: one of them wins, and both sides,
/// and the network, say the same.
/// </summary>
public sealed class LifecycleRaceTests : IAsyncLifetime
{
    private const int Rounds = 120;
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await PublishingWorld.StartAsync(
        new Dictionary<string, string?>
        {
            ["Deliveries:RetryBase"] = "00:00:00.1",
            ["Deliveries:DeferFor"] = "00:00:01",
        }, movedClock: false);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Canceled_is_not_published_and_published_is_not_canceled()
    {
        var won = await RaceAsync("Cancel", (editor, post) => editor.CancelAsync(_world.Person, post, null, default));
        await JudgeAsync(won, async (post, hasWon) =>
        {
            Assert.Equal(hasWon ? PostStatus.Canceled : PostStatus.Completed, post.Status);
            Assert.Equal(hasWon ? DeliveryStatus.Canceled : DeliveryStatus.Published,
                Assert.Single(post.Deliveries).Status);
            Assert.Equal(hasWon ? 0 : 1, await _world.TimesAsync(post.Body!));
        });
    }

    [Fact]
    public async Task An_accepted_edit_is_what_the_network_shows()
    {
        var won = await RaceAsync("Edit", (editor, post) => editor.UpdateAsync(_world.Person, post,
            new JsonObject { ["post"] = new JsonObject { ["body"] = $"Edited {post}" } }, null, default));
        await JudgeAsync(won, async (post, hasWon) =>
        {
            Assert.Equal(hasWon, post.Body == $"Edited {post.Id}");
            Assert.Equal(DeliveryStatus.Published, Assert.Single(post.Deliveries).Status);
            Assert.Equal(1, await _world.TimesAsync(post.Body!));
        });
        Assert.Equal(Rounds, (await _world.Sandbox.PostsAsync()).Count);
    }

    [Fact]
    public async Task A_rescheduled_post_waits_for_its_new_moment()
    {
        var later = TimeProvider.System.GetUtcNow().AddHours(1);
        var won = await RaceAsync("Move", (editor, post) => editor.PublishAsync(_world.Person, post,
            new JsonObject { ["scheduledAt"] = UtcMillisecondsConverter.Format(later) }, null, default));
        await JudgeAsync(won, async (post, hasWon) =>
        {
            var delivery = Assert.Single(post.Deliveries);
            Assert.Equal(hasWon ? DeliveryStatus.Pending : DeliveryStatus.Published, delivery.Status);
            Assert.Equal(hasWon, delivery.ScheduledAt > TimeProvider.System.GetUtcNow().AddMinutes(30));
            Assert.Equal(hasWon ? 0 : 1, await _world.TimesAsync(post.Body!));
        });
    }

    [Fact]
    public async Task A_draft_is_deleted_or_published()
    {
        var gone = new HashSet<Guid>();
        for (var n = 0; n < Rounds; n++)
        {
            var body = PublishingWorld.Body($"Draft {n}", [_world.Pages[n % 4]]);
            body["post"]!["draft"] = true;
            var draft = await _world.CreateAsync(body);
            var both = await Task.WhenAll(
                TryAsync(editor => editor.DeleteAsync(_world.Person, draft.Id, null, default)),
                TryAsync(editor => editor.PublishAsync(_world.Person, draft.Id, [], null, default)));
            Assert.NotEqual(both[0], both[1]);
            if (both[0]) gone.Add(draft.Id);
            var isThere = await _world.Host.InDatabaseAsync(db => db.Posts.AnyAsync(p => p.Id == draft.Id));
            Assert.Equal(both[1], isThere);
        }
        await DrainAsync();
        Assert.Equal(Rounds - gone.Count, (await _world.Sandbox.PostsAsync()).Count);
    }

    [Fact]
    public async Task A_disconnected_profile_publishes_nothing_that_is_shown_as_failed()
    {
        List<(Caller Person, Profile Page, Guid PostId)> raced = [];
        for (var n = 0; n < 24; n++)
        {
            var person = await Seed.UserAsync(_world.Host);
            var page = (await PublishingWorld.ConnectAsync(_world.Host, _world.Sandbox, person,
                $"lab-{(SettlementMode)(n % 4) switch
                {
                    SettlementMode.Idempotent => "idempotent",
                    SettlementMode.Probe => "probe",
                    SettlementMode.ReadBack => "read-back",
                    _ => "none",
                }}"))[0];
            var post = await _world.CreateAsync(PublishingWorld.Body($"Disconnected {n}", [page]), person);
            raced.Add((person, page, post.Id));
        }
        await Task.WhenAll(raced.Select(one => Task.Run(() => _world.Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<ProfileDisconnector>().DisconnectAsync(one.Person, one.Page.Id, default);
            return 0;
        }))).Append(Task.Run(DrainAsync)));
        await DrainAsync();

        foreach (var (_, page, postId) in raced)
        {
            var delivery = await _world.Host.InDatabaseAsync(db => db.Deliveries.SingleAsync(d => d.PostId == postId));
            var times = await _world.TimesAsync(delivery.Content.Body!);
            Assert.True(delivery.Status == DeliveryStatus.Published ? times == 1
                : delivery.Status == DeliveryStatus.Failed ? times == 0
                : delivery.Status == DeliveryStatus.Unknown && delivery.Phase is null,
                $"{page.ProviderProfileId}: {delivery.Status}/{delivery.Phase}, {times} in the feed");
        }
    }

    /// <summary>Accepts posts that are due at once, and lets a person at each while a worker claims.</summary>
    /// <returns>The posts, and whether the person won.</returns>
    private async Task<Dictionary<Guid, bool>> RaceAsync(string name, Func<PostEditor, Guid, Task> act)
    {
        var posts = new System.Collections.Concurrent.ConcurrentDictionary<Guid, bool>();
        var isOver = false;
        var head = 0;
        var worker = Task.Run(async () =>
        {
            while (!Volatile.Read(ref isOver)) await _world.Runner.RunOnceAsync(default);
        });
        await Parallel.ForEachAsync(Enumerable.Range(0, Rounds), new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (n, ct) =>
            {
                var post = await _world.PostAsync($"{name} {n}", _world.Pages[n % 4]);

                // Who won starts later next time, so that they keep meeting.
                var wait = TimeSpan.FromMilliseconds(Math.Max(0, Volatile.Read(ref head)));
                await Task.Delay(wait, TimeProvider.System, ct);
                var hasWon = posts[post.Id] = await TryAsync(editor => act(editor, post.Id));
                Interlocked.Add(ref head, hasWon ? 2 : -2);
            });
        await DrainAsync();
        Volatile.Write(ref isOver, true);
        await worker;
        Assert.Equal(Rounds, posts.Count);
        return new Dictionary<Guid, bool>(posts);
    }

    private async Task JudgeAsync(Dictionary<Guid, bool> won, Func<PostResource, bool, Task> judge)
    {
        foreach (var (id, hasWon) in won) await judge(await _world.ReadAsync(id), hasWon);

        // Else nothing raced.
        Assert.Contains(won, one => one.Value);
        Assert.Contains(won, one => !one.Value);
    }

    /// <returns>Whether it was done; false when it was refused because of the state.</returns>
    private Task<bool> TryAsync(Func<PostEditor, Task> act) => _world.Host.InScopeAsync(async services =>
    {
        try
        {
            await act(services.GetRequiredService<PostEditor>());
            return true;
        }
        catch (ProblemException e) when (e.Code is ProblemCode.Conflict or ProblemCode.NotFound)
        {
            return false;
        }
    });

    /// <summary>Until nothing that is due is open.</summary>
    private async Task DrainAsync()
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await IsOpenAsync())
        {
            await _world.Runner.RunOnceAsync(default);
            await _world.Reconciler.RunOnceAsync(default);
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience, "It does not settle.");
        }

        Task<bool> IsOpenAsync()
        {
            var soon = TimeProvider.System.GetUtcNow().AddMinutes(10);
            return _world.Host.InDatabaseAsync(db => db.Deliveries.AnyAsync(d => d.Phase != null && d.ScheduledAt < soon
                && db.Posts.Any(p => p.Id == d.PostId && p.Status != PostStatus.Draft)));
        }
    }
}
