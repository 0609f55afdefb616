using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>
/// A loop around one Core operation that tests call directly: it runs while there is something to do, then waits for a
/// signal, for the next due moment, or for the poll.
/// </summary>
internal abstract partial class LoopWorker(string loop, WakeUp wakeUp, TimeProvider time, ILogger logger)
    : BackgroundService
{
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);

    /// <summary>One round; true when there may be more to do at once.</summary>
    protected abstract Task<bool> RunOnceAsync(CancellationToken ct);

    /// <summary>Longest wait before the next round, unless signaled.</summary>
    protected abstract Task<TimeSpan> NextAsync(CancellationToken ct);

    /// <summary>Shortest time between two rounds that a signal starts: a storm of signals shares a round.</summary>
    protected virtual TimeSpan Gap => TimeSpan.Zero;

    /// <summary>How long a signal waits for others: for loops that nobody waits for, so that they leave the moment to those
    /// that somebody does.</summary>
    protected virtual TimeSpan Pause => TimeSpan.Zero;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var started = time.GetTimestamp();
                if (await RunOnceAsync(stoppingToken)) continue;
                await wakeUp.WaitAsync(loop, await NextAsync(stoppingToken), time, stoppingToken);
                var rest = Gap - time.GetElapsedTime(started);
                if (rest < Pause) rest = Pause;
                if (rest > TimeSpan.Zero) await Task.Delay(rest, time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // The loop outlives whatever befalls one round: an outage ends, and the work is still there.
                LogFailed(logger, loop, exception);
                await Task.Delay(AfterFailure, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "The {Loop} loop failed and goes on.")]
    private static partial void LogFailed(ILogger logger, string loop, Exception exception);
}
