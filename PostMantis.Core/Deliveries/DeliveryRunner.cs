using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Publishes: claims due deliveries, hands each to its network's adapter outside any transaction, and settles what came
/// of it. One per process; what runs is bounded by its slots.
/// </summary>
public sealed partial class DeliveryRunner : IDisposable
{
    // In slots: how much may be under way before claims wait for outcomes to be stored.
    private const int Unstored = 4;
    private readonly IServiceScopeFactory _scopes;
    private readonly NpgsqlDataSource _source;
    private readonly CallMarker _marker;
    private readonly SettleQueue _settlements;
    private readonly DeliveryProgress _progress;
    private readonly DeliveryFiles _files;
    private readonly HeldLeases _held;
    private readonly WakeUp _wakeUp;
    private readonly DeliveryTelemetry _telemetry;
    private readonly DeliveryOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<DeliveryRunner> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly HashSet<Task> _running = [];
    private readonly Dictionary<string, int> _calls = [];
    private int _allCalls;

    internal DeliveryRunner(IServiceScopeFactory scopes, NpgsqlDataSource source, CallMarker marker,
        SettleQueue settlements, DeliveryProgress progress, DeliveryFiles files, HeldLeases held, WakeUp wakeUp, DeliveryTelemetry telemetry,
        IOptions<DeliveryOptions> options, TimeProvider time, ILogger<DeliveryRunner> logger)
    {
        (_scopes, _source, _marker, _settlements, _progress, _files, _held, _wakeUp, _telemetry, _options, _time, _logger) =
            (scopes, source, marker, settlements, progress, files, held, wakeUp, telemetry, options.Value, time, logger);
    }

    /// <summary>How many more deliveries may be started: as many calls as there are slots, some more being stored.</summary>
    public int FreeSlots
    {
        get
        {
            lock (_gate) return Math.Min(_options.Slots - _allCalls, (Unstored * _options.Slots) - _running.Count);
        }
    }

    private bool IsIdle
    {
        get
        {
            lock (_gate) return _running.Count == 0;
        }
    }

