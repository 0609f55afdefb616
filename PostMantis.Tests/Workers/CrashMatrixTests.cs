using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Workers;

/// <summary>Where a process is killed on the way of a post.</summary>
public enum Boundary
{
    BeforeAcceptCommits,
    AfterAcceptCommits,
    BeforeClaimCommits,
    AfterClaimCommits,
    ContainerMade,
    BeforeHandleCommits,
    AfterHandleCommits,
    BeforeMarkCommits,
    AfterMarkCommits,
    ArrivedAtNetwork,
    TakenByNetwork,
    AnswerReceived,
    BeforeSettleCommits,
    AfterSettleCommits,
}

/// <summary>
/// The crash matrix: a real process is held at each boundary, for every settlement mode at once, and killed there; the
/// next one goes on. The network, in another process than the accused, judges what was published.
/// </summary>
public sealed class CrashMatrixTests(CrashMatrixTests.Stage stage) : IClassFixture<CrashMatrixTests.Stage>
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    public static TheoryData<Boundary> Boundaries => [.. Enum.GetValues<Boundary>()];

    [Theory]
    [MemberData(nameof(Boundaries))]
    public async Task Killed_there_nothing_is_lost_or_doubled_and_the_ledger_says_why(Boundary boundary)
    {
        var (world, body) = (stage.World, $"Killed at {boundary}");
        await stage.RunningAsync();
        var struck = await StrikeAsync(boundary, body);
        await stage.RunningAsync();
        await struck.AgainAsync();
        await stage.SettledAsync();

        var (post, deliveries) = await PostAsync(body);
        var feed = await world.Sandbox.PostsAsync();
        var ids = deliveries.ConvertAll(d => d.Id);
        var ledger = (await world.Host.InDatabaseAsync(db => db.Attempts.AsNoTracking()
            .Where(a => ids.Contains(a.DeliveryId)).ToListAsync())).ToLookup(a => a.DeliveryId);
        Assert.Equal(world.Pages.Count, deliveries.Count);
        Assert.Contains(deliveries, d => struck.Has(d.Id));
        foreach (var (delivery, mode) in deliveries.Zip(Enum.GetValues<SettlementMode>()))
        {
            var times = feed.Count(p => p.Body == body && p.Destination == $"lab-{PageName(mode)}");
            var attempts = ledger[delivery.Id].OrderBy(a => a.Number).ToList();
            var said = $"{boundary}, {mode}: {delivery.Status}, {times} in the feed, "
                + string.Join(" | ", attempts.Select(a =>
                    $"{a.Verdict}: {string.Join(' ', a.Steps.Select(s => s.Name))}"));

            // The judge: not twice, and shown as what it is.
            Assert.True(times <= 1, said);
            Assert.True(delivery.Status == DeliveryStatus.Published ? times == 1
                : delivery.Status == DeliveryStatus.Unknown && mode == SettlementMode.None, said);
            Assert.True(attempts.TrueForAll(a => a.FinishedAt is not null), said);

            // The ledger: what the crash interrupted, and how it was found out.
            Assert.True(Explains(boundary, mode, struck.Has(delivery.Id), delivery, attempts), said);
        }
        Assert.Equal(deliveries.Exists(d => d.Status == DeliveryStatus.Unknown), post.NeedsAttention);
        await JudgeAllAsync(feed);
    }

    /// <summary>What must stand in the ledger of a delivery that was at the boundary.</summary>
    private static bool Explains(
        Boundary boundary, SettlementMode mode, bool wasThere, Delivery delivery, List<Attempt> attempts)
    {
        if (!wasThere) return true;
        var expired = attempts.Count(a => a.Steps.Exists(s => s.Name == "leaseExpired"));
        var resumed = attempts.Exists(a => a.Steps.Exists(s => s.Name == "resumed"));
        var verdicts = attempts.ConvertAll(a => a.Verdict!.Value);
        return boundary switch
        {
            // Nothing of it happened, or all of it: one clean attempt.
            Boundary.BeforeAcceptCommits or Boundary.AfterAcceptCommits or Boundary.BeforeClaimCommits
                or Boundary.AfterSettleCommits => expired == 0 && verdicts is [AttemptVerdict.Published],

            // Provably not called: the attempt goes on where it was.
            Boundary.AfterClaimCommits or Boundary.ContainerMade or Boundary.BeforeHandleCommits
                or Boundary.AfterHandleCommits or Boundary.BeforeMarkCommits =>
                expired == 1 && resumed && verdicts is [AttemptVerdict.Published],

            // It may have been called, and repeating or probing finds out.
            _ when mode is SettlementMode.Idempotent or SettlementMode.Probe =>
                expired == 1 && resumed && verdicts is [AttemptVerdict.Published],

            // It may have been called and nobody can tell.
            _ when mode == SettlementMode.None => expired == 1 && delivery.Status == DeliveryStatus.Unknown
                && verdicts is [AttemptVerdict.Unconfirmed] && attempts[0].CalledAt is not null,

            // The listing proves that it never arrived, so it is sent again.
            Boundary.AfterMarkCommits or Boundary.ArrivedAtNetwork =>
                expired == 1 && verdicts is [AttemptVerdict.Unconfirmed, AttemptVerdict.Published],

            // The listing shows it.
            _ => expired == 1 && verdicts is [AttemptVerdict.Unconfirmed] && attempts[0].CalledAt is not null
                && delivery.ProviderPostId is not null,
        };
    }

    private Task<Struck> StrikeAsync(Boundary boundary, string body) => boundary switch
    {
        Boundary.BeforeAcceptCommits => AtAcceptAsync(body, HoldAt.BeforeCommit),
        Boundary.AfterAcceptCommits => AtAcceptAsync(body, HoldAt.AfterCommit),
        Boundary.BeforeClaimCommits => AtClaimAsync(body, HoldAt.BeforeCommit),
        Boundary.AfterClaimCommits => AtClaimAsync(body, HoldAt.AfterCommit),
        Boundary.ContainerMade => AtContainerAsync(body),
        Boundary.BeforeHandleCommits => AtHandleAsync(body, HoldAt.BeforeCommit),
        Boundary.AfterHandleCommits => AtHandleAsync(body, HoldAt.AfterCommit),
        Boundary.BeforeMarkCommits => AtMarkAsync(body, HoldAt.BeforeCommit),
        Boundary.AfterMarkCommits => AtMarkAsync(body, HoldAt.AfterCommit),
        Boundary.ArrivedAtNetwork => AtNetworkAsync(body, "before"),
        Boundary.TakenByNetwork => AtNetworkAsync(body, "after"),
        Boundary.AnswerReceived => AtSettleAsync(body, HoldAt.Statement),
        Boundary.BeforeSettleCommits => AtSettleAsync(body, HoldAt.BeforeCommit),
        Boundary.AfterSettleCommits => AtSettleAsync(body, HoldAt.AfterCommit),
        _ => throw new ArgumentOutOfRangeException(nameof(boundary)),
    };

    // A program posts with an idempotency key, hears nothing, and posts again.
    private async Task<Struck> AtAcceptAsync(string body, HoldAt when)
    {
        var hold = stage.Proxy.Stop(when, t => t.Carries(body) && t.Says("INSERT INTO posts"));

        // What was committed is due a little later, so that only its acceptance is interrupted.
        var at = when == HoldAt.AfterCommit ? TimeProvider.System.GetUtcNow().AddSeconds(3) : (DateTimeOffset?)null;
        var lost = PostOverHttpAsync(body, at);
        await hold.ReachedAsync(_patience);
        await stage.KillAsync(hold);
        await Assert.ThrowsAsync<HttpRequestException>(() => lost);
        return new Struck(null, async () =>
        {
            using var answer = await PostOverHttpAsync(body, at);
            Assert.Equal(202, (int)answer.StatusCode);
            Assert.Equal(when == HoldAt.AfterCommit, answer.Headers.Contains("Idempotency-Replayed"));
            var post = Assert.Single(await PostsAsync(body)).Post;
            var said = (await answer.Content.ReadFromJsonAsync<JsonObject>())!["data"]!;
            Assert.Equal(post.Id.ToString(), (string?)said["id"]);
        });
    }

    private async Task<Struck> AtClaimAsync(string body, HoldAt at)
    {
        var hold = stage.Proxy.Stop(at, t => t.Says("INSERT INTO attempts"));
        await AcceptAsync(body);
        await hold.ReachedAsync(_patience);
        await stage.KillAsync(hold);
        var deliveries = (await PostAsync(body)).Deliveries;
        var open = await stage.World.Host.InDatabaseAsync(db => db.Attempts.CountAsync(a => a.FinishedAt == null));
        Assert.Equal(at == HoldAt.AfterCommit ? deliveries.Count : 0, open);
        return new Struck(deliveries.Select(d => d.Id));
    }

    private async Task<Struck> AtContainerAsync(string body)
    {
        var hold = await stage.World.Sandbox.HoldAsync("container");
        await AcceptAsync(body);
        await hold.ReachedAsync();
        await stage.KillAsync();
        await hold.ReleaseAsync();
        return new Struck([await DeliveryAsync(body, SettlementMode.Probe)]);
    }

    private async Task<Struck> AtHandleAsync(string body, HoldAt at)
    {
        var hold = stage.Proxy.Stop(at, t => t.Says("UPDATE attempts") && t.Carries(Container));
        await AcceptAsync(body);
        await hold.ReachedAsync(_patience);
        await stage.KillAsync(hold);
        return new Struck([await DeliveryAsync(body, SettlementMode.Probe)]);
    }

    // Marks share commits: while another's is held, those of this post gather behind it and go in one.
    private async Task<Struck> AtMarkAsync(string body, HoldAt at)
    {
        var other = stage.Proxy.Stop(HoldAt.BeforeCommit, IsMark);
        await AcceptAsync($"Before {body}", stage.Others[(int)SettlementMode.None]);
        await other.ReachedAsync(_patience);
        var rest = await stage.World.Sandbox.HoldAsync("before", 2);
        await AcceptAsync(body);
        await rest.ReachedAsync();
        var ids = await IdsAsync(body);
        var hold = stage.Proxy.Stop(at, t => IsMark(t) && ids.Exists(i => t.Mentions(i.AttemptId)));
        other.Release();
        var marked = await hold.ReachedAsync(_patience);
        await stage.KillAsync(hold);
        await rest.ReleaseAsync();
        return new Struck(ids.Where(i => marked.Mentions(i.AttemptId)).Select(i => i.DeliveryId));

        static bool IsMark(WireTransaction t) =>
            t.Says("UPDATE attempts") && t.Says("called_at =") && !t.Says("work_items");
    }

    private async Task<Struck> AtNetworkAsync(string body, string when)
    {
        var hold = await stage.World.Sandbox.HoldAsync(when, stage.World.Pages.Count);
        await AcceptAsync(body);
        await hold.ReachedAsync();
        await stage.KillAsync();
        await hold.ReleaseAsync();
        return new Struck((await PostAsync(body)).Deliveries.Select(d => d.Id));
    }

    // Outcomes share commits too: they gather behind another's, which is held.
    private async Task<Struck> AtSettleAsync(string body, HoldAt at)
    {
        var other = stage.Proxy.Stop(HoldAt.BeforeCommit, IsSettle);
        await AcceptAsync($"Before {body}", stage.Others[(int)SettlementMode.Idempotent]);
        await other.ReachedAsync(_patience);
        var taken = await stage.World.Sandbox.HoldAsync("after", stage.World.Pages.Count);
        await AcceptAsync(body);
        await taken.ReachedAsync();
        var ids = await IdsAsync(body);
        await taken.ReleaseAsync();

        // The answers are on their way over the loopback; whichever gather are held together.
        await Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System);
        var hold = stage.Proxy.Stop(at, t => IsSettle(t) && ids.Exists(i => t.Mentions(i.ItemId)));
        other.Release();
        var settling = await hold.ReachedAsync(_patience);
        await stage.KillAsync(hold);
        return new Struck(ids.Where(i => settling.Mentions(i.ItemId)).Select(i => i.DeliveryId));

        static bool IsSettle(WireTransaction t) => t.Says("DELETE FROM work_items");
    }

    private Task<PostResource> AcceptAsync(string body, Profile? page = null) => stage.World.CreateAsync(
        PublishingWorld.Body(body, page is null ? stage.World.Pages : [page]),
        page is null ? null : Caller.Person(page.UserId, null));

    private async Task<HttpResponseMessage> PostOverHttpAsync(string body, DateTimeOffset? at)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/posts")
        {
            Content = JsonContent.Create(PublishingWorld.Body(body, stage.World.Pages, at: at)),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + stage.Key);
        request.Headers.TryAddWithoutValidation("Idempotency-Key", body);
        return await stage.Running.Client.SendAsync(request);
    }

    private async Task<IReadOnlyList<(Post Post, List<Delivery> Deliveries)>> PostsAsync(string body)
    {
        var posts = await stage.World.Host.InDatabaseAsync(db => db.Posts.AsNoTracking().ToListAsync());
        var deliveries = await stage.World.Host.InDatabaseAsync(db => db.Deliveries.AsNoTracking().ToListAsync());
        return [.. posts.Where(p => p.Content.Body == body)
            .Select(p => (p, deliveries.Where(d => d.PostId == p.Id).OrderBy(d => d.Position).ToList()))];
    }

    private async Task<(Post Post, List<Delivery> Deliveries)> PostAsync(string body) =>
        Assert.Single(await PostsAsync(body));

    private async Task<Guid> DeliveryAsync(string body, SettlementMode mode) =>
        (await PostAsync(body)).Deliveries[(int)mode].Id;

    private async Task<List<(Guid DeliveryId, Guid AttemptId, Guid ItemId)>> IdsAsync(string body)
    {
        var ids = (await PostAsync(body)).Deliveries.ConvertAll(d => d.Id);
        var rows = await stage.World.Host.InDatabaseAsync(db => db.WorkItems
            .Where(w => w.Kind == WorkKind.Publish && ids.Contains(w.Key))
            .Join(db.Attempts.Where(a => a.FinishedAt == null), w => w.Key, a => a.DeliveryId,
                (w, a) => new { w.Key, AttemptId = a.Id, w.Id }).ToListAsync());
        return rows.ConvertAll(r => (r.Key, r.AttemptId, r.Id));
    }

    /// <summary>Nothing that was ever accepted is doubled, left open, or shown as something it is not.</summary>
    private async Task JudgeAllAsync(IReadOnlyList<(string Destination, string Body)> feed)
    {
        Assert.DoesNotContain(feed.GroupBy(p => p), entry => entry.Count() > 1);
        var published = await stage.World.Host.InDatabaseAsync(db => db.Deliveries
            .Where(d => d.Status == DeliveryStatus.Published)
            .Join(db.Posts, d => d.PostId, p => p.Id, (d, p) => p.Content).ToListAsync());
        Assert.All(published, content => Assert.Contains(feed, p => p.Body == content.Body));
        Assert.Equal(0, await stage.World.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w =>
            w.Kind == WorkKind.Publish || w.Kind == WorkKind.Reconcile)));
    }

    private static string PageName(SettlementMode mode) => mode switch
    {
        SettlementMode.Idempotent => "idempotent",
        SettlementMode.Probe => "probe",
        SettlementMode.ReadBack => "read-back",
        _ => "none",
    };

    private const string Container = "containerId";

    /// <summary>Which deliveries were at the boundary at the kill, and what a client does afterwards.</summary>
    /// <param name="deliveries">Null: all of the post.</param>
    private sealed class Struck(IEnumerable<Guid>? deliveries, Func<Task>? again = null)
    {
        private readonly HashSet<Guid>? _deliveries = deliveries?.ToHashSet();

        public bool Has(Guid deliveryId) => _deliveries?.Contains(deliveryId) ?? true;

        public Task AgainAsync() => again?.Invoke() ?? Task.CompletedTask;
    }

    /// <summary>One world for the whole matrix: who recovers from one kill is the next to be killed.</summary>
    public sealed class Stage : IAsyncLifetime
    {
        private ApiServer? _running;

        internal PublishingWorld World { get; private set; } = null!;

        /// <summary>Pages of a second person, in the order of the modes.</summary>
        internal IReadOnlyList<Profile> Others { get; private set; } = [];

        internal WireProxy Proxy { get; private set; } = null!;

        internal string Key { get; private set; } = "";

        internal ApiServer Running => _running!;

        public async ValueTask InitializeAsync()
        {
            World = await PublishingWorld.StartAsync(movedClock: false);
            Others = await PublishingWorld.ConnectAsync(World.Host, World.Sandbox, await Seed.UserAsync(World.Host),
                "lab-idempotent", "lab-probe", "lab-read-back", "lab-none");
            Key = (await ApiClient.WithKeyAsync(World.Host, World.Person)).Key!;
            Proxy = WireProxy.Start(World.Host.ConnectionString);
        }

        internal async Task RunningAsync() => _running ??= await World.StartReplicaAsync(Proxy.ConnectionString);

        /// <summary>SIGKILL; then what was held back is dropped, as the dead cannot send it.</summary>
        internal async Task KillAsync(WireProxy.Hold? hold = null)
        {
            await Running.KillAsync();
            hold?.Cut();
            await Running.DisposeAsync();
            _running = null;
        }

        internal async Task SettledAsync()
        {
            var started = TimeProvider.System.GetTimestamp();
            while (await World.Host.InDatabaseAsync(db => db.Posts.AnyAsync(p => p.Status != PostStatus.Completed)))
            {
                Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience,
                    $"Posts do not settle: {Running.Output}");
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (_running is not null) await _running.DisposeAsync();
            await Proxy.DisposeAsync();
            await World.DisposeAsync();
        }
    }
}
