using System.Text.Json.Nodes;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Providers;

/// <summary>What every adapter must hold to, against a simulator of its network that speaks its real HTTP.</summary>
public abstract class ProviderContract
{
    /// <summary>The adapter under test, pointed at its network.</summary>
    protected abstract IProvider Provider { get; }

    /// <summary>Destinations by the settlement modes the network has.</summary>
    protected abstract IReadOnlyDictionary<SettlementMode, Destination> Destinations { get; }

    protected abstract GrantTokens Tokens { get; }

    /// <summary>
    /// Makes the next publishing call of <paramref name="mode"/> go through <paramref name="fault"/>: <c>timeoutAfterAccept</c>,
    /// <c>timeoutBeforeAccept</c>, <c>rejected</c>, <c>rateLimited</c> or <c>authRevoked</c>.
    /// </summary>
    /// <returns>Options the delivery must carry for it; none where the fault is scripted otherwise.</returns>
    protected abstract Task<JsonObject?> FaultAsync(SettlementMode mode, string fault);

    /// <summary>A post for <paramref name="mode"/> with that text; a network without plain text adds a file.</summary>
    private protected virtual (DeliveryContent Content, IReadOnlyList<TestFile> Files) Post(
        SettlementMode mode, string body, JsonObject? options) =>
        (new DeliveryContent(body, null, [], [], null, options ?? []), []);

    /// <summary>Whether tokens that were refused are renewed before a person is asked.</summary>
    protected virtual bool RenewsRefusedTokens => false;

    /// <summary>Asks again as the queue does while the network works; a clock that can be moved is moved.</summary>
    protected virtual Task WaitAsync(TimeSpan span) => Task.CompletedTask;

    /// <summary>Answers that no reader of this network could take for a yes, besides those of <see cref="NoAnswers"/>.</summary>
    protected virtual string Yes(string url) =>
        new JsonObject { ["id"] = "1", ["url"] = url, ["status"] = "ready" }.ToJsonString();

    /// <summary>A refusal in the network's own envelope.</summary>
    protected virtual JsonObject Refusal(string code, string message) =>
        new() { ["error"] = new JsonObject { ["code"] = code, ["message"] = message } };

    /// <summary>Skips a case that a network has nothing for, as its class says.</summary>
    protected void Applies([System.Runtime.CompilerServices.CallerMemberName] string contractCase = "")
    {
        if (DoesNotApplyAttribute.Reason(GetType(), contractCase) is { } reason) Assert.Skip(reason);
    }

    /// <summary>Publishes and asks again until the network is done.</summary>
    private protected async Task<(PublishOutcome Outcome, TestPublishWork Work)> RunAsync(TestPublishWork work)
    {
        for (var asked = 0; ; asked++)
        {
            var outcome = await Provider.Publisher.PublishAsync(work, TestContext.Current.CancellationToken);
            if (outcome is not PublishOutcome.Processing processing || asked == MostAsked) return (outcome, work);
            await WaitAsync(processing.CheckAfter);
            work = work.Resume();
        }
    }

    private const int MostAsked = 60;

    /// <summary>The same adapter, pointed at an address where something else answers, with a call timeout of 1 s.</summary>
    protected abstract IProvider At(Uri address);

    /// <summary>How many posts with this text are public.</summary>
    protected abstract Task<int> CountAsync(string body);

    protected virtual TimeProvider Time => TimeProvider.System;

    private protected async Task<(PublishOutcome Outcome, TestPublishWork Work)> PublishAsync(
        SettlementMode mode, string body, string? fault = null)
    {
        var options = fault is null ? null : await FaultAsync(mode, fault);
        var work = Work(mode, body, options);
        Assert.Equal(mode, Provider.Publisher.ModeOf(work.Target, work.Content));
        return await RunAsync(work);
    }

