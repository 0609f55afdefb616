using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Outbox;

public sealed class SequencerTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await PostMantisHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Each_users_events_are_numbered_in_the_order_they_were_written()
    {
        var (one, other) = (await Seed.UserAsync(_host), await Seed.UserAsync(_host));
        for (var i = 0; i < 3; i++)
        {
            await AddAsync(one);
            await AddAsync(other);
        }
        Assert.Equal(6, await RunAsync(_host));
        await AddAsync(one);
        Assert.Equal(1, await RunAsync(_host));
        Assert.Equal(0, await RunAsync(_host));
        Assert.Equal([1, 2, 3, 4], await SequencesAsync(one));
        Assert.Equal([1, 2, 3], await SequencesAsync(other));
    }

    [Fact]
    public async Task Nothing_appears_later_below_a_number_that_was_read()
    {
        var user = await Seed.UserAsync(_host);
        await using var scope = _host.Services.CreateAsyncScope();
        var unit = scope.ServiceProvider.GetRequiredService<UnitOfWork>();
        await unit.RunAsync(async ct =>
        {
            // Written first, committed last.
            Write(scope.ServiceProvider.GetRequiredService<EventWriter>(), user);
            await unit.Db.SaveChangesAsync(ct);
            await AddAsync(user);
            Assert.Equal(1, await RunAsync(_host));
            Assert.Equal([1], await SequencesAsync(user));
        }, default);
        Assert.Equal(1, await RunAsync(_host));
        var numbers = await _host.InDatabaseAsync(db => db.Events.Where(e => e.UserId == user.UserId)
            .OrderBy(e => e.Id).Select(e => e.Sequence).ToListAsync());
        Assert.Equal([2, 1], numbers);
    }

    [Fact]
    public async Task Replicas_number_together_without_a_gap_or_a_twin()
    {
        var user = await Seed.UserAsync(_host);
        await using var replica = await PostMantisHost.StartAsync(connectionString: _host.ConnectionString);
        var writing = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++) await AddAsync(user);
        })));
        var numbering = Task.WhenAll(new[] { _host, replica }.Select(host => Task.Run(async () =>
        {
            while (!writing.IsCompleted || await RunAsync(host) > 0) await RunAsync(host);
        })));
        await Task.WhenAll(writing, numbering);
        Assert.Equal(Enumerable.Range(1, 100).Select(n => (long?)n), await SequencesAsync(user));
    }

    private static Task<int> RunAsync(PostMantisHost host) =>
        host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default));

    private Task<int> AddAsync(Caller user) => _host.InScopeAsync(services =>
    {
        Write(services.GetRequiredService<EventWriter>(), user);
        return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
    });

    private static void Write(EventWriter events, Caller user) =>
        events.Add(user.UserId, EventTypes.PostCreated, new JsonObject(), testMode: true);

    private Task<List<long?>> SequencesAsync(Caller user) => _host.InDatabaseAsync(db => db.Events
        .Where(e => e.UserId == user.UserId && e.Sequence != null).OrderBy(e => e.Sequence).Select(e => e.Sequence)
        .ToListAsync());
}
