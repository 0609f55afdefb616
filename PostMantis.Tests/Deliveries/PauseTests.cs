using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

public sealed class PauseTests : IAsyncLifetime
{
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await PublishingWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task What_is_due_on_a_paused_profile_waits_without_an_attempt_and_goes_out_when_it_is_resumed()
    {
        var (page, other) = (_world.Pages[0], _world.Pages[1]);
        await PauseAsync(page);
        List<PostResource> posts = [];
        for (var i = 0; i < 3; i++) posts.Add(await _world.PostAsync($"Paused {i}", page));
        var elsewhere = await _world.PostAsync("Elsewhere", other);
        await _world.PassAsync(TimeSpan.Zero);

        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(elsewhere.Id)).Status);
        foreach (var post in posts)
        {
            var delivery = await _world.DeliveryAsync(post.Id);
            Assert.Equal((DeliveryPhase.Deferred, DeliveryHolds.ProfilePaused, 0),
                (delivery.Phase, delivery.DeferReason, delivery.AttemptCount));
            Assert.Empty(await _world.LedgerAsync(post.Id));
            Assert.Contains(PostActions.Cancel, delivery.Actions);
        }

        await ResumeAsync(page);
        for (var i = 0; i < 3; i++) Assert.Equal(1, await _world.Runner.RunOnceAsync(default));
        foreach (var post in posts)
        {
            Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
            Assert.Equal(["post.created", "post.scheduled", "delivery.deferred", "delivery.published", "post.completed"],
                await _world.EventsAsync(post.Id));
        }
    }

    [Fact]
    public async Task What_waits_for_a_paused_profile_is_left_alone_until_its_rest_is_over()
    {
        var page = _world.Pages[0];
        await PauseAsync(page);
        for (var i = 0; i < 5; i++) await _world.PostAsync($"Rests {i}", page);
        await _world.PassAsync(TimeSpan.Zero);
        var rested = await StampsAsync();
        await _world.PassAsync(new DeliveryOptions().PausedFor - TimeSpan.FromSeconds(1));
        Assert.Equal(rested, await StampsAsync());
        await _world.PassAsync(TimeSpan.FromSeconds(1));
        Assert.NotEqual(rested, await StampsAsync());
        Assert.Empty(await _world.Sandbox.PostsAsync());
    }

    [Fact]
    public async Task A_paused_profile_does_not_keep_a_late_delivery_from_failing()
    {
        await PauseAsync(_world.Pages[0]);
        var post = await _world.PostAsync("Late", _world.Pages[0], maxLatenessSeconds: 60);
        await _world.PassAsync(TimeSpan.Zero);
        await _world.PassAsync(TimeSpan.FromSeconds(61));
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Failed, Core.Providers.DeliveryErrorCode.TooLate), (delivery.Status, delivery.Error!.Code));
    }

    [Fact]
    public async Task Pausing_and_resuming_are_audited_once_and_only_a_person_may()
    {
        var page = _world.Pages[0];
        await PauseAsync(page);
        await PauseAsync(page);
        Assert.NotNull((await ReadAsync(page)).PausedAt);
        await ResumeAsync(page);
        await ResumeAsync(page);
        Assert.Null((await ReadAsync(page)).PausedAt);
        Assert.Equal(["profile.paused", "profile.resumed"], await _world.Host.InDatabaseAsync(db => db.AuditEntries
            .Where(a => a.SubjectId == page.Id && (a.Action == "profile.paused" || a.Action == "profile.resumed"))
            .OrderBy(a => a.Id).Select(a => a.Action).ToListAsync()));

        var stranger = await Seed.UserAsync(_world.Host);
        Assert.Equal(ProblemCode.NotFound, (await Assert.ThrowsAsync<ProblemException>(() => PauseAsync(page, stranger))).Code);
        Assert.Equal(ProblemCode.NotFound, (await Assert.ThrowsAsync<ProblemException>(() => ResumeAsync(page, stranger))).Code);
    }

    [Fact]
    public async Task A_paused_instance_claims_nothing_and_does_not_look_for_work_until_it_is_resumed()
    {
        var post = await _world.PostAsync("Whole instance", _world.Pages[0]);
        await InstanceAsync(pause => pause.PauseAsync(default));
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));
        Assert.Null(await NextDueAsync());
        Assert.Equal(DeliveryPhase.Waiting, (await _world.DeliveryAsync(post.Id)).Phase);

        await InstanceAsync(pause => pause.ResumeAsync(default));
        Assert.NotNull(await NextDueAsync());
        Assert.Equal(1, await _world.Runner.RunOnceAsync(default));
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
    }

    [Fact]
    public async Task Resuming_by_the_operator_wakes_the_workers_of_another_process_at_once()
    {
        // The poll is far away: what is published in time was woken.
        await using var running = await PublishingWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Workers:Enabled"] = "true",
            ["Queue:PollAlone"] = "00:01:00",
        }, movedClock: false);
        await running.Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<InstancePause>().PauseAsync(default);
            return 0;
        });
        var post = await running.PostAsync("Woken", running.Pages[0]);
        var (code, output, _) = await ApiProcess.RunAsync(["admin", "queue", "status"], Settings());
        Assert.Equal(0, code);
        Assert.Contains("publish: 1 due, 0 in flight", output, StringComparison.Ordinal);
        Assert.Empty(await running.Sandbox.PostsAsync());

        await ApiProcess.RunAsync(["admin", "queue", "resume"], Settings());
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await running.DeliveryAsync(post.Id)).Status != DeliveryStatus.Published)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, bound.Token);

        Dictionary<string, string> Settings() => new()
        {
            ["ConnectionStrings__postmantis"] = running.Host.ConnectionString,
            ["PublicUrl"] = "https://social.example.com",
        };
    }

    private Task<DateTimeOffset?> NextDueAsync() => _world.Host.InScopeAsync(services =>
        services.GetRequiredService<WorkQueue>().NextDueAsync(WorkKind.Publish, DateTimeOffset.MinValue, default));

    private Task<int> InstanceAsync(Func<InstancePause, Task> work) => _world.Host.InScopeAsync(async services =>
    {
        await work(services.GetRequiredService<InstancePause>());
        return 0;
    });

    private Task<List<DateTimeOffset>> StampsAsync() => _world.Host.InDatabaseAsync(db =>
        db.Deliveries.OrderBy(d => d.Id).Select(d => d.UpdatedAt).ToListAsync());

    private Task<ProfileResource> ReadAsync(Profile page) => _world.Host.InScopeAsync(services =>
        services.GetRequiredService<ProfileReader>().GetAsync(_world.Person, page.Id, default));

    private Task<int> PauseAsync(Profile page, Caller? caller = null) => _world.Host.InScopeAsync(async services =>
    {
        await services.GetRequiredService<ProfilePauses>().PauseAsync(caller ?? _world.Person, page.Id, default);
        return 0;
    });

    private Task<int> ResumeAsync(Profile page, Caller? caller = null) => _world.Host.InScopeAsync(async services =>
    {
        await services.GetRequiredService<ProfilePauses>().ResumeAsync(caller ?? _world.Person, page.Id, default);
        return 0;
    });
}
