using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using PostMantis.Core.Outbound;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Sandbox;
using PostMantis.ServiceDefaults;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Providers;

public sealed class SandboxContractTests(SandboxFixture sandbox)
    : ProviderContract, IClassFixture<SandboxFixture>, IAsyncLifetime
{
    private static readonly Uri Callback = new("http://127.0.0.1:5080/connect/callback/sandbox");
    private readonly SandboxServer _sandbox = sandbox.Server;
    private readonly List<IHost> _hosts = [];
    private IProvider _provider = null!;
    private GrantTokens _tokens = null!;
    private Dictionary<SettlementMode, Destination> _destinations = null!;

    protected override IProvider Provider => _provider;

    protected override GrantTokens Tokens => _tokens;

    protected override IReadOnlyDictionary<SettlementMode, Destination> Destinations => _destinations;

    public async ValueTask InitializeAsync()
    {
        _provider = At(_sandbox.Address);
        _tokens = (await ConnectAsync("lab")).Tokens;
        var listed = await Provider.Consent.ListDestinationsAsync(_tokens, default);
        var none = new DeliveryContent("", null, [], [], null, []);
        _destinations = Assert.IsType<DestinationsOutcome.Listed>(listed).Destinations.ToDictionary(d =>
            Provider.Publisher.ModeOf(new PublishTarget(default, d.Id, d.Facts), none));
        Assert.Equal(4, _destinations.Count);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var host in _hosts) host.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override Task<JsonObject?> FaultAsync(SettlementMode mode, string fault) =>
        Task.FromResult<JsonObject?>(Fault(fault));

    private static JsonObject Fault(string fault) => new()
    {
        ["faults"] = new JsonArray(new JsonObject { ["on"] = "publish", ["fault"] = fault }),
    };

    protected override IProvider At(Uri address) => At(address, TimeProvider.System);

    private IProvider At(Uri address, TimeProvider time)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            [$"{SandboxSettings.Section}:BaseUrl"] = address.AbsoluteUri,
            [$"{SandboxSettings.Section}:Timeout"] = "00:00:01",
        });
        builder.AddServiceDefaults();
        builder.Services.AddSingleton(time);
        builder.Services.AddOutbound();
        builder.Services.AddProviderCore();
        new SandboxSetup().Register(builder.Services);
        _hosts.Add(builder.Build());
        return _hosts[^1].Services.GetRequiredService<IProvider>();
    }

    protected override async Task<int> CountAsync(string body) => (await _sandbox.PostsAsync()).Count(p => p.Body == body);

    [Theory]
    [InlineData(15)]
    [InlineData(-15)]
    public async Task Clocks_that_differ_hide_no_post_and_lend_us_none(int aheadMinutes)
    {
        var ours = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddMinutes(aheadMinutes));
        var (provider, page) = (At(_sandbox.Address, ours), Destinations[SettlementMode.ReadBack]);
        var work = TestPublishWork.For(page, Tokens, $"clocks {aheadMinutes}", ours, Fault("timeoutAfterAccept"));
        Assert.IsType<PublishOutcome.Unconfirmed>(await provider.Publisher.PublishAsync(work, default));
        Assert.IsType<ReconcileOutcome.Found>(await provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));

        // The same post, had the call been made a minute later: it would be somebody else's.
        var later = work.Reconcile(SettlementMode.ReadBack) with { MarkedAt = work.MarkedAt!.Value.AddMinutes(1) };
        Assert.IsType<ReconcileOutcome.NotListed>(await provider.Reconciler.ReconcileAsync(later, default));
    }

    [Fact]
    public async Task A_busy_page_is_read_no_further_back_than_the_call()
    {
        var page = Destinations[SettlementMode.ReadBack];
        await _sandbox.CrowdAsync(page.Id, 500, Time.GetUtcNow().AddMinutes(-1));
        var work = TestPublishWork.For(page, Tokens, "busy", Time, Fault("timeoutBeforeAccept"));
        Assert.IsType<PublishOutcome.Unconfirmed>(await Provider.Publisher.PublishAsync(work, default));
        var before = await ReadsAsync();
        Assert.IsType<ReconcileOutcome.NotListed>(
            await Provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.ReadBack), default));
        Assert.Equal(1, await ReadsAsync() - before);

        async Task<int> ReadsAsync() =>
            (await _sandbox.RequestsAsync("GET")).Count(path => path.EndsWith("/posts", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_code_is_good_once_and_a_second_use_ends_the_grant()
    {
        var (tokens, trip, code) = await ConnectAsync("studio");
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, new(trip.State, code), default));
        Assert.IsType<DestinationsOutcome.Failed>(await Provider.Consent.ListDestinationsAsync(tokens, default));
    }

    [Fact]
    public async Task A_code_needs_the_verifier_and_the_address_it_was_made_for()
    {
        var trip = Trip();
        var code = await CodeAsync(trip, "studio");
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(
            new ConsentTrip(trip.State, new string('x', 43), Callback), new(trip.State, code), default));
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(
            new ConsentTrip(trip.State, trip.CodeVerifier, new Uri("http://127.0.0.1:1/connect/callback/sandbox")),
            new(trip.State, code), default));
        Assert.IsType<ConsentOutcome.Granted>(await Provider.Consent.ExchangeAsync(trip, new(trip.State, code), default));
    }

    [Fact]
    public async Task Denying_sends_the_browser_back_with_the_state()
    {
        var trip = Trip();
        var back = await _sandbox.ConsentAsync(await LeaveAsync(trip), decision: "deny");
        var query = HttpUtility.ParseQueryString(back.Query);
        Assert.Equal(("access_denied", trip.State, null), (query["error"], query["state"], query["code"]));
    }

    [Theory]
    [InlineData("redirect_uri", "https://evil.example/connect/callback/sandbox")]
    [InlineData("client_id", "someone-else")]
    [InlineData("code_challenge_method", "plain")]
    [InlineData("state", "")]
    public async Task The_consent_page_refuses_what_is_not_registered(string name, string value)
    {
        var url = await LeaveAsync(Trip());
        var query = HttpUtility.ParseQueryString(url.Query);
        query[name] = value;
        using var page = await _sandbox.Client.GetAsync(new Uri(url, $"/oauth/authorize?{query}"));
        Assert.Equal(400, (int)page.StatusCode);
    }

    [Fact]
    public async Task Refreshing_rotates_and_an_old_token_is_refused()
    {
        var (tokens, _, _) = await ConnectAsync("studio");
        var first = Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(tokens, default)).Tokens;
        Assert.NotEqual(tokens.AccessToken, first.AccessToken);
        Assert.NotEqual(tokens.RefreshToken, first.RefreshToken);
        Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(
            new GrantTokens { AccessToken = "", RefreshToken = "sbx_rt_unknown" }, default));
        await _sandbox.ControlAsync("/tokens?lose=1");
        Assert.IsType<RefreshOutcome.Transient>(await Provider.Consent.RefreshAsync(first, default));
        Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(first, default));
    }

    [Fact]
    public async Task Revoking_ends_the_tokens()
    {
        var (tokens, _, _) = await ConnectAsync("studio");
        await Provider.Consent.RevokeAsync(tokens, default);
        Assert.IsType<DestinationsOutcome.Failed>(await Provider.Consent.ListDestinationsAsync(tokens, default));
        Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(tokens, default));
    }

    [Fact]
    public async Task A_thread_and_a_first_comment_become_replies_and_a_failed_part_is_resumed()
    {
        var options = new JsonObject
        {
            ["faults"] = new JsonArray(new JsonObject { ["on"] = "thread", ["fault"] = "rejected" }),
        };
        var thread = new[] { new PartContent("two", []), new PartContent("three", []) };
        var work = TestPublishWork.For(Destinations[SettlementMode.ReadBack], Tokens, "one", Time, options,
            thread: thread, firstComment: new PartContent("comment", []));
        var half = Assert.IsType<PublishOutcome.Incomplete>(await Provider.Publisher.PublishAsync(work, default));
        Assert.Equal([PartStatus.Published, PartStatus.Failed, PartStatus.Pending, PartStatus.Pending],
            half.Parts.Select(p => p.Status));
        var resumed = TestPublishWork.For(Destinations[SettlementMode.ReadBack], Tokens, "one", Time, options,
            deliveryId: work.DeliveryId, thread: thread, firstComment: new PartContent("comment", []), parts: half.Parts);
        var whole = Assert.IsType<PublishOutcome.Published>(await Provider.Publisher.PublishAsync(resumed, default));
        Assert.All(whole.Parts, part => Assert.Equal(PartStatus.Published, part.Status));
        Assert.Null(resumed.MarkedAt);
        Assert.Equal(1, await CountAsync("one"));
    }

    [Fact]
    public async Task The_network_counts_text_itself()
    {
        var work = TestPublishWork.For(Destinations[SettlementMode.None], Tokens, new string('x', 501), Time);
        Assert.Equal(DeliveryErrorCode.ContentRejected,
            Assert.IsType<PublishOutcome.Rejected>(await Provider.Publisher.PublishAsync(work, default)).Error.Code);
    }

    [Fact]
    public async Task A_network_that_is_away_has_taken_nothing()
    {
        var work = TestPublishWork.For(Destinations.Values.First(), Tokens, "away", Time);
        var nobody = At(new Uri($"http://127.0.0.1:{PostgresServer.FreePort()}"));
        Assert.IsType<PublishOutcome.Retry>(await nobody.Publisher.PublishAsync(work, default));
    }

    [Fact]
    public void Options_are_checked_strictly()
    {
        Assert.Empty(Provider.CheckOptions(Fault("rejected")));
        Assert.Equal(["/faults/0/on", "/faults/0/fault", "/faults/0/x", "/other"],
            Provider.CheckOptions(JsonNode.Parse("""{"faults": [{"on": "never", "x": 1}], "other": true}""")!.AsObject())
                .Select(i => i.Pointer));
    }

    private async Task<(GrantTokens Tokens, ConsentTrip Trip, string Code)> ConnectAsync(string account)
    {
        var trip = Trip();
        var code = await CodeAsync(trip, account);
        var granted = Assert.IsType<ConsentOutcome.Granted>(await Provider.Consent.ExchangeAsync(trip, new(trip.State, code), default));
        Assert.Equal(account, granted.Account.Id);
        return (granted.Tokens, trip, code);
    }

    private async Task<string> CodeAsync(ConsentTrip trip, string account)
    {
        var back = await _sandbox.ConsentAsync(await LeaveAsync(trip), account);
        var query = HttpUtility.ParseQueryString(back.Query);
        Assert.Equal(trip.State, query["state"]);
        return query["code"]!;
    }

    private async Task<Uri> LeaveAsync(ConsentTrip trip) =>
        Assert.IsType<ConsentStart.Leave>(await Provider.Consent.StartAsync(trip, default)).Url;

    private static ConsentTrip Trip() => new("state-state-state", new string('v', 43), Callback);
}
