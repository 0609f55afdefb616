using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Settles outcomes in groups and keeps them in memory, under this process's heartbeat, until they are durable. A group
/// that cannot be stored is halved until the one bad outcome is alone: that delivery becomes unknown, the others settle.
/// </summary>
internal sealed partial class SettleQueue
{
    private const int MostPerBatch = 1000;
    private static readonly TimeSpan AfterOutage = TimeSpan.FromSeconds(1);
    private readonly IServiceScopeFactory _scopes;
    private readonly TimeProvider _time;
    private readonly ILogger<SettleQueue> _logger;
    private readonly Grouped<Settlement, bool> _settlements;

    public SettleQueue(IServiceScopeFactory scopes, TimeProvider time, ILogger<SettleQueue> logger)
    {
        (_scopes, _time, _logger) = (scopes, time, logger);
        _settlements = new Grouped<Settlement, bool>(MostPerBatch, WriteAsync);
    }

    /// <summary>Ends when the outcome is durable.</summary>
    public Task AddAsync(Settlement settlement) => _settlements.AddAsync(settlement);

    private async Task<IReadOnlyList<bool>> WriteAsync(IReadOnlyList<Settlement> batch)
    {
        using var activity = DeliveryTelemetry.Source.StartActivity("settle batch", ActivityKind.Internal, default(ActivityContext),
            links: batch.Select(s => ActivityContext.TryParse(s.Traceparent, null, out var context)
                ? new ActivityLink(context)
                : default).Where(link => link.Context != default));
        activity?.SetTag("postmantis.batch.size", batch.Count);
        var started = _time.GetUtcNow();
        await SettleAsync(batch);
        foreach (var settlement in batch) Trace(settlement, started);
        return new bool[batch.Count];
    }

    private async Task SettleAsync(IReadOnlyList<Settlement> batch)
    {
        while (true)
        {
            try
            {
                await using var scope = _scopes.CreateAsyncScope();
                await scope.ServiceProvider.GetRequiredService<DeliverySettler>().SettleAsync(batch, CancellationToken.None);
                return;
            }
            catch (Exception e) when (DatabaseTrouble.IsPassing(e))
            {
                // The database is away, or two transactions met: nothing is wrong with the outcomes.
                LogPassing(_logger, batch.Count, e);
                await Task.Delay(AfterOutage, _time);
            }
            catch (Exception e) when (batch.Count > 1)
            {
                LogHalved(_logger, batch.Count, e);
                break;
            }
            catch (Exception e)
            {
                await GiveUpAsync(batch[0], e);
                return;
            }
        }
        var half = batch.Count / 2;
        await SettleAsync([.. batch.Take(half)]);
        await SettleAsync([.. batch.Skip(half)]);
    }

    // What the network answered cannot be stored: the delivery is unknown, with the cause, and a look will settle it.
    private async Task GiveUpAsync(Settlement bad, Exception cause)
    {
        LogUnstorable(_logger, bad.Claimed.Delivery.Id, cause);
        if (bad.Error is { Code: DeliveryErrorCode.OutcomeUnknown, Provider.Code: Unstorable }) return;
        await SettleAsync(
        [
            bad with
            {
                Kind = SettlementKind.End,
                Verdict = AttemptVerdict.Unconfirmed,
                Outcome = new PublishOutcome.Unconfirmed(Unstorable),
                Error = Errors.Unknown(Unstorable, null),
            },
        ]);
    }

    private const string Unstorable = "answer_not_storable";

    private static void Trace(Settlement settlement, DateTimeOffset started)
    {
        if (!ActivityContext.TryParse(settlement.Traceparent, null, out var parent)) return;
        using var span = DeliveryTelemetry.Source.StartActivity("settle delivery", ActivityKind.Internal, parent,
            startTime: started);
        span?.SetTag("postmantis.delivery.id", settlement.Claimed.Delivery.Id.ToString());
        span?.SetTag("postmantis.settlement", settlement.Kind.ToString());
    }

    [LoggerMessage(LogLevel.Warning, "{Count} outcomes could not be stored now and are kept.")]
    private static partial void LogPassing(ILogger logger, int count, Exception exception);

    [LoggerMessage(LogLevel.Warning, "A batch of {Count} outcomes could not be stored; storing its halves.")]
    private static partial void LogHalved(ILogger logger, int count, Exception exception);

    [LoggerMessage(LogLevel.Error, "The outcome of delivery {DeliveryId} could not be stored.")]
    private static partial void LogUnstorable(ILogger logger, Guid deliveryId, Exception exception);
}