    /// <summary>Claims what is due and free and sees it through.</summary>
    /// <returns>How many deliveries were claimed.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var started = await StartAsync(ct);
        await Task.WhenAll(started);
        return started.Count;
    }

    /// <summary>Claims what is due and free, and starts it without waiting for it.</summary>
    public async Task<IReadOnlyList<Task>> StartAsync(CancellationToken ct)
    {
        if (FreeSlots <= 0) return [];
        IReadOnlyList<ClaimedDelivery> claimed;
        IReadOnlyDictionary<Guid, GrantOutcome> grants;
        Dictionary<Guid, IDisposable> held;
        await using (var scope = _scopes.CreateAsyncScope())
        {
            (claimed, var connections) = await scope.ServiceProvider.GetRequiredService<DeliveryClaims>()
                .ClaimAsync(FreeSlots, Rooms(), IsIdle, ct);
            if (claimed.Count == 0) return [];

            held = claimed.ToDictionary(c => c.Attempt.Id, c => _held.Hold(c.Lease));

            // From here on the deliveries are ours: nothing may stop them on the way to a settlement.
            grants = await OpenAsync(scope.ServiceProvider, connections);
        }
        List<Task> started = [];
        Occupy(claimed);
        foreach (var one in claimed)
        {
            var grant = grants.GetValueOrDefault(one.Profile.ConnectionId);
            Task task;
            using (ExecutionContext.SuppressFlow())
                task = Task.Run(() => RunAsync(one, held[one.Attempt.Id], grant), CancellationToken.None);
            lock (_gate) _running.Add(task);
            started.Add(task.ContinueWith(Finished, CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default).Unwrap());
        }
        return started;
    }

    /// <summary>Lets what runs finish within <see cref="DeliveryOptions.StopWithin"/>, then calls it off.</summary>
    public async Task StopAsync()
    {
        Task[] running;
        lock (_gate) running = [.. _running];
        if (running.Length == 0) return;
        LogStopping(_logger, running.Length);
        var finished = Task.WhenAll(running);
        using var waited = new CancellationTokenSource();
        if (await Task.WhenAny(finished, Task.Delay(_options.StopWithin, _time, waited.Token)) != finished)
            await _stopping.CancelAsync();
        await waited.CancelAsync();

        // Called off, adapters answer at once, and their outcomes still have to be stored.
        await finished.WaitAsync(_options.StopWithin, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stopping.Dispose();

    // What is not named here is bounded by the slots alone.
    private Dictionary<string, int> Rooms()
    {
        lock (_gate) return _calls.ToDictionary(p => p.Key, p => Math.Max(0, _options.ProviderSlots - p.Value));
    }

    private void Occupy(IReadOnlyList<ClaimedDelivery> claimed)
    {
        lock (_gate)
        {
            _allCalls += claimed.Count;
            foreach (var one in claimed)
                CollectionsMarshal.GetValueRefOrAddDefault(_calls, one.Delivery.Provider, out _)++;
        }
    }

    // The network is done with it; storing what came of it needs no slot.
    private void Vacate(string provider)
    {
        bool wasFull;
        lock (_gate)
        {
            ref var calls = ref CollectionsMarshal.GetValueRefOrAddDefault(_calls, provider, out _);
            wasFull = _allCalls >= _options.Slots || calls >= _options.ProviderSlots;
            _allCalls--;
            calls--;
        }
        if (wasFull) _wakeUp.Ring(nameof(WorkKind.Publish));
    }

    private Task Finished(Task task)
    {
        bool wasFull;
        lock (_gate)
        {
            wasFull = _running.Count >= Unstored * _options.Slots;
            _running.Remove(task);
        }

        // Else the settlement itself has rung.
        if (wasFull) _wakeUp.Ring(nameof(WorkKind.Publish));
        return task;
    }

    private async Task<IReadOnlyDictionary<Guid, GrantOutcome>> OpenAsync(
        IServiceProvider services, IReadOnlyList<Connection> connections)
    {
        try
        {
            return await services.GetRequiredService<GrantOpener>().OpenAsync(connections, CancellationToken.None);
        }
        catch (Exception e)
        {
            // A sealed value that does not open, or a database gone in this moment: each delivery waits and asks again.
            LogNoGrants(_logger, e);
            return new Dictionary<Guid, GrantOutcome>();
        }
    }

    private async Task RunAsync(ClaimedDelivery claimed, IDisposable lease, GrantOutcome? grant)
    {
        using var held = lease;
        ActivityContext.TryParse(claimed.Lease.Traceparent, null, out var parent);
        var due = claimed.Lease.RunAt > claimed.Lease.CreatedAt ? claimed.Lease.RunAt : claimed.Lease.CreatedAt;
        using (var wait = DeliveryTelemetry.Source.StartActivity("queue wait", ActivityKind.Internal, parent, startTime: due))
            wait?.SetTag("postmantis.work.tries", claimed.Lease.Tries).SetEndTime(claimed.ClaimedAt.UtcDateTime);

        using var activity = DeliveryTelemetry.Source.StartActivity("publish delivery", ActivityKind.Consumer, parent);
        activity?.SetTag("postmantis.delivery.id", claimed.Delivery.Id.ToString())
            .SetTag("postmantis.post.id", claimed.Delivery.PostId.ToString())
            .SetTag("postmantis.attempt.id", claimed.Attempt.Id.ToString())
            .SetTag("postmantis.attempt.number", claimed.Attempt.Number)
            .SetTag("postmantis.provider", claimed.Delivery.Provider);
        var traceparent = activity?.Id ?? claimed.Lease.Traceparent;
        Settlement? settlement;
        try
        {
            if (_options.ShowAfter == TimeSpan.Zero) await _progress.ShowAsync(claimed);
            var sending = SendAsync(claimed, grant, traceparent);
            if (!sending.IsCompleted && _options.ShowAfter > TimeSpan.Zero) await ShowLaterAsync(claimed, sending);
            settlement = await sending;
        }
        finally
        {
            Vacate(claimed.Delivery.Provider);
        }
        if (settlement is null) return;
        activity?.SetTag("postmantis.settlement", settlement.Kind.ToString());
        await _settlements.AddAsync(settlement);
    }

    // What is over in a moment need not be shown as under way: the settlement says all.
    private async Task ShowLaterAsync(ClaimedDelivery claimed, Task sending)
    {
        using var finished = new CancellationTokenSource();
        var isLong = await Task.WhenAny(sending, Task.Delay(_options.ShowAfter, _time, finished.Token)) != sending;
        await finished.CancelAsync();
        if (isLong) await _progress.ShowAsync(claimed);
    }

    /// <returns>Null: another worker owns the attempt now and nothing was sent.</returns>
    private async Task<Settlement?> SendAsync(ClaimedDelivery claimed, GrantOutcome? grant, string? traceparent)
    {
        var now = _time.GetUtcNow();
        AttemptStep[] first = [new(claimed.ClaimedAt, claimed.IsResumed ? "resumed" : "claimed")];
        if (Before(claimed, grant, now) is { } hindered)
            return Settle(hindered.Outcome, first, null) is { Kind: SettlementKind.Defer } deferred
                ? deferred with { Reason = hindered.Reason ?? deferred.Reason }
                : Settle(hindered.Outcome, first, null);

        var tokens = ((GrantOutcome.Opened)grant!).Tokens;
        using var timeout = new CancellationTokenSource(_options.AttemptTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, timeout.Token);
        var files = LoadedFiles.None;
        if (PostMedia.IsIn(claimed.Delivery.Content))
        {
            (files, var missing) = await LoadAsync(claimed, either.Token);
            if (missing is not null) return Settle(missing, first, null);
        }
        var work = new AttemptWork(claimed, tokens, files.Files, _source, _marker, _time);
        var started = _time.GetTimestamp();
        PublishOutcome outcome;
        try
        {
            outcome = await claimed.Provider!.Publisher.PublishAsync(work, either.Token);
        }
        catch (LeaseLostException) when (!work.MayHaveCalled)
        {
            LogLost(_logger, claimed.Delivery.Id);
            return null;
        }
        catch (OperationCanceledException) when (!work.MayHaveCalled && !timeout.IsCancellationRequested)
        {
            return Verdicts.GiveBack(claimed, _time.GetUtcNow(), [.. first, .. work.Steps], traceparent);
        }
        catch (Exception e)
        {
            // Whatever befell the adapter, the one question is whether the network may have been told.
            LogFault(_logger, claimed.Delivery.Id, claimed.Delivery.Provider, work.MayHaveCalled, e);
            outcome = work.MayHaveCalled
                ? new PublishOutcome.Unconfirmed(e is OperationCanceledException ? "no_answer" : "adapter_fault")
                : new PublishOutcome.Retry(Errors.Fault);
        }
        if (outcome is PublishOutcome.Deferred { Error.Code: DeliveryErrorCode.AuthRevoked } && !await RenewAsync(claimed, tokens))
            outcome = new PublishOutcome.Rejected(Errors.AuthRevoked);
        _telemetry.Ran(claimed.Delivery.Provider, _time.GetElapsedTime(started));
        return Settle(outcome, [.. first, .. work.Steps, .. PartSteps(claimed.Delivery, outcome)], work.CallStartedAt) with { Learned = work.Learned };

        Settlement Settle(PublishOutcome result, IReadOnlyList<AttemptStep> steps, DateTimeOffset? callStartedAt) =>
            Verdicts.Decide(claimed, result, _options, _time.GetUtcNow(), Random.Shared.NextDouble(), callStartedAt, steps,
                traceparent);
    }

    // A token that is not taken although it should be good is renewed once before a person is asked.
    private async Task<bool> RenewAsync(ClaimedDelivery claimed, GrantTokens refused)
    {
        await using var scope = _scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<GrantOpener>()
            .RenewAsync(claimed.Profile.ConnectionId, refused, CancellationToken.None);
    }

    // A file that is not to be had ends a delivery only where nothing can have been sent.
    private async Task<(LoadedFiles Files, PublishOutcome? Instead)> LoadAsync(ClaimedDelivery claimed, CancellationToken ct)
    {
        try
        {
            var files = await _files.LoadAsync(claimed.Delivery, claimed.Provider!, claimed.Profile.Facts, ct);
            return (files, files.Error switch
            {
                null => null,
                { } error when WasNeverSent(claimed) || claimed.Delivery.IsRootLive => new PublishOutcome.Rejected(error),
                _ => new PublishOutcome.Unconfirmed("media_gone"),
            });
        }
        catch (OperationCanceledException)
        {
            return (LoadedFiles.None, new PublishOutcome.Deferred(
                Errors.NotNow(DeliveryErrorCode.PublisherFault, "Its files could not be made ready in time."), null));
        }
        catch (Exception e)
        {
            LogNoFiles(_logger, claimed.Delivery.Id, e);
            return (LoadedFiles.None, new PublishOutcome.Retry(Errors.Fault));
        }
    }

    // What else became public, or did not: the ledger names every remote object.
    private IEnumerable<AttemptStep> PartSteps(Delivery delivery, PublishOutcome outcome)
    {
        var parts = outcome switch
        {
            PublishOutcome.Published live => live.Parts,
            PublishOutcome.Incomplete live => live.Parts,
            _ => [],
        };
        var known = delivery.Parts.Where(p => p.ProviderPostId is not null).Select(p => p.Index).ToHashSet();
        return parts.Count < 2 ? [] : parts.Where(p => !known.Contains(p.Index)).OrderBy(p => p.Index).Select(part => part switch
        {
            { Status: PartStatus.Published } => Step("partPublished", part, ProviderText.Id(part.ProviderPostId)),
            { Status: PartStatus.Failed, Error: { } error } => Step("partFailed", part, CamelCase.Of(error.Code)),
            _ => null,
        }).OfType<AttemptStep>();

        AttemptStep Step(string name, DeliveryPart part, string? what) =>
            new(_time.GetUtcNow(), name, $"{CamelCase.Of(part.Kind)} {part.Index}: {what}");
    }

    /// <summary>What keeps a delivery from being sent at all.</summary>
    private static (PublishOutcome Outcome, string? Reason)? Before(
        ClaimedDelivery claimed, GrantOutcome? grant, DateTimeOffset now)
    {
        var (delivery, profile) = (claimed.Delivery, claimed.Profile);

        // An attempt that may have reached the network goes on to its end, however late it is.
        var wasNeverSent = WasNeverSent(claimed);
        if (wasNeverSent)
        {
            if (delivery.LatestAt < now) return (new PublishOutcome.Rejected(Errors.TooLate), null);
            if (profile.Status == ProfileStatus.Disconnected)
                return (new PublishOutcome.Rejected(Errors.Disconnected), null);
            if (profile.Status == ProfileStatus.ReauthRequired)
                return (new PublishOutcome.Rejected(Errors.AuthRevoked), null);
            if (profile.PausedAt is not null)
                return Wait(DeliveryErrorCode.AccountRestricted, "The profile is paused.", "profilePaused", null);
            if (claimed.SameContentUnknown)
                return Wait(DeliveryErrorCode.OutcomeUnknown,
                    "Another delivery of the same content is being reconciled.", "sameContentUnknown", null);
        }
        if (claimed.Provider is null) return (new PublishOutcome.Rejected(Errors.NoAdapter), null);
        return grant switch
        {
            GrantOutcome.Opened => null,
            GrantOutcome.Refreshing refreshing => Wait(DeliveryErrorCode.ProviderUnavailable,
                "The account's tokens are being renewed.", "tokenRefresh", refreshing.AskAgainAfter),
            GrantOutcome.Lost lost when wasNeverSent => (new PublishOutcome.Rejected(lost.Error), null),
            GrantOutcome.Lost lost => (new PublishOutcome.Unconfirmed("grant_lost", lost.Error.Provider), null),
            _ => Wait(DeliveryErrorCode.PublisherFault, "The account's tokens cannot be opened.", "tokensUnavailable", null),
        };

        static (PublishOutcome Outcome, string? Reason) Wait(
            DeliveryErrorCode code, string message, string reason, TimeSpan? after) =>
            (new PublishOutcome.Deferred(Errors.NotNow(code, message), after), reason);
    }

    private static bool WasNeverSent(ClaimedDelivery claimed) => !claimed.Delivery.IsRootLive
        && claimed.Attempt is { CalledAt: null, Handles.Count: 0 }
        && (!claimed.IsResumed || !claimed.Attempt.CanRepeat);

    [LoggerMessage(LogLevel.Error, "Delivery {DeliveryId}: its files could not be loaded.")]
    private static partial void LogNoFiles(ILogger logger, Guid deliveryId, Exception exception);

    [LoggerMessage(LogLevel.Information, "Stopping: {Count} deliveries are being finished.")]
    private static partial void LogStopping(ILogger logger, int count);

    [LoggerMessage(LogLevel.Error, "The tokens of claimed deliveries could not be opened.")]
    private static partial void LogNoGrants(ILogger logger, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Delivery {DeliveryId}: the lease was lost before anything was sent.")]
    private static partial void LogLost(ILogger logger, Guid deliveryId);

    [LoggerMessage(LogLevel.Error,
        "Delivery {DeliveryId}: the {Provider} adapter failed (may have been sent: {MayHaveCalled}).")]
    private static partial void LogFault(
        ILogger logger, Guid deliveryId, string provider, bool mayHaveCalled, Exception exception);
}
