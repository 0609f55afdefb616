using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Retention;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Retention;

public sealed class SweeperTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _person = null!;
    private Profile _page = null!;
    private ApiClient _api = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["Events:KeepFor"] = "2.00:00:00" });
        _person = await Seed.UserAsync(_host);
        _page = await Seed.ProfileAsync(_host, _person);
        _api = await ApiClient.WithKeyAsync(_host, _person);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Events_are_kept_as_long_as_said_and_older_cursors_have_expired()
    {
        await AddAsync(3);
        _host.Clock.Advance(TimeSpan.FromDays(1));
        await AddAsync(2);
        _host.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, (await SweepAsync()).Events);
        Assert.Equal(200, (await _api.GetAsync("/events?afterSequence=0")).Status);
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3, (await SweepAsync()).Events);

        Assert.Equal([4, 5], await SequencesAsync("/events"));
        Assert.Equal([4, 5], await SequencesAsync("/events?afterSequence=3"));
        foreach (var path in (string[])["/events?afterSequence=2", "/events?afterSequence=0", "/events?cursor=1"])
        {
            var expired = await _api.GetAsync(path);
            Assert.Equal((410, "cursorExpired", 4),
                (expired.Status, expired.Code, (int)expired.Json!["oldestSequence"]!));
            Assert.Equal("/problems/cursor-expired", (string?)expired.Json!["type"]);
        }

        // When nothing is left, the next to come is the oldest.
        _host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(2, (await SweepAsync()).Events);
        Assert.Empty(await SequencesAsync("/events?afterSequence=5"));
        Assert.Equal(6, (int)(await _api.GetAsync("/events?afterSequence=4")).Json!["oldestSequence"]!);
        await AddAsync(1);
        Assert.Equal([6], await SequencesAsync("/events?afterSequence=5"));
    }

    [Fact]
    public async Task What_can_be_read_has_no_gap_when_clocks_disagreed()
    {
        await AddAsync(1, ahead: TimeSpan.FromDays(1));
        await AddAsync(2);
        _host.Clock.Advance(TimeSpan.FromDays(2.5));
        Assert.Equal(0, (await SweepAsync()).Events);
        Assert.Equal([1, 2, 3], await SequencesAsync("/events?afterSequence=0"));
        _host.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(3, (await SweepAsync()).Events);
    }

    [Fact]
    public async Task More_than_a_batch_is_erased_for_everyone()
    {
        var other = await Seed.UserAsync(_host);
        await AddAsync(2500);
        await AddAsync(1, other);
        _host.Clock.Advance(TimeSpan.FromDays(3));
        await AddAsync(1, other);
        Assert.Equal(2501, (await SweepAsync()).Events);
        Assert.Equal(2, (await _host.InDatabaseAsync(db => db.EventNumbers.SingleAsync())).Sequence);
    }

    [Fact]
    public async Task What_has_no_number_yet_stays()
    {
        await _host.InScopeAsync(services =>
        {
            services.GetRequiredService<EventWriter>().Add(_person.UserId, EventTypes.PostCreated, [], testMode: true);
            return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
        });
        _host.Clock.Advance(TimeSpan.FromDays(40));
        Assert.Equal(0, (await SweepAsync()).Events);
        await NumberAsync();
        Assert.Equal(1, (await SweepAsync()).Events);
    }

    [Fact]
    public async Task Events_lie_in_months_that_go_whole_once_nothing_names_them()
    {
        Task<List<string>> PlacesAsync() => _host.InDatabaseAsync(db => db.Database.SqlQuery<string>(
            $"""SELECT DISTINCT tableoid::regclass::text AS "Value" FROM events ORDER BY 1""").ToListAsync());
        Task<int> MonthsAsync() => _host.InDatabaseAsync(db => db.Database.SqlQuery<int>(
            $"""SELECT count(*)::int AS "Value" FROM pg_inherits WHERE inhparent = 'events'::regclass""").SingleAsync());
        await SweepAsync();
        await AddAsync(2);
        var month = $"events_{_host.Clock.GetUtcNow():yyyy_MM}";
        Assert.Equal([month], await PlacesAsync());
        await _host.InScopeAsync(services =>
        {
            services.GetRequiredService<EventWriter>().Add(_person.UserId, EventTypes.PostCreated, [], testMode: true);
            return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
        });
        var before = await MonthsAsync();
        _host.Clock.Advance(TimeSpan.FromDays(70));
        Assert.Equal(2, (await SweepAsync()).Events);
        Assert.Equal([month], await PlacesAsync());

        // Numbered at last, it is too old to be kept, and its month is over.
        await NumberAsync();
        Assert.Equal(1, (await SweepAsync()).Events);
        Assert.Empty(await PlacesAsync());
        Assert.InRange(await MonthsAsync(), 3, before + 2);
        await AddAsync(1);
        Assert.Equal([4], await SequencesAsync("/events"));
    }

    [Fact]
    public async Task New_months_have_the_indexes_of_the_default_partition_and_their_room()
    {
        await _host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<WebhookRetention>().RunOnceAsync(default);
            return true;
        });
        var keys = await _host.InDatabaseAsync(db => db.Database.SqlQuery<string>($"""
            SELECT regexp_replace(regexp_replace(pg_get_indexdef(i.indexrelid), 'INDEX \S+ ON \S+', ''), '\s+', ' ', 'g') AS "Value"
            FROM pg_inherits h JOIN pg_index i ON i.indrelid = h.inhrelid WHERE h.inhparent = 'webhook_messages'::regclass
            """).ToListAsync());
        var kinds = keys.CountBy(key => key).ToList();
        Assert.Equal(3, kinds.Count);
        Assert.Contains(kinds, kind => kind.Key.EndsWith("(endpoint_id, id) WITH (fillfactor='45')", StringComparison.Ordinal));

        // Last month, this one, the next two, and the default one.
        Assert.All(kinds, kind => Assert.InRange(kind.Value, 4, 6));
        Assert.Single(kinds.Select(kind => kind.Value).Distinct());
    }

    [Fact]
    public async Task Remembered_answers_and_open_invitations_end_with_their_time()
    {
        var body = $$"""{"post": {"body": "Once"}, "profiles": ["{{_page.Id}}"], "allowDuplicate": true}""";
        var first = await _api.PostAsync("/posts", body, ("Idempotency-Key", "one"));
        Assert.Equal(202, first.Status);
        var now = _host.Clock.GetUtcNow();
        await _host.InDatabaseAsync(db =>
        {
            db.Invitations.AddRange(Invite("late", now.AddHours(1)), Invite("open", now.AddDays(9)));
            return db.SaveChangesAsync();
        });
        _host.Clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        Assert.Equal(new Swept(0, 0, 1), await SweepAsync());
        Assert.Equal("true", (await _api.PostAsync("/posts", body, ("Idempotency-Key", "one"))).Headers["Idempotency-Replayed"]);
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(new Swept(0, 1, 0), await SweepAsync());
        Assert.Equal("open@example.com", (await _host.InDatabaseAsync(db => db.Invitations.SingleAsync())).Email);

        var again = await _api.PostAsync("/posts", body, ("Idempotency-Key", "one"));
        Assert.Equal(202, again.Status);
        Assert.NotEqual((string?)first.Data["id"], (string?)again.Data["id"]);

        Invitation Invite(string name, DateTimeOffset until) => new()
        {
            Id = Ids.New(now),
            Email = $"{name}@example.com",
            TokenHash = Guid.CreateVersion7().ToByteArray(),
            CreatedAt = now,
            ExpiresAt = until,
        };
    }

    private Task<Swept> SweepAsync() =>
        _host.InScopeAsync(services => services.GetRequiredService<Sweeper>().RunOnceAsync(default));

    private async Task<IReadOnlyList<long>> SequencesAsync(string path)
    {
        var reply = await _api.GetAsync(path);
        Assert.Equal(200, reply.Status);
        return [.. reply.Json!["data"]!.AsArray().Select(e => (long)e!["sequence"]!)];
    }

    // Written now, or by a process whose clock is ahead, and numbered.
    private async Task AddAsync(int count, Caller? user = null, TimeSpan ahead = default)
    {
        var at = _host.Clock.GetUtcNow() + ahead;
        await _host.InDatabaseAsync(db =>
        {
            for (var i = 0; i < count; i++)
            {
                var (id, userId) = (Ids.New(at), (user ?? _person).UserId);
                db.Events.Add(new Event
                {
                    Id = id,
                    UserId = userId,
                    Type = EventTypes.PostCreated,
                    TestMode = true,
                    Data = [],
                    CreatedAt = at,
                });
                db.UnnumberedEvents.Add(new UnnumberedEvent { EventId = id, UserId = userId });
            }
            return db.SaveChangesAsync();
        });
        await NumberAsync();
    }

    private async Task NumberAsync()
    {
        while (await _host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
    }
}