    private TestPublishWork Work(SettlementMode mode, string body, JsonObject? options = null, TimeSpan heldUp = default,
        GrantTokens? tokens = null, Uri? at = null)
    {
        var (content, files) = Post(mode, body, options);
        var (destination, granted) = (Destinations[mode], tokens ?? Tokens);
        return TestPublishWork.For(at is null ? destination : MovedTo(destination, at),
            at is null ? granted : MovedTo(granted, at), content, files, Time, heldUp: heldUp);
    }

    /// <summary>A destination as if it were at another address, where people name the servers.</summary>
    protected virtual Destination MovedTo(Destination destination, Uri address) => destination;

    /// <summary>A grant as if it were of another address, where people name the servers.</summary>
    protected virtual GrantTokens MovedTo(GrantTokens tokens, Uri address) => tokens;

    [Fact]
    public async Task Publishing_in_every_mode_makes_exactly_one_public_post()
    {
        Applies();
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
        Applies();
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
        Applies();
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
        Applies();
        foreach (var mode in Destinations.Keys.Where(m => m is SettlementMode.Idempotent or SettlementMode.Probe))
        {
            var (_, work) = await PublishAsync(mode, $"again {mode}", "timeoutAfterAccept");
            await WaitAsync(TimeSpan.FromMinutes(2));
            Assert.IsType<PublishOutcome.Published>((await RunAsync(work.Resume())).Outcome);
            Assert.Equal(1, await CountAsync($"again {mode}"));
        }
    }

