using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

public sealed class PublishTests : IAsyncLifetime
{
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await PublishingWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    public static TheoryData<SettlementMode> Modes => [.. Enum.GetValues<SettlementMode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_post_is_published_once_in_every_mode(SettlementMode mode)
    {
        var body = $"Hello {mode}";
        var post = await _world.PostAsync(body, _world.PageOf(mode));
        Assert.Equal(1, await _world.Runner.RunOnceAsync(default));
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));

        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), (read.Status, read.Outcome));
        var delivery = Assert.Single(read.Deliveries);
        Assert.Equal((DeliveryStatus.Published, null), (delivery.Status, delivery.Phase));
        Assert.NotNull(delivery.Url);
        Assert.NotNull(delivery.LatenessMs);
        Assert.Equal(1, delivery.AttemptCount);
        var attempt = Assert.Single(await _world.LedgerAsync(post.Id));
        Assert.Equal((AttemptVerdict.Published, mode), (attempt.Verdict, attempt.Mode));
        Assert.NotNull(attempt.CalledAt);
        Assert.Equal(1, await _world.TimesAsync(body));
        Assert.Equal(["post.created", "post.scheduled", "delivery.published", "post.completed"],
            await _world.EventsAsync(post.Id));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync(w => w.Key == delivery.Id)));
    }

    [Fact]
    public async Task A_grant_that_ends_while_an_answer_is_sought_leaves_it_unknown_and_never_failed()
    {
        var post = await _world.PostAsync("Live, and nobody may look", _world.PageOf(SettlementMode.Idempotent),
            "publish=timeoutAfterAccept publish=authRevoked");
        await _world.Runner.RunOnceAsync(default);
        await _world.PassAsync(TimeSpan.FromMinutes(1));

        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Unknown, DeliveryPhase.Reconciling), (delivery.Status, delivery.Phase));
        Assert.Equal(DeliveryErrorCode.OutcomeUnknown, delivery.Error!.Code);
        var attempt = Assert.Single(await _world.LedgerAsync(post.Id));
        Assert.Equal(AttemptVerdict.Unconfirmed, attempt.Verdict);
        Assert.Equal(1, await _world.TimesAsync("Live, and nobody may look"));
        Assert.Equal(ProfileStatus.ReauthRequired, await _world.Host.InDatabaseAsync(db =>
            db.Profiles.Where(p => p.Id == _world.Pages[0].Id).Select(p => p.Status).SingleAsync()));
    }

    [Fact]
    public async Task A_budget_that_ends_while_an_answer_is_sought_makes_it_wait_and_never_cancelable()
    {
        var post = await _world.PostAsync("Live, and told to wait", _world.PageOf(SettlementMode.Idempotent),
            "publish=timeoutAfterAccept publish=rateLimited");
        await _world.Runner.RunOnceAsync(default);
        _world.Host.Clock.Advance(TimeSpan.FromMinutes(1));
        await _world.Runner.RunOnceAsync(default);

        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Pending, DeliveryPhase.Processing), (delivery.Status, delivery.Phase));
        Assert.DoesNotContain(PostActions.Cancel, delivery.Actions);
        await _world.PassAsync(TimeSpan.FromMinutes(1));
        await _world.PassAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(post.Id)).Status);
        Assert.Equal(AttemptVerdict.Published, Assert.Single(await _world.LedgerAsync(post.Id)).Verdict);
        Assert.Equal(1, await _world.TimesAsync("Live, and told to wait"));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_lost_answer_of_a_call_that_was_taken_never_doubles(SettlementMode mode)
    {
        var body = $"Taken {mode}";
        var post = await _world.PostAsync(body, _world.PageOf(mode), "publish=timeoutAfterAccept");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        if (mode is SettlementMode.Idempotent or SettlementMode.Probe)
            Assert.Equal((DeliveryStatus.Pending, DeliveryPhase.Processing), (delivery.Status, delivery.Phase));
        else
            Assert.Equal((DeliveryStatus.Unknown, DeliveryPhase.Reconciling), (delivery.Status, delivery.Phase));
        Assert.DoesNotContain(PostActions.Cancel, delivery.Actions);

        await _world.PassAsync(TimeSpan.FromMinutes(1));
        await _world.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal(1, await _world.TimesAsync(body));
        var read = await _world.ReadAsync(post.Id);
        delivery = Assert.Single(read.Deliveries);
        if (mode == SettlementMode.None)
        {
            Assert.Equal((DeliveryStatus.Unknown, null), (delivery.Status, delivery.Phase));
            Assert.Equal((PostStatus.Completed, PostOutcome.Unknown, true), (read.Status, read.Outcome, read.NeedsAttention));
            Assert.Equal(NextStep.Resolve, delivery.Error!.NextStep);
            return;
        }
        Assert.Equal(DeliveryStatus.Published, delivery.Status);
        Assert.Null(delivery.Error);
        Assert.Equal((PostStatus.Completed, PostOutcome.Published, false), (read.Status, read.Outcome, read.NeedsAttention));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task A_lost_answer_of_a_call_that_was_not_taken_is_never_lost(SettlementMode mode)
    {
        var body = $"Not taken {mode}";
        var post = await _world.PostAsync(body, _world.PageOf(mode), "publish=timeoutBeforeAccept");
        await _world.Runner.RunOnceAsync(default);
        Assert.Equal(0, await _world.TimesAsync(body));
        if (mode == SettlementMode.ReadBack)
        {
            // Not listed is no proof yet: the network may still list it.
            await _world.PassAsync(TimeSpan.FromMinutes(9));
            Assert.Equal(DeliveryStatus.Unknown, (await _world.DeliveryAsync(post.Id)).Status);
        }
        await _world.PassAsync(TimeSpan.FromMinutes(2));
        await _world.PassAsync(TimeSpan.FromHours(1));

        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal(mode == SettlementMode.None ? DeliveryStatus.Unknown : DeliveryStatus.Published, delivery.Status);
        Assert.Equal(mode == SettlementMode.None ? 0 : 1, await _world.TimesAsync(body));
        if (mode == SettlementMode.ReadBack) Assert.Equal(2, (await _world.LedgerAsync(post.Id)).Count);
    }

    [Fact]
    public async Task The_same_words_published_just_before_are_no_proof_for_a_lost_call()
    {
        var page = _world.PageOf(SettlementMode.ReadBack);
        var first = await _world.PostAsync("Same words", page);
        await _world.Runner.RunOnceAsync(default);
        _world.Host.Clock.Advance(TimeSpan.FromSeconds(1));
        var body = PublishingWorld.Body("Same words", [page], "publish=timeoutBeforeAccept");
        body["allowDuplicate"] = true;
        var second = await _world.CreateAsync(body);
        await _world.Runner.RunOnceAsync(default);
        Assert.Equal(DeliveryStatus.Unknown, (await _world.DeliveryAsync(second.Id)).Status);

        await _world.PassAsync(TimeSpan.FromMinutes(11));
        await _world.PassAsync(TimeSpan.FromHours(1));
        var (earlier, later) = (await _world.DeliveryAsync(first.Id), await _world.DeliveryAsync(second.Id));
        Assert.Equal(DeliveryStatus.Published, later.Status);
        Assert.NotEqual(earlier.ProviderPostId, later.ProviderPostId);
        Assert.Equal(2, await _world.TimesAsync("Same words"));
    }

    [Fact]
    public async Task A_rejection_fails_at_once_with_what_to_do()
    {
        var post = await _world.PostAsync("No", _world.Pages[0], "publish=rejected");
        await _world.Runner.RunOnceAsync(default);

        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Failed), (read.Status, read.Outcome));
        var delivery = Assert.Single(read.Deliveries);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.ContentRejected, NextStep.EditAndRetry),
            (delivery.Status, delivery.Error!.Code, delivery.Error.NextStep));
        Assert.Contains(PostActions.Retry, delivery.Actions);
        Assert.Equal(["post.created", "post.scheduled", "delivery.failed", "post.completed"],
            await _world.EventsAsync(post.Id));
    }

    [Fact]
    public async Task A_rate_limited_delivery_waits_as_long_as_asked_and_the_wait_is_no_try()
    {
        var post = await _world.PostAsync("Slow down", _world.Pages[0], "publish=rateLimited");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryPhase.Deferred, "providerRateLimited", 0),
            (delivery.Phase, delivery.DeferReason, delivery.AttemptCount));
        var wait = delivery.NextAttemptAt!.Value - _world.Host.Clock.GetUtcNow();
        Assert.True(wait > TimeSpan.FromSeconds(1));

        _world.Host.Clock.Advance(wait - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));
        _world.Host.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, await _world.Runner.RunOnceAsync(default));
        delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Published, 1), (delivery.Status, delivery.AttemptCount));
        Assert.Equal([AttemptVerdict.Deferred, AttemptVerdict.Published],
            (await _world.LedgerAsync(post.Id)).OrderBy(a => a.Number).Select(a => a.Verdict!.Value));
        Assert.Contains("delivery.deferred", await _world.EventsAsync(post.Id));
    }

    [Fact]
    public async Task A_network_that_is_away_is_tried_again_until_the_tries_are_used_up()
    {
        var post = await _world.PostAsync("Anybody there", _world.Pages[0]);
        await _world.Sandbox.DisposeAsync();
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryPhase.Retrying, 1), (delivery.Phase, delivery.AttemptCount));
        Assert.Contains(PostActions.Cancel, delivery.Actions);

        for (var i = 0; i < 20; i++) await _world.PassAsync(TimeSpan.FromMinutes(30));
        var read = await _world.ReadAsync(post.Id);
        delivery = Assert.Single(read.Deliveries);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.ProviderUnavailable, 8),
            (delivery.Status, delivery.Error!.Code, delivery.AttemptCount));
        Assert.Equal(PostOutcome.Failed, read.Outcome);
    }

    [Fact]
    public async Task A_revoked_grant_fails_the_delivery_and_asks_for_reconnection()
    {
        var first = await _world.PostAsync("One", _world.Pages[0], "publish=authRevoked");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(first.Id);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.AuthRevoked, NextStep.Reconnect),
            (delivery.Status, delivery.Error!.Code, delivery.Error.NextStep));

        // All pages of the account hang on the one grant.
        Assert.True(_world.Pages.Count > 1);
        Assert.Equal(_world.Pages.Count, await _world.Host.InDatabaseAsync(db =>
            db.Profiles.CountAsync(p => p.Status == ProfileStatus.ReauthRequired)));
        Assert.Equal(_world.Pages.Count, await _world.Host.InDatabaseAsync(db =>
            db.Events.CountAsync(e => e.Type == "profile.reauthRequired")));
    }

    [Fact]
    public async Task A_delivery_beyond_its_lateness_fails_unsent_and_can_be_retried()
    {
        var at = _world.Host.Clock.GetUtcNow().AddMinutes(5);
        var post = await _world.PostAsync("Breaking", _world.Pages[0], at: at, maxLatenessSeconds: 60);
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));
        await _world.PassAsync(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(61));

        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Failed, DeliveryErrorCode.TooLate, 0),
            (delivery.Status, delivery.Error!.Code, delivery.AttemptCount));
        Assert.Contains(PostActions.Retry, delivery.Actions);
        Assert.Equal(0, await _world.TimesAsync("Breaking"));
    }

    [Fact]
    public async Task A_processing_upload_is_polled_and_stays_one_attempt()
    {
        var post = await _world.PostAsync("Transcoding", _world.PageOf(SettlementMode.Probe), "publish=slowProcessing");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Pending, DeliveryPhase.Processing), (delivery.Status, delivery.Phase));
        Assert.Null(Assert.Single(await _world.LedgerAsync(post.Id)).Verdict);

        // The lane is free meanwhile.
        var other = await _world.PostAsync("Short", _world.PageOf(SettlementMode.Probe));
        await _world.Runner.RunOnceAsync(default);
        Assert.Equal(DeliveryStatus.Published, (await _world.DeliveryAsync(other.Id)).Status);
    }

    [Fact]
    public async Task A_failed_thread_part_leaves_it_incomplete_and_a_retry_resumes_there()
    {
        var post = await _world.PostAsync("Root", _world.Pages[0], "thread=rejected", thread: ["Two", "Three"]);
        await _world.Runner.RunOnceAsync(default);
        var read = await _world.ReadAsync(post.Id);
        var delivery = Assert.Single(read.Deliveries);
        Assert.Equal((DeliveryStatus.Incomplete, PostOutcome.Partial), (delivery.Status, read.Outcome));
        Assert.Equal([PartStatus.Published, PartStatus.Failed, PartStatus.Pending], delivery.Parts.Select(p => p.Status));
        Assert.Contains("delivery.partFailed", await _world.EventsAsync(post.Id));

        await RetryAsync(post.Id, delivery.Id);
        Assert.Equal(1, await _world.Runner.RunOnceAsync(default));
        read = await _world.ReadAsync(post.Id);
        delivery = Assert.Single(read.Deliveries);
        Assert.Equal((DeliveryStatus.Published, PostOutcome.Published), (delivery.Status, read.Outcome));
        Assert.All(delivery.Parts, p => Assert.Equal(PartStatus.Published, p.Status));
        Assert.Equal(1, await _world.TimesAsync("Root"));
    }

    [Fact]
    public async Task A_root_whose_answer_was_lost_is_found_and_its_thread_goes_on_from_there()
    {
        var post = await _world.PostAsync("Lost root", _world.PageOf(SettlementMode.ReadBack), "publish=timeoutAfterAccept",
            thread: ["Two"], firstComment: "First!");
        await _world.Runner.RunOnceAsync(default);
        await _world.Reconciler.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal((DeliveryStatus.Pending, DeliveryPhase.Processing), (delivery.Status, delivery.Phase));
        Assert.DoesNotContain(PostActions.Cancel, delivery.Actions);
        await _world.Runner.RunOnceAsync(default);

        delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal(DeliveryStatus.Published, delivery.Status);
        Assert.All(delivery.Parts, p => Assert.Equal(PartStatus.Published, p.Status));
        Assert.Equal(1, await _world.TimesAsync("Lost root"));
    }

    [Fact]
    public async Task A_failed_first_comment_never_fails_the_delivery()
    {
        var post = await _world.PostAsync("Root with comment", _world.Pages[0], "comment=rejected", firstComment: "First!");
        await _world.Runner.RunOnceAsync(default);
        var delivery = await _world.DeliveryAsync(post.Id);
        Assert.Equal(DeliveryStatus.Published, delivery.Status);
        Assert.Equal([PartStatus.Published, PartStatus.Failed], delivery.Parts.Select(p => p.Status));
    }

    [Fact]
    public async Task A_retry_of_a_failed_delivery_publishes_it_and_completes_the_post_again()
    {
        var post = await _world.PostAsync("Again", _world.Pages[0], "publish=rejected");
        await _world.Runner.RunOnceAsync(default);
        await RetryAsync(post.Id, (await _world.DeliveryAsync(post.Id)).Id);
        await _world.Runner.RunOnceAsync(default);

        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), (read.Status, read.Outcome));
        Assert.Equal(2, (await _world.EventsAsync(post.Id)).Count(type => type == "post.completed"));
    }

    [Fact]
    public async Task A_post_to_several_pages_completes_with_its_last_delivery()
    {
        var post = await _world.CreateAsync(PublishingWorld.Body("Everywhere", _world.Pages));
        Assert.Equal(4, await _world.Runner.RunOnceAsync(default));
        var read = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), (read.Status, read.Outcome));
        Assert.Equal(4, await _world.TimesAsync("Everywhere"));
        Assert.Single(await _world.EventsAsync(post.Id), type => type == "post.completed");
    }

    private Task<AcceptedPost> RetryAsync(Guid postId, Guid deliveryId) => _world.Host.InScopeAsync(services =>
        services.GetRequiredService<PostEditor>()
            .RetryAsync(_world.Person, postId, deliveryId, [], null, default));
}
