using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Drills;

/// <summary>
/// What every drill has in common: two processes that publish while something happens to the instance, programs that keep
/// sending posts, and a verdict of what was lost and doubled. The network is the judge, in a database of its own.
/// </summary>
internal sealed class Drill : IAsyncDisposable
{
    public const int Replicas = 2;

    /// <summary>What is measured where publishing is not to stop.</summary>
    public const string Pause = "nothing was published for at most";

    private const int Programs = 4;
    private const int Flowing = 20;
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);
    private readonly ConcurrentQueue<Sent> _sent = new();
    private CancellationTokenSource _over = new();
    private readonly string _name;
    private readonly IReadOnlyList<(string Key, IReadOnlyList<Profile> Pages)> _senders;
    private Task _load = Task.CompletedTask;
    private int _number;

    private Drill(string name, PublishingWorld world, IReadOnlyList<(string Key, IReadOnlyList<Profile> Pages)> senders) =>
        (_name, World, _senders) = (name, world, senders);

    public PublishingWorld World { get; }

    public Fleet Fleet { get; set; } = null!;

    /// <summary>What was accepted, in order.</summary>
    public IReadOnlyCollection<Sent> Accepted => _sent;

    /// <summary>Whether drills run at all: they take minutes, and some want programs that are not everywhere.</summary>
    public static bool IsAsked => Environment.GetEnvironmentVariable("POSTMANTIS_FULL") == "1";

    /// <summary>A world on <paramref name="database"/>, with replicas that are started by <paramref name="start"/>.</summary>
    /// <param name="people">How many have a page of every settlement mode: a page takes one post after the other.</param>
    public static async Task<Drill> StartAsync(string name, string database, Func<PublishingWorld, Task<ApiServer>> start,
        IReadOnlyDictionary<string, string?>? settings = null, int people = 1)
    {
        var world = await PublishingWorld.StartAsync(settings, movedClock: false, connectionString: database);
        List<(string, IReadOnlyList<Profile>)> senders = [(await KeyAsync(world.Person), world.Pages)];
        while (senders.Count < people)
        {
            var person = await Seed.UserAsync(world.Host);
            senders.Add((await KeyAsync(person), await PublishingWorld.ConnectAsync(
                world.Host, world.Sandbox, person, [.. world.Pages.Select(p => p.ProviderProfileId)])));
        }
        var drill = new Drill(name, world, senders);
        drill.Fleet = new Fleet(() => start(world), Replicas);
        await Task.WhenAll(Enumerable.Range(0, Replicas).Select(drill.Fleet.StartAsync));
        return drill;

        async Task<string> KeyAsync(Caller person) => (await ApiClient.WithKeyAsync(world.Host, person)).Key!;
    }

    /// <summary>Programs begin to send posts, each to two pages, under one key until it is accepted.</summary>
    /// <param name="pace">How long from one post of a program to its next.</param>
    /// <param name="faults">What the network does to the n-th post, such as <c>publish=rateLimited</c>.</param>
    public void Load(TimeSpan? pace = null, Func<int, string>? faults = null) => _load = Task.WhenAll(Enumerable.Range(0, Programs).Select(async program =>
    {
        var rest = pace ?? _pace;
        var next = TimeProvider.System.GetUtcNow();
        while (!_over.IsCancellationRequested)
        {
            var n = Interlocked.Increment(ref _number);
            var (key, all) = _senders[n / 4 % _senders.Count];
            var pages = new[] { all[n % 4], all[(n + 1) % 4] };
            var body = $"{_name} {n}";
            if (await Fleet.AcceptAsync(PublishingWorld.Body(body, pages, faults?.Invoke(n) ?? ""), key, body))
                _sent.Enqueue(new Sent(body, pages, TimeProvider.System.GetTimestamp()));

            // By the clock, so that the pace is what was asked for; who was held up goes on from there.
            var now = TimeProvider.System.GetUtcNow();
            next = next + rest > now ? next + rest : now;
            if (next > now) await Task.Delay(next - now, TimeProvider.System);
        }
    }));

    /// <summary>Until posts are accepted one after the other: a process that has just started is slow, a busy machine more so.</summary>
    public async Task FlowingAsync()
    {
        var started = TimeProvider.System.GetTimestamp();
        while (_sent.Count < Flowing)
        {
            if (TimeProvider.System.GetElapsedTime(started) > _patience) throw new TimeoutException($"{_sent.Count} posts are accepted. {Fleet[0]?.Output}");
            await PassAsync(0.05);
        }
    }

    /// <summary>How many programs there are.</summary>
    public static int MostAtOnce => Programs;

    public static Task PassAsync(double seconds) => Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System);

    /// <summary>How long after <paramref name="since"/> a post that was accepted later has been published.</summary>
    public async Task<TimeSpan> RecoveredAsync(long since, string? database = null)
    {
        while (true)
        {
            foreach (var sent in _sent.Where(s => s.AcceptedAt > since))
            {
                if ((await World.Sandbox.PostsAsync()).Any(p => p.Body == sent.Body))
                    return TimeProvider.System.GetElapsedTime(since);
            }
            if (TimeProvider.System.GetElapsedTime(since) > _patience) throw new TimeoutException($"Nothing is published again. {Fleet[0]?.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    /// <summary>The longest time in which nothing was published, from <paramref name="since"/> until now.</summary>
    public async Task<TimeSpan> LongestPauseAsync(DateTimeOffset since)
    {
        var now = TimeProvider.System.GetUtcNow();
        var moments = await AskAsync(World.Host, db => db.Deliveries.Where(d => d.PublishedAt > since)
            .OrderBy(d => d.PublishedAt).Select(d => d.PublishedAt!.Value).ToListAsync());
        return moments.Append(now).Zip(moments.Prepend(since), (later, earlier) => later - earlier).Max();
    }

    /// <summary>The programs stop; they may begin again.</summary>
    public async Task StopLoadAsync()
    {
        await _over.CancelAsync();
        await _load;
        _over.Dispose();
        _over = new CancellationTokenSource();
    }

    /// <summary>Waits until every delivery has its verdict.</summary>
    public async Task SettledAsync(PostMantisHost? host = null)
    {
        host ??= World.Host;
        var started = TimeProvider.System.GetTimestamp();
        while (await AskAsync(host, db => db.Deliveries.CountAsync(d => d.Phase != null)) is > 0 and var open)
        {
            if (TimeProvider.System.GetElapsedTime(started) > _patience)
                throw new TimeoutException($"{open} deliveries do not settle. {Fleet[0]?.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }
    }

    /// <summary>Waits until every delivery has its verdict, and compares each with what the network has.</summary>
    /// <param name="mayBeUnknown">What nobody can look for stays for a person: not lost, and not doubled.</param>
    /// <param name="forgets">Posts whose acceptance the database forgot, as the drill expects it to.</param>
    public async Task<Verdict> JudgeAsync(PostMantisHost? host = null, bool mayBeUnknown = false, Func<Sent, bool>? forgets = null)
    {
        host ??= World.Host;
        await SettledAsync(host);
        var feed = (await World.Sandbox.RootsAsync()).ToLookup(p => (p.Destination, p.Body), p => p.Id);
        var deliveries = (await AskAsync(host, db => db.Deliveries.AsNoTracking().ToListAsync()))
            .ToLookup(d => (d.Content.Body!, d.ProfileId));
        var verdict = new Verdict(_name);
        foreach (var (sent, page) in _sent.SelectMany(s => s.Pages.Select(p => (s, p))))
        {
            var (ours, theirs) = (deliveries[(sent.Body, page.Id)].ToList(), feed[(page.ProviderProfileId, sent.Body)].ToList());
            if (theirs.Count > 1 || ours.Count > 1) verdict.Doubled++;
            if (ours is [] && forgets?.Invoke(sent) == true) verdict.Forgotten++;
            else if (ours is [{ Status: DeliveryStatus.Published } one] && theirs is [var id] && id == one.ProviderPostId) verdict.Published++;
            else if (ours is [{ Status: DeliveryStatus.Unknown }] && mayBeUnknown && page.Facts["mode"] is "none" or "probe") verdict.Unknown++;
            else
            {
                verdict.Lost++;
                verdict.Wrong.Add($"{sent.Body} at {page.ProviderProfileId}: {string.Join(',', ours.Select(d => $"{d.Status} {d.Error?.Code}"))}, {theirs.Count} in the feed");
            }
        }
        verdict.Wrong.AddRange(Fleet.Faults.Take(3));
        return verdict;
    }

    public async ValueTask DisposeAsync()
    {
        await StopLoadAsync();
        await Fleet.DisposeAsync();
        await World.DisposeAsync();
        _over.Dispose();
    }

    /// <summary>Asks until it answers: the connections of this process are cut as well.</summary>
    public static async Task<T> AskAsync<T>(PostMantisHost host, Func<PostMantisDb, Task<T>> question)
    {
        for (var left = 300; ; left--)
        {
            try
            {
                return await host.InDatabaseAsync(question);
            }
            catch (Exception e) when (left > 0 && DatabaseTrouble.IsPassing(e))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
    }

    /// <summary>One accepted post.</summary>
    internal sealed record Sent(string Body, IReadOnlyList<Profile> Pages, long AcceptedAt);

    /// <summary>What a drill came to.</summary>
    internal sealed class Verdict(string name)
    {
        public int Published { get; set; }

        public int Unknown { get; set; }

        public int Forgotten { get; set; }

        public int Lost { get; set; }

        public int Doubled { get; set; }

        public List<string> Wrong { get; } = [];

        /// <summary>Prints the verdict and holds the drill to it.</summary>
        /// <param name="measured">What <paramref name="recovered"/> is, where publishing did not stop.</param>
        public async Task PassAsync(ITestOutputHelper output, string happened, TimeSpan recovered, string measured = "publishing again after")
        {
            var line = string.Create(CultureInfo.InvariantCulture, $"drill {name}: {happened}; {measured} {recovered.TotalSeconds:0.0} s; "
                + $"{Published} published, {Unknown} unknown, {Forgotten} forgotten as documented, {Lost} lost, {Doubled} doubled: "
                + $"{(Lost + Doubled + Wrong.Count == 0 ? "PASSED" : "FAILED")}");
            output.WriteLine(line);
            await Console.Out.WriteLineAsync(line);
            Assert.True(Lost + Doubled + Wrong.Count == 0, $"{line}\n{string.Join('\n', Wrong.Take(20))}");
            Assert.True(Published + Unknown > 10, line);
        }
    }
}

/// <summary>Drills run one after the other and beside nothing else: they measure.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class DrillsAlone
{
    public const string Name = "Drills";
}