    [Fact]
    public async Task A_listing_never_gives_what_another_delivery_owns()
    {
        Applies();
        if (!Destinations.ContainsKey(SettlementMode.ReadBack)) return;
        var (outcome, work) = await PublishAsync(SettlementMode.ReadBack, "owned");
        var owned = Assert.IsType<PublishOutcome.Published>(outcome).ProviderPostId;
        Assert.IsType<ReconcileOutcome.NotListed>(await Provider.Reconciler.ReconcileAsync(
            work.Reconcile(SettlementMode.ReadBack, new HashSet<string> { owned }), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_call_whose_window_has_closed_is_not_made()
    {
        Applies();
        foreach (var mode in Destinations.Keys.Where(m => m is SettlementMode.ReadBack or SettlementMode.None))
        {
            var (outcome, work) = await RunAsync(Work(mode, $"late {mode}", heldUp: TimeSpan.FromSeconds(3)));
            Assert.IsType<PublishOutcome.Retry>(outcome);
            Assert.False(work.CallStarted);
            Assert.Equal(0, await CountAsync($"late {mode}"));
        }
    }

    [Theory]
    [InlineData("rejected", typeof(PublishOutcome.Rejected))]
    [InlineData("rateLimited", typeof(PublishOutcome.Deferred))]
    public async Task A_refusal_creates_nothing(string fault, Type outcome)
    {
        Applies();
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
        Applies();
        var bad = new GrantTokens { AccessToken = "nonsense", Secrets = Tokens.Secrets };
        var mode = Destinations.Keys.First();
        var (outcome, _) = await RunAsync(Work(mode, $"bad {mode}", tokens: bad));
        AssertAuthRevoked(outcome);
    }

    /// <summary>Answers no network should give: each as it stands on the wire, or null for silence.</summary>
    public static TheoryData<string, string?> NoAnswers => new()
    {
        { "not JSON", Ok("<html>It works!</html>") },
        { "an array", Ok("[]") },
        { "nothing", Ok("") },
        { "wrong types", Ok("""{"id": 5, "posts": 7, "destinations": {}, "access_token": [], "account": true, "error": 1}""") },
        { "too deep", Ok(new string('[', 20_000)) },
        { "a member twice", Ok("""{"id": "a", "id": "b", "access_token": "a", "access_token": "b"}""") },
        { "half a character", Ok("""{"id": "\ud800", "access_token": "\ud800"}""") },
        { "a half name", Ok("""{"\ud800": 1, "id": "\u0000"}""") },
        { "control characters", Ok("""{"id": "a\u0000b", "access_token": "a\r\nX: y", "account": {"id": "a"}}""") },
        { "an endless id", Ok($$"""{"id": "{{new string('a', 9000)}}", "access_token": "{{new string('a', 9000)}}"}""") },
        { "too much", Ok($$"""{"x": "{{new string('a', 3 << 20)}}"}""") },
        { "bad UTF-8", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{\"id\":\"\u00ff\"}" },
        { "an unknown charset", Ok("{}", "application/json; charset=klingon") },
        { "cut short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"id\":" },
        { "broken chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}" },
        { "no HTTP", "220 smtp ready\r\n" },
        { "a closed door", "" },
        { "silence", null },
        { "500", "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops" },
        { "503 with JSON", "HTTP/1.1 503 Oh\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{\"id\":\"a\"}\r\n" },
    };

    [Theory]
    [MemberData(nameof(NoAnswers))]
    public async Task An_answer_that_says_nothing_decides_nothing(string name, string? answer)
    {
        Applies();
        Assert.NotEmpty(name);
        await using var server = answer is null ? RawServer.Silent() : RawServer.Saying(answer);
        var provider = At(server.Address);
        var ct = TestContext.Current.CancellationToken;
        var publishes = Destinations.Select(async pair =>
        {
            var mode = pair.Key;
            var work = Work(mode, "x", at: server.Address);
            var outcome = await provider.Publisher.PublishAsync(work, ct);
            // Before anything can be public, trying again is safe; after that nobody knows.
            if (work.CallStarted) Assert.IsType<PublishOutcome.Unconfirmed>(outcome);
            else Assert.True(outcome is PublishOutcome.Retry or PublishOutcome.Processing, $"{mode} gave {outcome}");
            if (!work.CallStarted || mode == SettlementMode.None) return;
            var told = await provider.Reconciler.ReconcileAsync(work.Reconcile(mode), ct);
            if (IsEmptyListing(name)) Assert.IsType<ReconcileOutcome.NotListed>(told);
            else Assert.IsType<ReconcileOutcome.Inconclusive>(told);
        });
        var trip = Waiting(server.Address);
        var tokens = MovedTo(Tokens, server.Address);
        var (exchange, list) = (provider.Consent.ExchangeAsync(trip, new ConsentReturn("state", "code") { Parameters = Parameters }, ct), provider.Consent.ListDestinationsAsync(tokens, ct));
        var (refresh, revoke) = (provider.Consent.RefreshAsync(tokens, ct), provider.Consent.RevokeAsync(tokens, ct));
        await Task.WhenAll([.. publishes, revoke]);
        Assert.IsType<ConsentOutcome.Refused>(await exchange);
        Assert.IsType<DestinationsOutcome.Failed>(await list);
        if (Tokens.RefreshToken is not null) Assert.IsType<RefreshOutcome.Transient>(await refresh);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(422)]
    [InlineData(429)]
    public async Task What_a_network_says_in_a_refusal_is_cut_cleaned_and_free_of_secrets(int status)
    {
        Applies();
        var body = Refusal($"no\0\u001b[31m{Tokens.AccessToken}{new string('c', 5000)}",
            $"{new string('m', 490)}{Tokens.AccessToken}\r\n{Tokens.RefreshToken}{string.Concat(Enumerable.Repeat("😀", 5000))}");
        await using var server = RawServer.Answering($"{status} No", body.ToJsonString(),
            headers: "Retry-After: 999999999999\r\n");
        var provider = At(server.Address);
        foreach (var mode in Destinations.Keys)
        {
            var outcome = await provider.Publisher.PublishAsync(Work(mode, "x", at: server.Address), TestContext.Current.CancellationToken);
            var error = outcome switch
            {
                PublishOutcome.Rejected rejected => rejected.Error,
                PublishOutcome.Deferred deferred => deferred.Error,
                PublishOutcome.Retry retry => retry.Error,
                _ => throw Xunit.Sdk.FailException.ForFailure($"{status} gave {outcome}"),
            };
            if (outcome is PublishOutcome.Deferred { RetryAfter: { } wait })
                Assert.InRange(wait, TimeSpan.Zero, TimeSpan.FromDays(1));
            Assert.DoesNotContain(Tokens.AccessToken, outcome.ToString(), StringComparison.Ordinal);
            foreach (var text in new[] { error.Provider!.Code, error.Provider.Message }.OfType<string>())
            {
                Assert.InRange(text.Length, 1, 500);
                Assert.DoesNotContain(text, char.IsControl);
                // Half a character could not be stored.
                Assert.Equal(text, System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text)));
            }
        }
    }

    [Theory]
    [InlineData("javascript:alert(1)")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://user:pw@example.com/")]
    [InlineData("/relative")]
    public async Task A_link_nobody_should_click_is_left_out(string url)
    {
        Applies();
        await using var server = RawServer.Answering("201 Created", Yes(url));
        var provider = At(server.Address);
        foreach (var mode in Destinations.Keys)
        {
            var outcome = await provider.Publisher.PublishAsync(Work(mode, "x", at: server.Address), TestContext.Current.CancellationToken);
            Assert.Null(Assert.IsType<PublishOutcome.Published>(outcome).Url);
        }
    }

    [Fact]
    public async Task A_redirect_is_not_followed_with_a_write()
    {
        Applies();
        await using var elsewhere = RawServer.Answering("201 Created", """{"id": "stolen"}""");
        foreach (var status in new[] { "302 Found", "307 Temporary Redirect", "308 Permanent Redirect" })
        {
            await using var server = RawServer.Answering(status, "{}", headers: $"Location: {elsewhere.Address}\r\n");
            var outcome = await At(server.Address).Publisher.PublishAsync(
                Work(Destinations.Keys.First(), "x", at: server.Address), TestContext.Current.CancellationToken);
            Assert.True(outcome is PublishOutcome.Rejected or PublishOutcome.Retry, $"{status} gave {outcome}");
        }
    }

    [Fact]
    public async Task Revoked_tokens_ask_for_a_person_on_every_call()
    {
        Applies();
        var (outcome, work) = await PublishAsync(Destinations.Keys.First(), "revoked", "authRevoked");
        AssertAuthRevoked(outcome);
        Assert.Equal(0, await CountAsync("revoked"));
        if (work.Tokens.RefreshToken is null) return;
        Assert.IsType<RefreshOutcome.Revoked>(
            await Provider.Consent.RefreshAsync(work.Tokens, TestContext.Current.CancellationToken));
    }

    /// <summary>Whether an answer of <see cref="NoAnswers"/> is how this network says that there is nothing.</summary>
    protected virtual bool IsEmptyListing(string name) => false;

    /// <summary>What a trip holds when its browser comes back; a network that keeps secrets meanwhile adds them.</summary>
    protected virtual ConsentTrip Waiting(Uri address) =>
        new("state", new string('v', 43), new Uri("http://127.0.0.1:1/back"));

    /// <summary>What a way back brings besides state and code.</summary>
    protected virtual IReadOnlyDictionary<string, string> Parameters => new Dictionary<string, string>();

    // A network with refresh tokens may have refused a token that only ran out: that is found out by renewing it.
    private protected void AssertAuthRevoked(PublishOutcome outcome)
    {
        var error = outcome switch
        {
            PublishOutcome.Rejected rejected => rejected.Error,
            PublishOutcome.Deferred deferred when RenewsRefusedTokens => deferred.Error,
            _ => throw Xunit.Sdk.FailException.ForFailure($"A token that is not taken gave {outcome}"),
        };
        Assert.Equal(DeliveryErrorCode.AuthRevoked, error.Code);
        Assert.Equal(outcome is PublishOutcome.Rejected ? NextStep.Reconnect : NextStep.Wait, error.NextStep);
    }

    private static string Ok(string body, string type = "application/json") =>
        $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {System.Text.Encoding.UTF8.GetByteCount(body)}\r\n"
        + $"Connection: close\r\n\r\n{body}";
}
