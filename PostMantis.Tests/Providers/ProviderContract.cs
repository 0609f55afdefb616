using System.Text.Json.Nodes;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>What every adapter must hold to, against a simulator of its network that speaks its real HTTP.</summary>
public abstract class ProviderContract
{
    /// <summary>The adapter under test, pointed at its network.</summary>
    protected abstract IProvider Provider { get; }

    /// <summary>Destinations by the settlement modes the network has.</summary>
    protected abstract IReadOnlyDictionary<SettlementMode, Destination> Destinations { get; }

    protected abstract GrantTokens Tokens { get; }

    /// <summary>Options that make the next publishing call go through <paramref name="fault"/>; null where the simulator
    /// cannot.</summary>
    protected abstract JsonObject? Fault(string fault);

    /// <summary>How many posts with this text are public.</summary>
    protected abstract Task<int> CountAsync(string body);

    protected static TimeProvider Time => TimeProvider.System;

    private async Task<(PublishOutcome Outcome, TestPublishWork Work)> PublishAsync(
        SettlementMode mode, string body, string? fault = null)
    {
        var work = TestPublishWork.For(Destinations[mode], Tokens, body, Time, fault is null ? null : Fault(fault));
        Assert.Equal(mode, Provider.Publisher.ModeOf(work.Target, work.Content));
        return (await Provider.Publisher.PublishAsync(work, TestContext.Current.CancellationToken), work);
    }

    [Fact]
    public async Task Publishing_in_every_mode_makes_exactly_one_public_post()
    {
        foreach (var mode in Destinations.Keys)
        {
            var (outcome, work) = await PublishAsync(mode, $"plain {mode}");
            var published = Assert.IsType<PublishOutcome.Published>(outcome);
            Assert.NotEmpty(published.ProviderPostId);
            Assert.True(work.CallStarted);
            Assert.Equal(mode is SettlementMode.ReadBack or SettlementMode.None, work.MarkedAt is not null);
            Assert.Equal(1, await CountAsync($"plain {mode}"));
        }
    }

    [Fact]
    public async Task A_lost_answer_is_unconfirmed_and_reconciling_tells_what_the_mode_can_tell()
    {
        foreach (var mode in Destinations.Keys)
        {
            var (outcome, work) = await PublishAsync(mode, $"lost {mode}", "timeoutAfterAccept");
            Assert.IsType<PublishOutcome.Unconfirmed>(outcome);
            Assert.Equal(1, await CountAsync($"lost {mode}"));
            var told = await Provider.Reconciler.ReconcileAsync(work.Reconcile(mode), TestContext.Current.CancellationToken);
            if (mode == SettlementMode.None) Assert.IsType<ReconcileOutcome.CannotTell>(told);
            else Assert.IsType<ReconcileOutcome.Found>(told);
        }
    }

    [Fact]
    public async Task A_call_that_never_arrived_is_unconfirmed_and_not_found()
    {
        foreach (var mode in Destinations.Keys.Where(m => m != SettlementMode.None))
        {
            var (outcome, work) = await PublishAsync(mode, $"never {mode}", "timeoutBeforeAccept");
            Assert.IsType<PublishOutcome.Unconfirmed>(outcome);
            Assert.Equal(0, await CountAsync($"never {mode}"));
            Assert.IsType<ReconcileOutcome.NotListed>(
                await Provider.Reconciler.ReconcileAsync(work.Reconcile(mode), TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Repeating_an_idempotent_or_probed_call_does_not_double_it()
    {
        foreach (var mode in Destinations.Keys.Where(m => m is SettlementMode.Idempotent or SettlementMode.Probe))
        {
            var (_, work) = await PublishAsync(mode, $"again {mode}", "timeoutAfterAccept");
            var again = TestPublishWork.For(Destinations[mode], Tokens, $"again {mode}", Time,
                deliveryId: work.DeliveryId, handles: work.Saved);
            Assert.IsType<PublishOutcome.Published>(
                await Provider.Publisher.PublishAsync(again, TestContext.Current.CancellationToken));
            Assert.Equal(1, await CountAsync($"again {mode}"));
        }
    }

    [Fact]
    public async Task A_listing_never_gives_what_another_delivery_owns()
    {
        if (!Destinations.ContainsKey(SettlementMode.ReadBack)) return;
        var (outcome, work) = await PublishAsync(SettlementMode.ReadBack, "owned");
        var owned = Assert.IsType<PublishOutcome.Published>(outcome).ProviderPostId;
        Assert.IsType<ReconcileOutcome.NotListed>(await Provider.Reconciler.ReconcileAsync(
            work.Reconcile(SettlementMode.ReadBack, new HashSet<string> { owned }), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_call_whose_window_has_closed_is_not_made()
    {
        foreach (var mode in Destinations.Keys.Where(m => m is SettlementMode.ReadBack or SettlementMode.None))
        {
            var work = TestPublishWork.For(Destinations[mode], Tokens, $"late {mode}", Time, heldUp: TimeSpan.FromSeconds(3));
            Assert.IsType<PublishOutcome.Retry>(
                await Provider.Publisher.PublishAsync(work, TestContext.Current.CancellationToken));
            Assert.False(work.CallStarted);
            Assert.Equal(0, await CountAsync($"late {mode}"));
        }
    }

    [Theory]
    [InlineData("rejected", typeof(PublishOutcome.Rejected))]
    [InlineData("rateLimited", typeof(PublishOutcome.Deferred))]
    public async Task A_refusal_creates_nothing(string fault, Type outcome)
    {
        foreach (var mode in Destinations.Keys)
        {
            var (got, _) = await PublishAsync(mode, $"{fault} {mode}", fault);
            Assert.IsType(outcome, got);
            Assert.Equal(0, await CountAsync($"{fault} {mode}"));
            Assert.DoesNotContain(Tokens.AccessToken, got.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_bad_token_is_a_definite_auth_error()
    {
        var bad = new GrantTokens { AccessToken = "nonsense" };
        var (mode, destination) = Destinations.First();
        var work = TestPublishWork.For(destination, bad, $"bad {mode}", Time);
        var outcome = await Provider.Publisher.PublishAsync(work, TestContext.Current.CancellationToken);
        Assert.Equal(DeliveryErrorCode.AuthRevoked, Assert.IsType<PublishOutcome.Rejected>(outcome).Error.Code);
    }
}
