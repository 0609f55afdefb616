using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Settles outcomes in groups, in the order they were added, and keeps them until they are durable. A group that cannot be
/// stored is halved until the one bad outcome is alone: it is stored without what the receiver said.
/// </summary>
internal sealed partial class WebhookSettleQueue
{
    private const int MostPerBatch = 500;
    private static readonly TimeSpan AfterOutage = TimeSpan.FromSeconds(1);
    private readonly IServiceScopeFactory _scopes;
    private readonly TimeProvider _time;
    private readonly ILogger<WebhookSettleQueue> _logger;
    private readonly Grouped<WebhookSettlement, bool> _settlements;

    public WebhookSettleQueue(IServiceScopeFactory scopes, TimeProvider time, ILogger<WebhookSettleQueue> logger)
    {
        (_scopes, _time, _logger) = (scopes, time, logger);
        _settlements = new Grouped<WebhookSettlement, bool>(MostPerBatch, WriteAsync);
    }

    /// <summary>Ends when it is durable.</summary>
    public Task AddAsync(WebhookSettlement settlement) => _settlements.AddAsync(settlement);

    private async Task<IReadOnlyList<bool>> WriteAsync(IReadOnlyList<WebhookSettlement> batch)
    {
        await SettleAsync(batch);
        return new bool[batch.Count];
    }

    private async Task SettleAsync(IReadOnlyList<WebhookSettlement> batch)
    {
        while (true)
        {
            try
            {
                await using var scope = _scopes.CreateAsyncScope();
                await scope.ServiceProvider.GetRequiredService<WebhookSettler>().SettleAsync(batch, CancellationToken.None);
                return;
            }
            catch (Exception e) when (DatabaseTrouble.IsPassing(e))
            {
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

    private async Task GiveUpAsync(WebhookSettlement bad, Exception cause)
    {
        LogUnstorable(_logger, bad.Outcome?.Message.Id ?? bad.Left!.Lease.Key, cause);
        if (bad.Outcome is not { Attempt: { } attempt } outcome || (attempt.AnswerHead ?? attempt.AnswerBody) is null) return;
        var bare = new WebhookAttempt
        {
            Id = attempt.Id,
            UserId = attempt.UserId,
            EndpointId = attempt.EndpointId,
            MessageId = attempt.MessageId,
            Number = attempt.Number,
            Url = attempt.Url,
            StartedAt = attempt.StartedAt,
            DurationMs = attempt.DurationMs,
            StatusCode = attempt.StatusCode,
            Error = attempt.Error,
            Signatures = attempt.Signatures,
            Traceparent = attempt.Traceparent,
        };
        await SettleAsync([bad with { Outcome = outcome with { Attempt = bare } }]);
    }

    [LoggerMessage(LogLevel.Warning, "{Count} webhook outcomes could not be stored now and are kept.")]
    private static partial void LogPassing(ILogger logger, int count, Exception exception);

    [LoggerMessage(LogLevel.Warning, "A batch of {Count} webhook outcomes could not be stored; storing its halves.")]
    private static partial void LogHalved(ILogger logger, int count, Exception exception);

    [LoggerMessage(LogLevel.Error, "The outcome of webhook message or lane {Id} could not be stored.")]
    private static partial void LogUnstorable(ILogger logger, Guid id, Exception exception);
}
