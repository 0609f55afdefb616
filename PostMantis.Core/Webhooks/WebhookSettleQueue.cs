using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Settles outcomes in groups, in the order they were added, and keeps them until they are durable. One that cannot be stored
/// is stored without what the receiver said.
/// </summary>
internal sealed partial class WebhookSettleQueue
{
    private const int MostPerBatch = 500;

    // A commit costs as much as storing many; so long an answer may be asked for again by who comes after a crash.
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);
    private readonly IServiceScopeFactory _scopes;
    private readonly ILogger<WebhookSettleQueue> _logger;
    private readonly KeptOutcomes<WebhookSettlement> _settlements;

    public WebhookSettleQueue(IServiceScopeFactory scopes, TimeProvider time, ILogger<WebhookSettleQueue> logger)
    {
        (_scopes, _logger) = (scopes, logger);
        _settlements = new KeptOutcomes<WebhookSettlement>(MostPerBatch, SettleAsync, GiveUp, time, logger, _pause);
    }

    /// <summary>Ends when it is durable.</summary>
    public Task AddAsync(WebhookSettlement settlement) => _settlements.AddAsync(settlement);

    /// <summary>Durable soon, and before what is added later.</summary>
    public void Add(WebhookOutcome outcome) => _settlements.Add(new WebhookSettlement(outcome, null));

    private async Task SettleAsync(IReadOnlyList<WebhookSettlement> batch)
    {
        await using var scope = _scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<WebhookSettler>().SettleAsync(batch, CancellationToken.None);
    }

    private WebhookSettlement? GiveUp(WebhookSettlement bad, Exception cause)
    {
        LogUnstorable(_logger, bad.Outcome?.Message.Id ?? bad.Left!.Lease.Key, cause);
        if (bad.Outcome is not { Attempt: { } attempt } outcome || (attempt.AnswerHead ?? attempt.AnswerBody) is null)
            return null;
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
        return bad with { Outcome = outcome with { Attempt = bare } };
    }

    [LoggerMessage(LogLevel.Error, "The outcome of webhook message or lane {Id} could not be stored.")]
    private static partial void LogUnstorable(ILogger logger, Guid id, Exception exception);
}
