using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Sends webhooks: claims slots of endpoints, sends what is due in each, one message after the other, and settles what came
/// of it, while the next are sent and those after them are read. A slot is given back after a while, and at the first failure.
/// One per process.
/// </summary>
public sealed partial class WebhookRunner : IDisposable
{
    // So that a slot with a long backlog does not keep others from theirs.
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(2);

    // While slots are free nobody is kept from theirs; what came in out of order is looked for again.
    private static readonly TimeSpan LongTurn = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan NoSecret = TimeSpan.FromMinutes(1);

    // What is read on is not needed before the rest of what was read is sent: others may join.
    private static readonly TimeSpan ReadingPause = TimeSpan.FromMilliseconds(5);

    // With more slots than this at work none is waited for; what is read ahead would only lie in memory.
    private const int MostReadingOn = 32;
    private readonly IServiceScopeFactory _scopes;
    private readonly WebhookSender _sender;
    private readonly WebhookSettleQueue _settlements;
    private readonly SecretVault _vault;
    private readonly HeldLeases _held;
    private readonly WakeUp _wakeUp;
    private readonly WebhookTelemetry _telemetry;
    private readonly WebhookOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<WebhookRunner> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly HashSet<Task> _running = [];
    private readonly ConcurrentDictionary<Guid, bool> _probing = new();
    private readonly Grouped<LanePlace, LaneMessages> _more;
    private int _failing;

    internal WebhookRunner(IServiceScopeFactory scopes, WebhookSender sender, WebhookSettleQueue settlements,
        SecretVault vault, HeldLeases held, WakeUp wakeUp, WebhookTelemetry telemetry, IOptions<WebhookOptions> options,
        TimeProvider time, ILogger<WebhookRunner> logger)
    {
        (_scopes, _sender, _settlements, _vault, _held, _wakeUp, _telemetry, _options, _time, _logger) =
            (scopes, sender, settlements, vault, held, wakeUp, telemetry, options.Value, time, logger);
        _more = new Grouped<LanePlace, LaneMessages>(MostReadingOn, ReadOnAsync, ReadingPause, time);
    }

    /// <summary>How many more slots of endpoints may be served.</summary>
    public int FreeSlots
    {
        get
        {
            lock (_gate) return _options.Slots - _running.Count;
        }
    }

