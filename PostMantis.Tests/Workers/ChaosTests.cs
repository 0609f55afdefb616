using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Workers;

/// <summary>
/// Three processes publish while they are killed, Postgres crashes and the network misbehaves, by a script of a seed;
/// then every delivery is compared with what the network says. POSTMANTIS_SEED replays one; ./test --full runs ten
/// minutes.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Replicas = 3;
    private const int People = 8;
    private static readonly bool _isFull = Environment.GetEnvironmentVariable("POSTMANTIS_FULL") == "1";
    private static readonly TimeSpan _lasts = _isFull ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(30);
    private static readonly int _posts = _isFull ? 10_000 : 500;
    private static readonly TimeSpan _patience = _isFull ? TimeSpan.FromMinutes(10) : TimeSpan.FromMinutes(3);
    private readonly int _seed = int.TryParse(Environment.GetEnvironmentVariable("POSTMANTIS_SEED"),
        CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next(1_000_000);
    private readonly Dictionary<Guid, string> _keys = [];
    private TemporaryPostgres _postgres = null!;
    private PublishingWorld _world = null!;
    private Fleet _fleet = null!;
    private int _kills;
    private int _stops;
    private int _crashes;
    private int _cuts;

    public async ValueTask InitializeAsync()
    {
        // Its own server, which may crash; the network's database is another.
        _postgres = await TemporaryPostgres.StartAsync(durable: false);
        await _postgres.ExecuteAsync("CREATE DATABASE chaos");
        var database = _postgres.ConnectionString("chaos");
        await PostgresServer.MigrateAsync(database);
        _world = await PublishingWorld.StartAsync(movedClock: false, connectionString: database);
        _fleet = new Fleet(() => _world.StartReplicaAsync(settings: new Dictionary<string, string?>
        {
            ["Queue:Lease"] = "00:00:03",
            ["Deliveries:MaxTries"] = "50",
            ["Deliveries:ReconcileFor"] = "00:01:00",
        }), Replicas);
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        await _world.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public async Task Whatever_dies_every_delivery_ends_as_the_network_says()
    {
        output.WriteLine($"seed {_seed}");
        var (labs, revocable) = await ConnectAsync();
        var script = Script(labs, revocable);
        var refused = new ConcurrentQueue<Entry>();
        await Task.WhenAll(Enumerable.Range(0, Replicas).Select(_fleet.StartAsync));

        var started = TimeProvider.System.GetTimestamp();
        using var over = new CancellationTokenSource(_lasts, TimeProvider.System);
        var agents = Enumerable.Range(0, Replicas).Select(i => HarassAsync(i, over.Token))
            .Append(CrashAsync(over.Token)).ToList();
        await Parallel.ForEachAsync(script, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (entry, ct) =>
        {
            // Spread over nine tenths of the time, so that everything happens while posts are accepted.
            var wait = (_lasts * 0.9 * entry.Number / _posts) - TimeProvider.System.GetElapsedTime(started);
            if (wait > TimeSpan.Zero) await Task.Delay(wait, TimeProvider.System, ct);
            if (!await _fleet.AcceptAsync(PublishingWorld.Body(entry.Body, entry.Pages, entry.Faults),
                _keys[entry.Pages[0].UserId], entry.Body)) refused.Enqueue(entry);
        });
        await Task.WhenAll(agents);

        // Only a profile whose grant is over refuses posts.
        Assert.All(refused, entry => Assert.Equal(revocable[0].UserId, entry.Pages[0].UserId));
        script.RemoveAll(refused.Contains);
        await SettledAsync(revocable);
        await JudgeAsync(script, revocable, TimeProvider.System.GetElapsedTime(started));
    }

    private async Task<(IReadOnlyList<IReadOnlyList<Profile>> Labs, IReadOnlyList<Profile> Revocable)> ConnectAsync()
    {
        List<IReadOnlyList<Profile>> labs = [_world.Pages];
        _keys[_world.Person.UserId] = (await ApiClient.WithKeyAsync(_world.Host, _world.Person)).Key!;
        async Task<Caller> PersonAsync()
        {
            var person = await Seed.UserAsync(_world.Host);
            _keys[person.UserId] = (await ApiClient.WithKeyAsync(_world.Host, person)).Key!;
            return person;
        }
        while (labs.Count < People)
        {
            labs.Add(await PublishingWorld.ConnectAsync(_world.Host, _world.Sandbox, await PersonAsync(),
                "lab-idempotent", "lab-probe", "lab-read-back", "lab-none"));
        }
        return (labs, await PublishingWorld.ConnectAccountAsync(_world.Host, _world.Sandbox, await PersonAsync(),
            "studio", "studio-page", "studio-team", "studio-notes"));
    }

    private List<Entry> Script(IReadOnlyList<IReadOnlyList<Profile>> labs, IReadOnlyList<Profile> revocable)
    {
        var random = new Random(_seed);
        List<Entry> script = [];
        for (var n = 0; n < _posts; n++)
        {
            var isRevocable = random.Next(100) < 3;
            var pages = isRevocable ? revocable : labs[random.Next(labs.Count)];
            var chosen = pages.OrderBy(_ => random.Next()).Take(2).ToList();
            var fault = random.Next(100) switch
            {
                < 5 => "rejected",
                < 10 => "rateLimited",
                < 18 => "timeoutBeforeAccept",
                < 26 => "timeoutAfterAccept",
                < 30 => "slowProcessing",
                < 33 => "timeoutAfterAccept publish=timeoutBeforeAccept",
                < 60 when isRevocable && n > _posts / 2 => "authRevoked",
                _ => null,
            };
            script.Add(new Entry(n, $"Chaos {n}", chosen, fault is null ? "" : "publish=" + fault));
        }
        return script;
    }

    /// <summary>Ends one replica again and again, mostly by SIGKILL, and starts it as a supervisor does.</summary>
    private async Task HarassAsync(int index, CancellationToken over)
    {
        var random = new Random(_seed + index + 1);
        while (await WaitAsync(TimeSpan.FromSeconds(1 + (random.NextDouble() * 6)), over))
        {
            var gently = random.Next(5) == 0;
            await _fleet.EndAsync(index, gently);
            Interlocked.Increment(ref gently ? ref _stops : ref _kills);
            await WaitAsync(TimeSpan.FromSeconds(random.NextDouble() * 1.5), over);
            await _fleet.StartAsync(index);
        }
    }

    /// <summary>Crashes Postgres, or ends every connection to it.</summary>
    private async Task CrashAsync(CancellationToken over)
    {
        var random = new Random(_seed - 1);
        while (await WaitAsync(TimeSpan.FromSeconds(4 + (random.NextDouble() * 8)), over))
        {
            if (random.Next(2) == 0)
            {
                await _postgres.RestartAsync();
                _crashes++;
                continue;
            }
            await _postgres.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                + "WHERE datname = 'chaos' AND pid <> pg_backend_pid()");
            _cuts++;
        }
    }

    private static async Task<bool> WaitAsync(TimeSpan time, CancellationToken over)
    {
        await Task.Delay(time, TimeProvider.System, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !over.IsCancellationRequested;
    }

    // What a revoked grant leaves unknown stays so for a person: nobody can look any more.
    private async Task SettledAsync(IReadOnlyList<Profile> revocable)
    {
        var dead = revocable.Select(p => p.Id).ToArray();
        var started = TimeProvider.System.GetTimestamp();
        while (await AskAsync(db => db.Deliveries.CountAsync(d => d.Phase != null
            && !(d.Status == DeliveryStatus.Unknown && dead.Contains(d.ProfileId)))) is > 0 and var open)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience,
                $"Seed {_seed}: {open} deliveries do not settle: {_fleet[0]?.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }
    }

    private async Task JudgeAsync(List<Entry> script, IReadOnlyList<Profile> revocable, TimeSpan took)
    {
        var feed = (await _world.Sandbox.RootsAsync()).ToLookup(p => (p.Destination, p.Body), p => p.Id);
        var profiles = await AskAsync(db => db.Profiles.AsNoTracking().ToDictionaryAsync(p => p.Id));
        var deliveries = (await AskAsync(db => db.Deliveries.AsNoTracking().ToListAsync()))
            .ToLookup(d => (d.Content.Body!, d.ProfileId));
        var dead = revocable.Select(p => p.Id).ToHashSet();
        var (published, failed, unknown, lost, doubled) = (0, 0, 0, 0, 0);
        List<string> wrong = [];
        foreach (var entry in script)
        {
            foreach (var page in entry.Pages)
            {
                var ours = deliveries[(entry.Body, page.Id)].ToList();
                var theirs = feed[(page.ProviderProfileId, entry.Body)].ToList();
                var mode = profiles[page.Id].Facts["mode"];
                if (ours.Count > 1 || theirs.Count > 1) doubled++;
                var isTrue = ours is [var one] && theirs.Count <= 1 && one.Status switch
                {
                    DeliveryStatus.Published => theirs is [var id] && id == one.ProviderPostId,
                    DeliveryStatus.Failed => theirs is []
                        && (dead.Contains(page.Id) || entry.Faults.Contains("rejected", StringComparison.Ordinal)),
                    DeliveryStatus.Unknown => mode == "none" || dead.Contains(page.Id),
                    _ => false,
                };
                switch (ours.FirstOrDefault()?.Status)
                {
                    case DeliveryStatus.Published: published++; break;
                    case DeliveryStatus.Failed when isTrue: failed++; break;
                    case DeliveryStatus.Unknown when isTrue: unknown++; break;
                    default: lost++; break;
                }
                if (isTrue) continue;
                var shown = string.Join(',', ours.Select(d => $"{d.Status}/{d.Phase} {d.Error?.Code}"));
                wrong.Add(
                    $"{entry.Body} ({entry.Faults}) at {page.ProviderProfileId}: {shown}, {theirs.Count} in the feed");
            }
        }
        var sum = string.Create(CultureInfo.InvariantCulture,
            $"chaos seed {_seed}: {script.Sum(e => e.Pages.Count)} deliveries in {took.TotalSeconds:0} s, "
            + $"{_kills} kills, {_stops} stops, {_crashes} Postgres crashes, {_cuts} cuts; {published} published, {failed} failed, "
            + $"{unknown} unknown, {lost} lost, {doubled} doubled");
        output.WriteLine(sum);
        await Console.Out.WriteLineAsync(sum);
        Assert.True(wrong.Count == 0, $"{sum}\n{string.Join('\n', wrong.Take(20))}");
        Assert.Equal(script.Count, await AskAsync(db => db.Posts.CountAsync()));
        Assert.Equal(0, await AskAsync(db => db.WorkItems.CountAsync(w => w.Kind == WorkKind.Publish)));
        Assert.Equal(0, await AskAsync(db => db.Attempts.CountAsync(a => a.FinishedAt == null)));
        Assert.Equal(0, await AskAsync(db => db.Posts.CountAsync(p =>
            p.Status != PostStatus.Completed && !db.Deliveries.Any(d => d.PostId == p.Id && d.Phase != null))));
        Assert.Empty(_fleet.Faults);
        Assert.True(_kills > 0 && _crashes + _cuts > 0, "Nothing happened.");
    }

    // The connections of this process were cut as well.
    private async Task<T> AskAsync<T>(Func<PostMantisDb, Task<T>> question)
    {
        for (var left = 30; ; left--)
        {
            try
            {
                return await _world.Host.InDatabaseAsync(question);
            }
            catch (Exception e) when (left > 0 && DatabaseTrouble.IsPassing(e))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
    }

    private sealed record Entry(int Number, string Body, IReadOnlyList<Profile> Pages, string Faults);
}
