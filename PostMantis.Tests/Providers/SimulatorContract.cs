using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Outbound;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.ServiceDefaults;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Media.Inspection;

namespace PostMantis.Tests.Providers;

/// <summary>A post of one kind, and what shall come of it.</summary>
/// <param name="Name">What it shows; also its text unless one is given.</param>
internal sealed record PostCase(string Name)
{
    public string? Body { get; init; } = Name;
    public IReadOnlyList<TestFile> Files { get; init; } = [];

    /// <summary>By file; a file without one has none.</summary>
    public IReadOnlyList<string?> Alts { get; init; } = [];
    public LinkCard? Link { get; init; }
    public IReadOnlyList<string> Thread { get; init; } = [];
    public string? FirstComment { get; init; }
    public JsonObject Options { get; init; } = [];

    /// <summary>The text the journal shows; the body unless the network writes something else.</summary>
    public string? Shown { get; init; }

    /// <summary>The files the journal shows; those of the post unless the network makes others of them.</summary>
    public int? ShownFiles { get; init; }

    /// <summary>Of a post that is too much: the rule that says so; null when a converted file would be taken.</summary>
    public Rule? Rule { get; init; }

    /// <summary>Of a post that is too much: what the network's refusal is told as.</summary>
    public DeliveryErrorCode Code { get; init; } = DeliveryErrorCode.ContentRejected;

    public DeliveryContent Content() => new(Body, Link, Media(),
        [.. Thread.Select(body => new PartContent(body, []))],
        FirstComment is { } comment ? new PartContent(comment, []) : null, (JsonObject)Options.DeepClone());

    public PostContent Wanted(string provider) => new(Body, Link, Content().Thread, Content().FirstComment, Media(),
        new Dictionary<string, JsonObject> { [provider] = Options }, new Dictionary<Guid, PostOverride>());

    private MediaItem[] Media() => [.. Files.Select((file, at) => file.Item(Alts.ElementAtOrDefault(at)))];
}

/// <summary>A network's refusal of the call that a fault is put on, and what it must be told as.</summary>
internal sealed record ErrorCase(string Name, Fault Fault, Type Outcome, DeliveryErrorCode? Code = null);

/// <summary>
/// The contract against a simulated network on a real port, and what every network has besides: consent, renewal,
/// disconnecting, each kind of post, each limit, each error. Faults are scripted over HTTP (docs/simulators.md).
/// </summary>
public abstract class SimulatorContract : ProviderContract, IAsyncLifetime
{
    private readonly List<IHost> _hosts = [];
    private readonly Clock _clock = new(TimeProvider.System);
    private readonly Clock _ours;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private SimulatorHost _host = null!;
    private IProvider _provider = null!;
    private GrantTokens _tokens = null!;
    private IReadOnlyDictionary<SettlementMode, Destination> _destinations = null!;
    private IReadOnlyList<Destination> _all = [];

    protected SimulatorContract() => _ours = new Clock(_clock);

    /// <summary>The contract's name of the network, and the simulator's.</summary>
    protected abstract string Network { get; }

    private protected abstract IProviderSetup Setup { get; }

    /// <summary>The settings that point the adapter at <paramref name="address"/>.</summary>
    protected abstract IReadOnlyDictionary<string, string?> Settings(Uri address);

    /// <summary>What a person fills in before the trip.</summary>
    protected virtual IReadOnlyDictionary<string, string> Input(Uri address) => new Dictionary<string, string>();

    /// <summary>Where the network serves the call that makes a post public, by method and part of path.</summary>
    private protected abstract (string Method, string Path) PublicCall { get; }

    /// <summary>Where it serves tokens.</summary>
    protected abstract string TokenPath { get; }

    /// <summary>The network's own answer for <c>rejected</c>, <c>rateLimited</c> and <c>authRevoked</c>.</summary>
    private protected abstract Fault Said(string fault);

    private protected abstract IReadOnlyList<PostCase> Kinds { get; }

    private protected abstract IReadOnlyList<PostCase> TooMuch { get; }

    private protected abstract IReadOnlyList<ErrorCase> Errors { get; }

    /// <summary>Scopes that publishing needs, as the network's consent page names them.</summary>
    protected virtual IReadOnlyList<string> RequiredScopes => [];

    /// <summary>A post whose files the network works on; null where it works on none.</summary>
    private protected virtual PostCase? Slow => null;