    /// <summary>Claims what is due and free and sees it through.</summary>
    /// <returns>How many slots were claimed.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var started = await StartAsync(ct);
        await Task.WhenAll(started);
        return started.Count;
    }

    /// <summary>Claims what is due and free, and starts it without waiting for it.</summary>
    public async Task<IReadOnlyList<Task>> StartAsync(CancellationToken ct)
    {
        var free = FreeSlots;
        if (free <= 0) return [];
        IReadOnlyList<ClaimedLane> claimed;
        await using (var scope = _scopes.CreateAsyncScope())
        {
            claimed = await scope.ServiceProvider.GetRequiredService<WebhookClaims>()
                .ClaimAsync(free, Math.Max(0, _options.FailingSlots - Volatile.Read(ref _failing)), ct);
        }
        List<Task> started = [];
        foreach (var lane in claimed)
        {
            var held = _held.Hold(lane.Lease);
            Task task;
            using (ExecutionContext.SuppressFlow()) task = Task.Run(() => RunAsync(lane, held), CancellationToken.None);
            lock (_gate) _running.Add(task);
            started.Add(task.ContinueWith(Finished, CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default).Unwrap());
        }
        _telemetry.Occupied(started.Count);
        return started;
    }

    /// <summary>Calls off what runs: what was being sent is sent again by whoever claims next.</summary>
    public async Task StopAsync()
    {
        Task[] running;
        lock (_gate) running = [.. _running];
        await _stopping.CancelAsync();
        await Task.WhenAll(running).WaitAsync(_options.Timeout, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _stopping.Dispose();

    private Task Finished(Task task)
    {
        bool wasFull;
        lock (_gate)
        {
            wasFull = _running.Count >= _options.Slots;
            _running.Remove(task);
        }
        _telemetry.Occupied(-1);

        // Else leaving the lane has rung.
        if (wasFull) _wakeUp.Ring(nameof(WorkKind.Webhook));
        return task;
    }

    private async Task RunAsync(ClaimedLane lane, IDisposable held)
    {
        using var lease = held;
        if (lane.Endpoint is not { IsDisabled: false } endpoint || lane.Due.Messages.Count == 0)
        {
            await LeaveAsync(lane, null);
            return;
        }
        if (endpoint.Failures < _options.CircuitAfter)
        {
            await SendAsync(lane, endpoint);
            return;
        }

        // Its circuit is open, or half open: then one slot at a time tries one message.
        var now = _time.GetUtcNow();
        if (endpoint.RetryAt > now)
        {
            await LeaveAsync(lane, endpoint.RetryAt);
            return;
        }
        if (!_probing.TryAdd(endpoint.Id, true))
        {
            await LeaveAsync(lane, now + _options.Timeout);
            return;
        }
        Interlocked.Increment(ref _failing);
        try
        {
            await SendAsync(lane with { Due = new LaneMessages([lane.Due.Messages[0]], HasMore: false) }, endpoint);
        }
        finally
        {
            Interlocked.Decrement(ref _failing);
            _probing.TryRemove(endpoint.Id, out _);
        }
    }

    private async Task SendAsync(ClaimedLane lane, WebhookTarget endpoint)
    {
        WebhookOutcome? last = null;
        DateTimeOffset? notBefore = null;
        try
        {
            using var signer = Open(endpoint);
            using var timeout = new CancellationTokenSource(_options.Timeout, _time);
            await using var stopping = _stopping.Token.UnsafeRegister(t => ((CancellationTokenSource)t!).Cancel(), timeout);
            var (started, due, more) = (_time.GetTimestamp(), lane.Due, (Task<LaneMessages>?)null);
            for (var i = 0; ; i++)
            {
                if (i == due.Messages.Count)
                {
                    if (more is null) break;
                    if (!more.IsCompleted) _more.Hurry();
                    (due, more, i) = (await more, null, 0);
                    if (due.Messages.Count == 0) break;
                }
                if (i == due.Messages.Count / 4 && due.HasMore && IsReadingOn)
                    more = _more.AddSoonAsync(new LanePlace(lane.Lease.Key, endpoint, due.Messages[^1]));

                // Stored in the order they are added: the last one that is durable says that all are.
                if (last is not null) _settlements.Add(last);
                last = null;
                timeout.CancelAfter(_options.Timeout);
                last = await _sender.SendAsync(endpoint, signer, due.Messages[i], timeout.Token, _stopping.Token);
                if (!last.IsDelivered || IsOver(_time.GetElapsedTime(started))) break;
            }
        }
        catch (VaultException e)
        {
            LogNoSecret(_logger, endpoint.Id, e);
            notBefore = _time.GetUtcNow() + NoSecret;
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Stopping: whoever claims next sends it again.
        }
        catch (Exception e)
        {
            LogFault(_logger, endpoint.Id, e);
            notBefore = _time.GetUtcNow() + NoSecret;
        }
        await _settlements.AddAsync(new WebhookSettlement(last, new LaneLeft(lane.Lease, endpoint.Id, notBefore)));
    }

    private bool IsOver(TimeSpan elapsed) => elapsed >= Turn && (elapsed >= LongTurn || FreeSlots == 0);

    private bool IsReadingOn
    {
        get
        {
            lock (_gate) return _running.Count <= MostReadingOn;
        }
    }

    private async Task<IReadOnlyList<LaneMessages>> ReadOnAsync(IReadOnlyList<LanePlace> lanes)
    {
        try
        {
            await using var scope = _scopes.CreateAsyncScope();
            return await scope.ServiceProvider.GetRequiredService<WebhookClaims>().MoreAsync(lanes, _stopping.Token);
        }
        catch (Exception e) when (DatabaseTrouble.IsPassing(e))
        {
            // What was not read on is claimed again.
            return [.. lanes.Select(_ => LaneMessages.None)];
        }
    }

    private WebhookSigner Open(WebhookTarget endpoint)
    {
        using var secret = _vault.Open(WebhookEndpoint.SealedSecret.Of(endpoint.Id, endpoint.UserId), endpoint.Secret);
        if (endpoint.PreviousSecret is not { } before || endpoint.PreviousSecretEndsAt <= _time.GetUtcNow())
            return new WebhookSigner(secret);
        using var previous = _vault.Open(WebhookEndpoint.SealedPreviousSecret.Of(endpoint.Id, endpoint.UserId), before);
        return new WebhookSigner(secret, previous);
    }

    private Task LeaveAsync(ClaimedLane lane, DateTimeOffset? notBefore) =>
        _settlements.AddAsync(new WebhookSettlement(null, new LaneLeft(lane.Lease, lane.Endpoint?.Id, notBefore)));

    [LoggerMessage(LogLevel.Error, "The secret of webhook endpoint {EndpointId} cannot be opened; its messages wait.")]
    private static partial void LogNoSecret(ILogger logger, Guid endpointId, Exception exception);

    [LoggerMessage(LogLevel.Error, "Sending to webhook endpoint {EndpointId} failed in an unexpected way; its messages wait.")]
    private static partial void LogFault(ILogger logger, Guid endpointId, Exception exception);
}
