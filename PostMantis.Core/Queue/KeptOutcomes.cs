using Microsoft.Extensions.Logging;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Queue;

/// <summary>
/// Stores outcomes of work in groups, in the order they were added, and keeps them in memory until they are durable. A group
/// that cannot be stored is halved until the one bad outcome is alone.
/// </summary>
internal sealed partial class KeptOutcomes<T>
    where T : class
{
    private static readonly TimeSpan AfterOutage = TimeSpan.FromSeconds(1);
    private readonly Func<IReadOnlyList<T>, Task> _store;
    private readonly Func<T, Exception, T?> _giveUp;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Grouped<T, bool> _groups;

    /// <param name="most">The largest group.</param>
    /// <param name="store">Stores a group, whole or not at all.</param>
    /// <param name="giveUp">What is stored instead of an outcome that cannot be; null: nothing.</param>
    /// <param name="pause">How long outcomes may gather that nobody waits for.</param>
    public KeptOutcomes(int most, Func<IReadOnlyList<T>, Task> store, Func<T, Exception, T?> giveUp, TimeProvider time,
        ILogger logger, TimeSpan pause = default)
    {
        (_store, _giveUp, _time, _logger) = (store, giveUp, time, logger);
        _groups = new Grouped<T, bool>(most, WriteAsync, pause, time);
    }

    /// <summary>Ends when the outcome is durable.</summary>
    public Task AddAsync(T outcome) => _groups.AddAsync(outcome);

    /// <summary>Nobody waits for it to be durable.</summary>
    public void Add(T outcome) => _groups.Add(outcome);

    private async Task<IReadOnlyList<bool>> WriteAsync(IReadOnlyList<T> group)
    {
        await StoreAsync(group);
        return new bool[group.Count];
    }

    private async Task StoreAsync(IReadOnlyList<T> group)
    {
        while (true)
        {
            try
            {
                await _store(group);
                return;
            }
            catch (Exception e) when (DatabaseTrouble.IsPassing(e))
            {
                // The database is away, or two transactions met: nothing is wrong with the outcomes.
                LogPassing(_logger, group.Count, e);
                await Task.Delay(AfterOutage, _time);
            }
            catch (Exception e) when (group.Count > 1)
            {
                LogHalved(_logger, group.Count, e);
                break;
            }
            catch (Exception e)
            {
                if (_giveUp(group[0], e) is not { } instead) return;
                group = [instead];
            }
        }
        var half = group.Count / 2;
        await StoreAsync([.. group.Take(half)]);
        await StoreAsync([.. group.Skip(half)]);
    }

    [LoggerMessage(LogLevel.Warning, "{Count} outcomes could not be stored now and are kept.")]
    private static partial void LogPassing(ILogger logger, int count, Exception exception);

    [LoggerMessage(LogLevel.Warning, "A batch of {Count} outcomes could not be stored; storing its halves.")]
    private static partial void LogHalved(ILogger logger, int count, Exception exception);
}