    /// <summary>Options that are in order, and some that are not.</summary>
    protected virtual JsonObject GoodOptions => [];

    protected virtual IReadOnlyList<JsonObject> BadOptions => [];

    private protected SimulatorHost Simulator => _host;

    protected override TimeProvider Time => _ours;

    protected override IProvider Provider => _provider;

    protected override GrantTokens Tokens => _tokens;

    protected override IReadOnlyDictionary<SettlementMode, Destination> Destinations => _destinations;

    /// <summary>The modes that the destinations of a grant are tried in.</summary>
    protected virtual IReadOnlyDictionary<SettlementMode, Destination> Choose(IReadOnlyList<Destination> destinations)
    {
        var (content, _) = Post(default, "x", null);
        return destinations.Take(1).ToDictionary(d =>
            Provider.Publisher.ModeOf(new PublishTarget(default, d.Id, d.Facts), content));
    }

    public virtual async ValueTask InitializeAsync()
    {
        _host = await SimulatorHost.StartAsync(Network, _clock);
        _http.BaseAddress = _host.Address;
        _host.Sim.Consent.Approve = _host.Sim.Accounts[0].Handle;
        _provider = At(_host.Address, TimeSpan.FromSeconds(20));
        (_tokens, _all) = await ConnectAsync();
        _destinations = Choose(_all);
    }

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts) host.Dispose();
        _http.Dispose();
        await _host.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected override IProvider At(Uri address) => At(address, TimeSpan.FromSeconds(1));

    private IProvider At(Uri address, TimeSpan timeout) => At(address, new Dictionary<string, string?>
    {
        [$"Providers:{Network}:Timeout"] = timeout.ToString(), [$"Providers:{Network}:UploadTimeout"] = timeout.ToString(),
    });

    /// <summary>The adapter with further settings.</summary>
    private protected IProvider At(Uri address, IReadOnlyDictionary<string, string?> more)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = Environments.Development });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(Settings(address))
        {
            ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
        }).AddInMemoryCollection(more);
        builder.AddServiceDefaults();
        builder.Services.AddSingleton(Time);
        builder.Services.AddOptions<InstanceOptions>().Bind(builder.Configuration);
        builder.Services.AddOutbound();
        builder.Services.AddProviderCore();
        Setup.Register(builder.Services);
        _hosts.Add(builder.Build());
        return _hosts[^1].Services.GetRequiredService<IProvider>();
    }

    protected override async Task<JsonObject?> FaultAsync(SettlementMode mode, string fault)
    {
        var (method, path) = PublicCall;
        var scripted = fault switch
        {
            "timeoutAfterAccept" => new Fault { After = true },
            "timeoutBeforeAccept" => new Fault(),
            _ => Said(fault),
        };
        (scripted.Method, scripted.Path) = (method, path);
        await ScriptAsync(scripted);
        if (fault == "authRevoked") await ControlAsync($"/_sim/accounts/{Account}/revoke");
        return null;
    }

    protected override async Task<int> CountAsync(string body) =>
        (await _host.JournalAsync()).Count(entry => ShownIn(entry) == body);

    /// <summary>The text of a journal's entry as the post said it.</summary>
    private protected virtual string ShownIn(Published entry) => entry.Text;

    protected override Task WaitAsync(TimeSpan span)
    {
        _clock.Advance(span);
        return Task.CompletedTask;
    }

    protected string Account => _host.Sim.Accounts[0].Handle;

    private protected Task ScriptAsync(Fault fault) => PostAsync("/_sim/faults", fault);

    protected Task ControlAsync(string path) => PostAsync(path, new { });

    /// <summary>Changes rules of the network.</summary>
    protected async Task ChangeAsync(object settings)
    {
        using var answer = await _http.PatchAsJsonAsync("/_sim/settings", settings);
        answer.EnsureSuccessStatusCode();
    }

    protected async Task ConsentAsync(object settings)
    {
        using var answer = await _http.PatchAsJsonAsync("/_sim/consent", settings);
        answer.EnsureSuccessStatusCode();
    }

    private async Task PostAsync(string path, object body)
    {
        using var answer = await _http.PostAsJsonAsync(path, body);
        answer.EnsureSuccessStatusCode();
    }

    private protected static Uri Callback(string network) => new($"http://127.0.0.1:5080/connect/callback/{network}");

    private ConsentTrip Begin(IReadOnlyDictionary<string, string>? input) =>
        new("state-state-state", new string('v', 43), Callback(Network)) { Input = input ?? Input(_host.Address) };

    /// <summary>The trip up to the way back: null where the network grants at once.</summary>
    private protected async Task<(ConsentTrip Trip, ConsentReturn? Back, ConsentStart Start)> TravelAsync(
        IReadOnlyDictionary<string, string>? input = null)
    {
        var begun = Begin(input);
        var start = await Provider.Consent.StartAsync(begun, default);
        if (start is not ConsentStart.Leave leave) return (begun, null, start);
        using var answer = await _http.GetAsync(leave.Url);
        Assert.True((int)answer.StatusCode is 302 or 303, $"The consent page answered {await answer.Content.ReadAsStringAsync()}");
        var query = HttpUtility.ParseQueryString(answer.Headers.Location!.Query);
        var trip = new ConsentTrip(begun.State, begun.CodeVerifier, begun.RedirectUri)
        {
            Input = begun.Input,
            Secrets = leave.Secrets ?? new Dictionary<string, string>(),
        };
        return (trip, new ConsentReturn(query["state"], query["code"], query["error"])
        {
            Parameters = query.AllKeys.OfType<string>().ToDictionary(k => k, k => query[k]!),
        }, start);
    }

    private protected async Task<(GrantTokens Tokens, ProviderAccount Account)> GrantAsync()
    {
        var (trip, back, start) = await TravelAsync();
        if (back is null)
        {
            var at = Assert.IsType<ConsentStart.Granted>(start);
            return (at.Tokens, at.Account);
        }
        Assert.Equal(trip.State, back.State);
        var granted = Assert.IsType<ConsentOutcome.Granted>(await Provider.Consent.ExchangeAsync(trip, back, default));
        return (granted.Tokens, granted.Account);
    }

    private protected async Task<(GrantTokens Tokens, IReadOnlyList<Destination> Destinations)> ConnectAsync()
    {
        var (tokens, _) = await GrantAsync();
        var listed = await Provider.Consent.ListDestinationsAsync(tokens, default);
        return (tokens, Assert.IsType<DestinationsOutcome.Listed>(listed).Destinations);
    }

    private protected TestPublishWork WorkOf(PostCase post, GrantTokens? tokens = null, int? killedAfterHandles = null,
        IReadOnlyList<DeliveryPart>? parts = null, Guid? deliveryId = null) =>
        TestPublishWork.For(DestinationOf(post), tokens ?? Tokens, post.Content(), post.Files, Time,
            killedAfterHandles: killedAfterHandles, parts: parts, deliveryId: deliveryId);

    /// <summary>Where a kind of post is tried.</summary>
    private protected virtual Destination DestinationOf(PostCase post) => Destinations.Values.First();

    private protected static async Task<IReadOnlyList<Published>> JournalAsync(SimulatorHost host) => await host.JournalAsync();

    [Fact]
    public async Task Connecting_again_gives_the_same_account_and_destinations()
    {
        Applies();
        var (first, second) = ((await GrantAsync()).Account, (await GrantAsync()).Account);
        Assert.Equal(first, second);
        Assert.NotEmpty(first.Name);
        Assert.Equal(_all.Select(d => d.Id), (await ConnectAsync()).Destinations.Select(d => d.Id));
    }

    [Fact]
    public async Task A_denial_comes_back_as_one()
    {
        Applies();
        await ConsentAsync(new { deny = true });
        var (_, back, _) = await TravelAsync();
        Assert.Null(back!.Code);
        Assert.True(Provider.Consent.IsDenial(back.Error!));
    }

    [Fact]
    public async Task Consent_for_less_than_publishing_needs_is_refused()
    {
        Applies();
        Assert.NotEmpty(RequiredScopes);
        foreach (var scope in RequiredScopes)
        {
            await ConsentAsync(new { withhold = new[] { scope } });
            var (trip, back, _) = await TravelAsync();
            var refused = Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, back!, default));
            Assert.Equal(NextStep.Reconnect, refused.Error.NextStep);
            Assert.Contains(scope, refused.Error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_code_is_good_once_and_needs_its_verifier()
    {
        Applies();
        var (trip, back, _) = await TravelAsync();
        var stolen = new ConsentTrip(trip.State, new string('w', 43), trip.RedirectUri) { Input = trip.Input, Secrets = trip.Secrets };
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(stolen, back!, default));
        (trip, back, _) = await TravelAsync();
        Assert.IsType<ConsentOutcome.Granted>(await Provider.Consent.ExchangeAsync(trip, back!, default));
        Assert.IsType<ConsentOutcome.Refused>(await Provider.Consent.ExchangeAsync(trip, back!, default));
    }

    [Fact]
    public async Task Tokens_that_ran_out_are_renewed_and_then_serve()
    {
        Applies();
        await ControlAsync($"/_sim/accounts/{Account}/expire");
        var (refused, _) = await RunAsync(WorkOf(Kinds[0]));
        Assert.Equal(DeliveryErrorCode.AuthRevoked, Assert.IsType<PublishOutcome.Deferred>(refused).Error.Code);
        var renewed = await RenewAsync(Tokens);
        Assert.NotEqual(Tokens.AccessToken, renewed.AccessToken);
        Assert.True(renewed.AccessTokenExpiresAt > Time.GetUtcNow());
        Assert.IsType<PublishOutcome.Published>((await RunAsync(WorkOf(Kinds[0], renewed))).Outcome);
    }

    [Fact]
    public async Task A_refresh_token_that_was_used_up_asks_for_a_person()
    {
        Applies();
        await RenewAsync(Tokens);
        await WaitAsync(TimeSpan.FromDays(1));
        var refused = Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(Tokens, default));
        Assert.Equal((DeliveryErrorCode.AuthRevoked, NextStep.Reconnect), (refused.Error.Code, refused.Error.NextStep));
    }

    [Fact]
    public async Task A_renewal_whose_answer_is_lost_or_broken_decides_nothing()
    {
        Applies();
        foreach (var fault in new[] { new Fault(), new Fault { Status = 503, Body = "<html>", ContentType = "text/html" } })
        {
            fault.Path = TokenPath;
            await ScriptAsync(fault);
            Assert.IsType<RefreshOutcome.Transient>(await Provider.Consent.RefreshAsync(Tokens, default));
        }
        Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(Tokens, default));
    }

    [Fact]
    public async Task Disconnecting_ends_the_grant_at_the_network()
    {
        Applies();
        await Provider.Consent.RevokeAsync(Tokens, default);
        AssertAuthRevoked((await RunAsync(WorkOf(Kinds[0]))).Outcome);
        if (Tokens.RefreshToken is not null)
            Assert.IsType<RefreshOutcome.Revoked>(await Provider.Consent.RefreshAsync(Tokens, default));
        Assert.Empty(await _host.JournalAsync());
    }

    [Fact]
    public async Task Every_kind_of_post_becomes_public_once_and_as_it_was_meant()
    {
        Applies();
        foreach (var kind in Kinds)
        {
            Assert.Empty(IssuesOf(kind));
            var before = (await _host.JournalAsync()).Count;
            var (outcome, work) = await RunAsync(WorkOf(kind));
            var published = Assert.IsType<PublishOutcome.Published>(outcome);
            Assert.True(work.CallStarted);
            Assert.All(published.Parts, part => Assert.Equal((PartStatus.Published, true), (part.Status, part.ProviderPostId is not null)));
            var made = (await _host.JournalAsync()).Skip(before).ToList();
            Assert.Equal(1 + kind.Thread.Count + (kind.FirstComment is null ? 0 : 1), made.Count);
            Assert.Equal(published.ProviderPostId, ProviderIdOf(made[0]));
            Assert.Equal(kind.Shown ?? kind.Body ?? "", ShownIn(made[0]));
            Assert.Equal(kind.Thread, made.Skip(1).Take(kind.Thread.Count).Select(ShownIn));
            if (kind.FirstComment is { } comment) Assert.Equal(comment, ShownIn(made[^1]));
            Assert.Equal(kind.ShownFiles ?? kind.Files.Count, made[0].Files.Count);
            if (kind.ShownFiles is not null) continue;
            Assert.Equal(kind.Files.Select(file => file.Sha256), made[0].Files.Select(file => file.Sha256));
            if (Provider.Rules.AltText)
                Assert.Equal(kind.Files.Select((_, at) => kind.Alts.ElementAtOrDefault(at) ?? ""),
                    made[0].Files.Select(file => file.AltText ?? ""));
        }
    }

    [Fact]
    public async Task Clocks_that_differ_hide_no_post_and_lend_us_none()
    {
        Applies();
        foreach (var who in new[] { "ours", "theirs" })
        {
            PutAhead(who);
            foreach (var mode in Destinations.Keys.Where(mode => mode != SettlementMode.None))
            {
                var (before, body) = ((await _host.JournalAsync()).Count, $"clocks {who} {mode}");
                var (lost, work) = await PublishAsync(mode, body, "timeoutAfterAccept");
                Assert.IsType<PublishOutcome.Unconfirmed>(lost);
                await SettleAsync();
                var entry = Assert.Single((await _host.JournalAsync()).Skip(before));
                var found = Assert.IsType<ReconcileOutcome.Found>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(mode), default));
                Assert.Equal(ProviderIdOf(entry), found.ProviderPostId);

                // What somebody said a while before the call is not what the call said.
                await WaitAsync(TimeSpan.FromMinutes(5));
                (lost, work) = await PublishAsync(mode, body, "timeoutBeforeAccept");
                Assert.IsType<PublishOutcome.Unconfirmed>(lost);
                Assert.IsType<ReconcileOutcome.NotListed>(await Provider.Reconciler.ReconcileAsync(work.Reconcile(mode), default));
            }
        }
    }

    /// <summary>Puts our clock ahead of the network's, or the network's ahead of ours, further than untold differences may be.</summary>
    protected void PutAhead(string whose)
    {
        var (now, apart) = (_ours.GetUtcNow() - _host.Sim.Now, 1.5 * Listing.UntoldDifference);
        if (whose == "ours") _ours.Advance(apart - now);
        else _host.Sim.Time.Advance(apart + now);
    }

    /// <summary>Lets the network finish what it has taken.</summary>
    private protected virtual Task SettleAsync() => WaitAsync(TimeSpan.FromSeconds(10));

    /// <summary>The id that the adapter gives for a journal's entry.</summary>
    private protected virtual string ProviderIdOf(Published entry) => entry.Id;

    [Fact]
    public async Task What_the_rules_refuse_the_network_refuses_too()
    {
        Applies();
        foreach (var post in TooMuch)
        {
            if (post.Rule is { } rule) Assert.Contains(IssuesOf(post), issue => issue.Rule == rule);
            var (outcome, _) = await RunAsync(WorkOf(post));
            Assert.True(outcome is PublishOutcome.Rejected, $"{post.Name} gave {outcome}");
            Assert.Equal((post.Name, post.Code), (post.Name, ((PublishOutcome.Rejected)outcome).Error.Code));
        }
        Assert.Empty(await _host.JournalAsync());
    }

    [Fact]
    public async Task Every_refusal_is_told_as_what_it_is()
    {
        Applies();
        foreach (var error in Errors)
        {
            var (method, path) = PublicCall;
            error.Fault.Method ??= method;
            if (error.Fault.Path.Length == 0) error.Fault.Path = path;
            await ScriptAsync(error.Fault);
            var (outcome, _) = await RunAsync(WorkOf(Kinds[0] with { Body = $"{Kinds[0].Body} {error.Name}" }));
            var code = outcome switch
            {
                PublishOutcome.Rejected rejected => rejected.Error.Code,
                PublishOutcome.Deferred deferred => deferred.Error.Code,
                PublishOutcome.Retry retry => retry.Error.Code,
                _ => (DeliveryErrorCode?)null,
            };
            Assert.Equal((error.Name, error.Outcome.Name, error.Code), (error.Name, outcome.GetType().Name, code));
        }
        Assert.Empty(await _host.JournalAsync());
    }

    [Fact]
    public async Task Slow_processing_is_waited_for_without_a_worker()
    {
        Applies();
        var slow = Slow!;
        var work = WorkOf(slow);
        var first = await Provider.Publisher.PublishAsync(work, default);
        Assert.True(Assert.IsType<PublishOutcome.Processing>(first).CheckAfter > TimeSpan.Zero);
        Assert.Empty(await _host.JournalAsync());
        var uploads = slow.Files.Sum(file => file.OpenedFromStart);
        await WaitAsync(((PublishOutcome.Processing)first).CheckAfter);
        Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
        Assert.Single(await _host.JournalAsync());
        Assert.Equal(uploads, slow.Files.Sum(file => file.OpenedFromStart));
    }

    [Fact]
    public async Task A_process_killed_after_any_step_goes_on_and_publishes_once()
    {
        Applies();
        var post = Slow ?? Kinds[^1];
        var kills = 0;
        for (var after = 1; ; after++)
        {
            var before = (await _host.JournalAsync()).Count;
            var work = WorkOf(post with { Body = post.Body is null ? null : $"{post.Body} {after}" }, killedAfterHandles: after);
            var done = false;
            try
            {
                done = (await RunAsync(work)).Outcome is PublishOutcome.Published;
            }
            catch (LeaseLostException)
            {
                kills++;
            }
            if (!done) Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
            Assert.Equal(before + 1, (await _host.JournalAsync()).Count);
            if (done) break;
        }
        Assert.True(kills > 0, "Nothing was saved on the way.");
    }

    [Fact]
    public async Task A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled()
    {
        Applies();
        var thread = Kinds.First(kind => kind.Thread.Count > 1);
        var (method, path) = PublicCall;
        var rejected = Said("rejected");
        (rejected.Method, rejected.Path, rejected.Skip) = (method, path, 1);
        await ScriptAsync(rejected);
        var work = WorkOf(thread);
        var half = Assert.IsType<PublishOutcome.Incomplete>((await RunAsync(work)).Outcome);
        Assert.Equal(PartStatus.Failed, half.Parts.Single(part => part.Index == 1).Status);
        var whole = Assert.IsType<PublishOutcome.Published>(
            (await RunAsync(WorkOf(thread, parts: half.Parts, deliveryId: work.DeliveryId))).Outcome);
        Assert.All(whole.Parts, part => Assert.Equal(PartStatus.Published, part.Status));
        Assert.Equal([thread.Body, .. thread.Thread], (await _host.JournalAsync()).Select(ShownIn));
    }

    [Fact]
    public async Task What_validate_accepts_the_network_accepts_and_what_it_refuses_the_network_refuses()
    {
        Applies();
        var random = new Random(42);
        var rules = Provider.RulesOf(DestinationOf(Kinds[0]).Facts);
        for (var round = 0; round < Rounds; round++)
        {
            var post = Kinds[0] with { Name = $"text {round}", Body = TextOf(rules, random) };
            var isAccepted = IssuesOf(post).Count == 0;
            var (outcome, _) = await RunAsync(WorkOf(post));
            Assert.True(isAccepted ? outcome is PublishOutcome.Published : outcome is PublishOutcome.Rejected,
                $"validate said {isAccepted}, the network {outcome} to {post.Body}");
        }
    }

    /// <summary>How many random texts are tried; a network's own rate limits are not what they are about.</summary>
    protected virtual int Rounds => 30;

    /// <summary>What texts are made of, besides letters.</summary>
    protected virtual IReadOnlyList<string> Pieces { get; } =
    [
        "plain words ", "ümlaut ", "日本語", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "1⃣ ", "e\u0301 ", "https://example.com/a/b?c=d ", "(https://example.com/x). ",
        "#tag ", "#日本 ", "@someone ", "\n", "\n\n", "& < > \" ' ", "… — “q” ",
    ];

    // Near the limit: from a few below to a few above.
    private string TextOf(ProviderRules rules, Random random)
    {
        var most = rules.MaxText + random.Next(-4, 5);
        var text = new System.Text.StringBuilder();
        for (var tries = 0; tries < 5000; tries++)
        {
            var piece = tries < 4900 ? Pieces[random.Next(Pieces.Count)] : "x";
            if (TextCount.Of($"{text}{piece}|", rules) <= most) text.Append(piece);
        }
        return text.Append('|').ToString();
    }

    [Fact]
    public void Options_are_checked_as_strictly_as_their_schema_says()
    {
        Assert.Equal("object", (string?)Provider.OptionsSchema["type"]);
        Assert.False((bool)Provider.OptionsSchema["additionalProperties"]!);
        Assert.All(Provider.CheckOptions([]), issue => Assert.Equal(Rule.Required, issue.Rule));
        Assert.Contains(Provider.CheckOptions(new JsonObject { ["surprise"] = 1 }), issue => issue.Rule == Rule.UnknownField);
        Assert.Empty(Provider.CheckOptions(GoodOptions));
        Assert.Equal(Provider.OptionsSchema["properties"]!.AsObject().Select(p => p.Key).Order(), GoodOptions.Select(p => p.Key).Order());
        Assert.All(BadOptions, bad => Assert.NotEmpty(Provider.CheckOptions(bad)));
        foreach (var (name, _) in GoodOptions)
            Assert.NotEmpty(Provider.CheckOptions(new JsonObject(GoodOptions.Where(p => p.Key != name)
                .Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone()))) { [name] = new JsonObject { ["no"] = 1 } }));
    }

    /// <summary>
    /// Tries every file of the corpus: what the plan keeps or converts the network takes, and what it refuses the network refuses.
    /// </summary>
    /// <param name="serve">Where networks that pull find a file.</param>
    private protected async Task TakesTheCorpusAsPlannedAsync(Func<string, byte[], Uri?>? serve = null)
    {
        var ct = TestContext.Current.CancellationToken;
        var options = Microsoft.Extensions.Options.Options.Create(new InspectionOptions());
        var (inspector, folder) = (new MediaInspector(options), Directory.CreateTempSubdirectory("postmantis-corpus-"));
        var converter = new MediaConverter(options, inspector);
        try
        {
            foreach (var name in MediaCorpus.Names)
            {
                var path = await MediaCorpus.MakeAsync(folder.FullName, name);
                var facts = (await inspector.InspectAsync(path, ct)).Facts!;
                var plan = MediaPlanner.Plan([facts], Provider.RulesOf(DestinationOf(Kinds[0]).Facts).Media!, converter.Tools, Network);
                // The simulators know a WebM film by name and do not measure it.
                if (name == "webm" && plan.Issues.Count > 0) continue;
                if (plan.Items[0].Recipe is { } recipe)
                    facts = (await converter.ConvertAsync(path, facts, recipe, path += ".made", null, ct)).Facts!;
                var bytes = await File.ReadAllBytesAsync(path, ct);
                var file = TestFile.Of(bytes, facts.Kind, facts.MimeType, facts.Width, facts.Height, facts.DurationMs, facts.IsAnimated,
                    serve?.Invoke(name, bytes));
                var (outcome, _) = await RunAsync(WorkOf(Kinds[0] with { Body = $"{Kinds[0].Body} {name}", Files = [file], Alts = [] }));
                Assert.True(plan.Issues.Count == 0 ? outcome is PublishOutcome.Published : outcome is PublishOutcome.Rejected,
                    $"{name}: {plan.Items[0].Verdict} {string.Join(' ', plan.Issues.Select(issue => issue.Message))}, and the network {outcome}");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private protected IReadOnlyList<Issue> IssuesOf(PostCase post)
    {
        var facts = post.Files.ToDictionary(file => file.ArtifactId, file =>
            new Core.Media.Inspection.MediaFacts(file.Kind, file.MimeType, file.SizeBytes, file.Sha256)
            {
                Width = file.Width,
                Height = file.Height,
                DurationMs = file.DurationMs,
                IsAnimated = file.IsAnimated,
                Frames = file.IsAnimated ? 2 : 1,
                Fps = file.Kind == MediaKind.Video ? 30 : null,
                VideoCodec = file.Kind == MediaKind.Video ? "h264" : null,
                AudioCodec = file.Kind == MediaKind.Video ? "aac" : null,
                Container = file.Kind == MediaKind.Video ? "mp4" : null,
            });
        return [.. ContentRules.Check(Provider, post.Wanted(Network), Guid.Empty, DestinationOf(post).Facts,
                id => facts.GetValueOrDefault(id)).Where(issue => issue.Severity == Severity.Error)];
    }

    private async Task<GrantTokens> RenewAsync(GrantTokens before)
    {
        var renewed = Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(before, default)).Tokens;
        return new GrantTokens
        {
            AccessToken = renewed.AccessToken,
            RefreshToken = renewed.RefreshToken ?? before.RefreshToken,
            AccessTokenExpiresAt = renewed.AccessTokenExpiresAt,
            Scopes = renewed.Scopes,
            Secrets = before.Secrets.Where(s => !renewed.Secrets.ContainsKey(s.Key)).Concat(renewed.Secrets).ToDictionary(),
        };
    }
}
