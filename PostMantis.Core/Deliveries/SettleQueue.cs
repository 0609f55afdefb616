using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Settles outcomes in groups and keeps them in memory, under this process's heartbeat, until they are durable. One that
/// cannot be stored makes its delivery unknown; the others settle.
/// </summary>
internal sealed partial class SettleQueue
{
    private const int MostPerBatch = 1000;
    private const string Unstorable = "answer_not_storable";
    private readonly IServiceScopeFactory _scopes;
    private readonly ILogger<SettleQueue> _logger;
    private readonly KeptOutcomes<Settlement> _settlements;

    public SettleQueue(IServiceScopeFactory scopes, TimeProvider time, ILogger<SettleQueue> logger)
    {
        (_scopes, _logger) = (scopes, logger);
        _settlements = new KeptOutcomes<Settlement>(MostPerBatch, SettleAsync, GiveUp, time, logger);
    }

    /// <summary>Ends when the outcome is durable.</summary>
    public Task AddAsync(Settlement settlement) => _settlements.AddAsync(settlement);

    private async Task SettleAsync(IReadOnlyList<Settlement> batch)
    {
        using var activity = DeliveryTelemetry.Source.StartActivity("settle batch", ActivityKind.Internal, default(ActivityContext),
            links: batch.Select(s => ActivityContext.TryParse(s.Traceparent, null, out var context)
                ? new ActivityLink(context)
                : default).Where(link => link.Context != default));
        activity?.SetTag("postmantis.batch.size", batch.Count);
        await using var scope = _scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<DeliverySettler>().SettleAsync(batch, CancellationToken.None);
    }

    // What the network answered cannot be stored: the delivery is unknown, with the cause, and a look will settle it.
    private Settlement? GiveUp(Settlement bad, Exception cause)
    {
        LogUnstorable(_logger, bad.Claimed.Delivery.Id, cause);
        return bad.Error is { Code: DeliveryErrorCode.OutcomeUnknown, Provider.Code: Unstorable }
            ? null
            : bad with
            {
                Kind = SettlementKind.End,
                Verdict = AttemptVerdict.Unconfirmed,
                Outcome = new PublishOutcome.Unconfirmed(Unstorable),
                Error = Errors.Unknown(Unstorable, null),
            };
    }

    [LoggerMessage(LogLevel.Error, "The outcome of delivery {DeliveryId} could not be stored.")]
    private static partial void LogUnstorable(ILogger logger, Guid deliveryId, Exception exception);
}
