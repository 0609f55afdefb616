using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

/// <summary>Commands on one delivery, as a program gives them, against a network that answers.</summary>
public sealed class DeliveryCommandTests : IAsyncLifetime
{
    private PublishingWorld _world = null!;
    private ApiClient _api = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await PublishingWorld.StartAsync();
        _api = await ApiClient.WithKeyAsync(_world.Host, _world.Person, grants: [Grant.Resolve]);
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_retry_with_an_override_sends_what_it_says_to_this_profile_only()
    {
        var post = await _world.CreateAsync(PublishingWorld.Body("Long", [_world.Pages[0], _world.Pages[1]], "publish=rejected"));
        await _world.Runner.RunOnceAsync(default);
        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Failed), (read.Status, read.Outcome));
        var failed = read.Deliveries[0];
        Assert.Equal(PartStatus.Failed, Assert.Single(failed.Parts).Status);

        var path = PathOf(post.Id, failed.Id, "retry");
        var retried = await _api.PostAsync(path, """{"override": {"body": "Short"}}""");
        Assert.Equal((202, "publishing"), (retried.Status, (string?)retried.Data["status"]));
        var shown = retried.Data["deliveries"]![0]!;
        Assert.Equal(("pending", "Short", "pending"), ((string?)shown["status"], (string?)shown["content"]!["body"],
            (string?)shown["parts"]![0]!["status"]));
        Assert.Null(shown["error"]);
        Assert.Equal("Short", (string?)retried.Data["overrides"]![failed.ProfileId.ToString()]!["body"]);
        Assert.Equal((409, "conflict"), ((await _api.PostAsync(path)).Status, (await _api.PostAsync(path)).Code));

        await _world.Runner.RunOnceAsync(default);
        read = await _world.ReadAsync(post.Id);
        Assert.Equal([DeliveryStatus.Published, DeliveryStatus.Failed], read.Deliveries.Select(d => d.Status));
        Assert.Equal((PostOutcome.Partial, "Long"), (read.Outcome, read.Deliveries[1].Content.Body));
        Assert.Equal((1, 0), (await _world.TimesAsync("Short"), await _world.TimesAsync("Long")));
        Assert.Equal([AttemptVerdict.Rejected, AttemptVerdict.Published], (await LedgerAsync(post.Id, failed.Id)));
    }

    [Theory]
    [InlineData("""{"override": {"body": "{long}"}}""", "/override/body tooLong")]
    [InlineData("""{"override": {"body": ""}}""", "/override/body required")]
    [InlineData("""{"override": {"scheduledAt": "2099-01-01T00:00:00Z"}}""", "/override/scheduledAt unknownField")]
    [InlineData("""{"override": {"options": {"nonsense": 1}}}""", "/override/options/nonsense unknownField")]
    [InlineData("""{"override": "Short"}""", "/override wrongType")]
    [InlineData("""{"overrides": {}}""", "/overrides unknownField")]
    public async Task An_override_the_network_would_refuse_is_refused_by_rule(string body, string issue)
    {
        var post = await _world.PostAsync("Fine", _world.Pages[0], "publish=rejected");
        await _world.Runner.RunOnceAsync(default);
        var failed = await _world.DeliveryAsync(post.Id);
        var reply = await _api.PostAsync(PathOf(post.Id, failed.Id, "retry"),
            body.Replace("{long}", new string('x', 501), StringComparison.Ordinal));
        Assert.Equal((400, issue), (reply.Status, reply.Issue));
        Assert.Equal(DeliveryStatus.Failed, (await _world.DeliveryAsync(post.Id)).Status);
    }

    [Fact]
    public async Task What_another_post_has_said_since_is_not_said_twice_by_a_retry()
    {
        var post = await _world.PostAsync("Once only", _world.Pages[0], "publish=rejected");
        await _world.Runner.RunOnceAsync(default);
        var failed = await _world.DeliveryAsync(post.Id);

        // Its moment is days ago; it would go out now.
        await _world.Host.InDatabaseAsync(db => db.Database.ExecuteSqlAsync(
            $"UPDATE deliveries SET scheduled_at = scheduled_at - interval '3 days' WHERE id = {failed.Id}"));
        var other = await _world.PostAsync("Once only", _world.Pages[0]);
        await _world.Runner.RunOnceAsync(default);

        var path = PathOf(post.Id, failed.Id, "retry");
        var refused = await _api.PostAsync(path);
        Assert.Equal((409, "duplicatePost", other.Id.ToString()),
            (refused.Status, refused.Code, (string?)refused.Json!["existingPostId"]));
        Assert.Equal(202, (await _api.PostAsync(path, """{"override": {"body": "Once more"}}""")).Status);
        await _world.Runner.RunOnceAsync(default);
        Assert.Equal((1, 1), (await _world.TimesAsync("Once only"), await _world.TimesAsync("Once more")));

        var meant = await _world.CreateAsync(PublishingWorld.Body("Twice", [_world.Pages[0]], "publish=rejected"));
        await _world.Runner.RunOnceAsync(default);
        await _world.PostAsync("Twice", _world.Pages[0]);
        path = PathOf(meant.Id, meant.Deliveries[0].Id, "retry");
        Assert.Equal(409, (await _api.PostAsync(path)).Status);
        Assert.Equal(202, (await _api.PostAsync(path, """{"allowDuplicate": true}""")).Status);
    }

    [Fact]
    public async Task What_is_live_in_part_takes_no_override_and_its_ledger_names_every_object()
    {
        var post = await _world.PostAsync("Root", _world.Pages[0], "thread=rejected", thread: ["Two", "Three"], firstComment: "First");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        var refused = await _api.PostAsync(PathOf(post.Id, delivery.Id, "retry"), """{"override": {"body": "Other"}}""");
        Assert.Equal((400, "/override excluded"), (refused.Status, refused.Issue));
        Assert.Equal(202, (await _api.PostAsync(PathOf(post.Id, delivery.Id, "retry"))).Status);
        await _world.Runner.RunOnceAsync(default);

        delivery = await _world.DeliveryAsync(post.Id);
        Assert.All(delivery.Parts, p => Assert.Equal(PartStatus.Published, p.Status));
        var attempts = (await _api.GetAsync(PathOf(post.Id, delivery.Id, "attempts"))).Json!["data"]!.AsArray();
        Assert.Equal(["incomplete", "published"], attempts.Select(a => (string?)a!["verdict"]));
        string[][] told = [.. attempts.Select(a => a!["steps"]!.AsArray()
            .Where(s => ((string)s!["name"]!).StartsWith("part", StringComparison.Ordinal))
            .Select(s => $"{s!["name"]} {s["detail"]}").ToArray())];
        Assert.Equal([$"partPublished root 0: {delivery.Parts[0].ProviderPostId}", "partFailed thread 1: contentRejected"], told[0]);
        Assert.Equal([.. delivery.Parts.Skip(1).Select(p =>
            $"partPublished {(p.Kind == PartKind.Thread ? "thread" : "firstComment")} {p.Index}: {p.ProviderPostId}")], told[1]);
    }

    [Fact]
    public async Task A_profile_that_must_be_connected_again_is_not_retried()
    {
        var post = await _world.PostAsync("No", _world.Pages[0], "publish=rejected");
        await _world.Runner.RunOnceAsync(default);
        var failed = await _world.DeliveryAsync(post.Id);
        await _world.Host.InDatabaseAsync(async db =>
        {
            (await db.Profiles.SingleAsync(p => p.Id == failed.ProfileId)).RequireReauth(_world.Host.Clock.GetUtcNow());
            return await db.SaveChangesAsync();
        });
        var reply = await _api.PostAsync(PathOf(post.Id, failed.Id, "retry"));
        Assert.Equal((409, "failed"), (reply.Status, (string?)reply.Json!["currentStatus"]));
    }

    [Fact]
    public async Task A_person_says_that_it_was_published()
    {
        var post = await UnknownAsync("Seen it", thread: ["Two"]);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Contains(PostActions.Resolve, delivery.Actions);
        var path = PathOf(post.Id, delivery.Id, "resolve");
        foreach (var (body, issue) in new[]
            {
                ("{}", "/as required"), ("""{"as": "canceled"}""", "/as wrongFormat"),
                ("""{"as": "published", "url": "javascript:alert(1)"}""", "/url wrongFormat"),
                ("""{"as": "published", "id": "1"}""", "/id unknownField"),
            })
        {
            var refused = await _api.PostAsync(path, body);
            Assert.Equal((400, issue), (refused.Status, refused.Issue));
        }

        var reply = await _api.PostAsync(path, """{"as": "published", "providerPostId": "p-1", "url": "https://example.com/p-1"}""");
        Assert.Equal((202, "completed", "published", false), (reply.Status, (string?)reply.Data["status"],
            (string?)reply.Data["outcome"], (bool)reply.Data["needsAttention"]!));
        var shown = reply.Data["deliveries"]![0]!;
        Assert.Equal(("published", "p-1", "https://example.com/p-1"),
            ((string?)shown["status"], (string?)shown["providerPostId"], (string?)shown["url"]));
        Assert.NotNull(shown["publishedAt"]);
        Assert.Null(shown["error"]);
        Assert.Equal(["published", "unknown"], shown["parts"]!.AsArray().Select(p => (string?)p!["status"]));
        Assert.Equal(["delivery.published", "post.completed"], (await _world.EventsAsync(post.Id)).TakeLast(2));
        Assert.Equal((409, "conflict"), ((await _api.PostAsync(path, """{"as": "failed"}""")).Status,
            (await _api.PostAsync(path, """{"as": "failed"}""")).Code));

        // One provider post belongs to one delivery.
        var other = await UnknownAsync("Seen that too");
        var twin = await _api.PostAsync(PathOf(other.Id, (await _world.DeliveryAsync(other.Id)).Id, "resolve"),
            """{"as": "published", "providerPostId": "p-1"}""");
        Assert.Equal((409, "conflict"), (twin.Status, twin.Code));
        Assert.Equal(DeliveryStatus.Unknown, (await _world.DeliveryAsync(other.Id)).Status);
    }

    [Fact]
    public async Task A_person_says_that_it_was_not_and_it_can_be_sent_again()
    {
        var post = await UnknownAsync("Nowhere");
        var delivery = await _world.DeliveryAsync(post.Id);
        var reply = await _api.PostAsync(PathOf(post.Id, delivery.Id, "resolve"), """{"as": "failed"}""");
        Assert.Equal((202, "failed"), (reply.Status, (string?)reply.Data["outcome"]));
        var shown = reply.Data["deliveries"]![0]!;
        Assert.Equal(("failed", "outcomeUnknown", "retry"),
            ((string?)shown["status"], (string?)shown["error"]!["code"], (string?)shown["error"]!["nextStep"]));
        Assert.Equal("failed", (string?)shown["parts"]![0]!["status"]);
        Assert.Equal(202, (await _api.PostAsync(PathOf(post.Id, delivery.Id, "retry"))).Status);
        await _world.Runner.RunOnceAsync(default);
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
        Assert.Equal(3, (await _world.EventsAsync(post.Id)).Count(type => type == "post.completed"));
    }

    [Fact]
    public async Task Resolving_ends_the_search()
    {
        var post = await _world.PostAsync("Searched", _world.PageOf(SettlementMode.ReadBack), "publish=timeoutBeforeAccept");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Unknown, DeliveryPhase.Reconciling), (delivery.Status, delivery.Phase));
        Assert.Equal(202, (await _api.PostAsync(PathOf(post.Id, delivery.Id, "resolve"), """{"as": "failed"}""")).Status);
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w => w.Kind == WorkKind.Reconcile)));
        await _world.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal(DeliveryStatus.Failed, (await _world.DeliveryAsync(post.Id)).Status);
        Assert.Equal(0, await _world.TimesAsync("Searched"));
    }

    [Fact]
    public async Task One_delivery_is_canceled_and_the_others_go_on()
    {
        var at = _world.Host.Clock.GetUtcNow().AddHours(1);
        var post = await _world.CreateAsync(PublishingWorld.Body("Partly", [_world.Pages[0], _world.Pages[1]], at: at));
        var (gone, kept) = (post.Deliveries[0], post.Deliveries[1]);
        var reply = await _api.PostAsync(PathOf(post.Id, gone.Id, "cancel"));
        Assert.Equal((202, "scheduled"), (reply.Status, (string?)reply.Data["status"]));
        Assert.Equal(["canceled", "pending"], reply.Data["deliveries"]!.AsArray().Select(d => (string?)d!["status"]));
        var again = await _api.PostAsync(PathOf(post.Id, gone.Id, "cancel"));
        Assert.Equal((409, "canceled"), (again.Status, (string?)again.Json!["currentStatus"]));
        await _world.PassAsync(TimeSpan.FromHours(1));
        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), (read.Status, read.Outcome));
        Assert.Equal(1, await _world.TimesAsync("Partly"));
        var late = await _api.PostAsync(PathOf(post.Id, kept.Id, "cancel"));
        Assert.Equal((409, "published"), (late.Status, (string?)late.Json!["currentStatus"]));
    }

    [Fact]
    public async Task What_waits_for_another_try_can_be_canceled()
    {
        var post = await _world.PostAsync("Limited", _world.Pages[0], "publish=rateLimited");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal(DeliveryPhase.Deferred, delivery.Phase);
        var reply = await _api.PostAsync(PathOf(post.Id, delivery.Id, "cancel"));
        Assert.Equal((202, "canceled"), (reply.Status, (string?)reply.Data["status"]));
        await _world.PassAsync(TimeSpan.FromHours(2));
        Assert.Equal(0, await _world.TimesAsync("Limited"));
        Assert.Equal(["delivery.canceled", "post.canceled"], (await _world.EventsAsync(post.Id)).TakeLast(2));
    }

    [Fact]
    public async Task What_came_too_late_goes_out_when_it_is_retried()
    {
        var at = _world.Host.Clock.GetUtcNow().AddMinutes(5);
        var post = await _world.PostAsync("Breaking", _world.Pages[0], at: at, maxLatenessSeconds: 60);
        await _world.PassAsync(TimeSpan.FromMinutes(7));
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.TooLate), (delivery.Status, delivery.Error!.Code));
        Assert.Equal(202, (await _api.PostAsync(PathOf(post.Id, delivery.Id, "retry"))).Status);
        await _world.Runner.RunOnceAsync(default);
        delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal(DeliveryStatus.Published, delivery.Status);
        Assert.True(delivery.LatenessMs >= 120_000, "Lateness counts from the moment, whatever the cause.");
        Assert.Equal(1, await _world.TimesAsync("Breaking"));
    }

    // Nobody can tell, and the search has ended.
    private async Task<PostResource> UnknownAsync(string body, IReadOnlyList<string>? thread = null)
    {
        var post = await _world.PostAsync(body, _world.PageOf(SettlementMode.None), "publish=timeoutBeforeAccept", thread: thread);
        await _world.Runner.RunOnceAsync(default);
        await _world.PassAsync(TimeSpan.FromHours(1));
        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Unknown, true), (read.Status, read.Outcome, read.NeedsAttention));
        return read;
    }

    private async Task<IEnumerable<AttemptVerdict?>> LedgerAsync(Guid postId, Guid deliveryId) =>
        await _world.Host.InDatabaseAsync(db => db.Attempts.Where(a => a.DeliveryId == deliveryId)
            .OrderBy(a => a.Number).Select(a => a.Verdict).ToListAsync());

    private static string PathOf(Guid postId, Guid deliveryId, string what) => $"/posts/{postId}/deliveries/{deliveryId}/{what}";
}
