using System.Data;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace PostMantis.Core.Persistence;

/// <summary>
/// One transaction around one operation. Operations join the transaction that is open already (idempotency keys commit
/// with their effect this way), and what must only happen once it is durable runs after the outermost commit.
/// </summary>
public sealed class UnitOfWork(PostMantisDb db)
{
    private readonly List<Action> _afterCommit = [];
    private bool _limitsWaits;
    private bool _asksToPlanOnce;
    private bool _plansOnce;
    private int _depth;
    private bool _isFinished;

    /// <summary>The context whose connection carries the transaction.</summary>
    public PostMantisDb Db => db;

    /// <summary>Statements for one round trip, on the connection and in the transaction of this unit.</summary>
    public SqlBatch Batch()
    {
        var batch = new SqlBatch(db);
        if (_limitsWaits) batch.Add("SET LOCAL lock_timeout = '500ms'");
        if (_asksToPlanOnce) batch.Add("SET LOCAL plan_cache_mode = force_generic_plan");
        _plansOnce |= _asksToPlanOnce;
        (_limitsWaits, _asksToPlanOnce) = (false, false);
        return batch;
    }

    /// <summary>
    /// From the next batch on, statements of the open transaction are planned once a session: for those that take their
    /// values as arrays, where planning anew costs more than running and comes to the same.
    /// </summary>
    public void PlanOnce() => _asksToPlanOnce = !_plansOnce;

    /// <summary>
    /// From the next batch on, the open transaction waits half a second for what another one holds and then fails
    /// (lock_not_available).
    /// </summary>
    public void LimitWaits() => _limitsWaits = true;

    /// <summary>Runs <paramref name="work"/> in a transaction at read committed and commits it.</summary>
    /// <exception cref="CommitInDoubtException">The answer to the commit was lost.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is not null) return await JoinAsync(work, ct);

        _afterCommit.Clear();
        (_limitsWaits, _asksToPlanOnce, _plansOnce, _isFinished, _depth) = (false, false, false, false, 0);
        T result;
        await using (var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct))
        {
            result = await JoinAsync(work, ct);
            try
            {
                // Once asked for, a commit is waited for: its answer must not be lost to somebody hanging up.
                if (!_isFinished) await transaction.CommitAsync(CancellationToken.None);
            }
            catch (Exception e) when (DatabaseTrouble.LeavesDoubt(e))
            {
                throw new CommitInDoubtException(e);
            }
        }
        foreach (var action in _afterCommit) action();
        _afterCommit.Clear();
        return result;
    }

    /// <summary>
    /// Runs the last statements of the operation. The commit travels with them, unless there is an operation around this
    /// one, which then has the last word.
    /// </summary>
    /// <param name="read">Reads the results of <paramref name="last"/>.</param>
    /// <exception cref="CommitInDoubtException">The answer was lost.</exception>
    public async Task<T> FinishAsync<T>(SqlBatch last, Func<NpgsqlDataReader, Task<T>> read, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(last);
        ArgumentNullException.ThrowIfNull(read);
        var commits = _depth == 1 && db.Database.CurrentTransaction is not null;
        if (commits) last.Add("COMMIT");
        try
        {
            await using var rows = await last.ReadAsync(commits ? CancellationToken.None : ct);
            var result = await read(rows);
            while (await rows.NextResultAsync(CancellationToken.None))
            {
                // A statement that failed says so when its result is asked for.
            }
            _isFinished = commits;
            return result;
        }
        catch (Exception e) when (commits && DatabaseTrouble.LeavesDoubt(e))
        {
            throw new CommitInDoubtException(e);
        }
    }

    /// <inheritdoc cref="FinishAsync{T}(SqlBatch, Func{NpgsqlDataReader, Task{T}}, CancellationToken)"/>
    public Task FinishAsync(SqlBatch last, CancellationToken ct) => FinishAsync(last, _ => Task.FromResult(true), ct);

    /// <summary>As <see cref="RunAsync{T}"/>, without a result.</summary>
    public Task RunAsync(Func<CancellationToken, Task> work, CancellationToken ct) => RunAsync<object?>(async token =>
    {
        await work(token);
        return null;
    }, ct);

    private async Task<T> JoinAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken ct)
    {
        _depth++;
        try
        {
            return await work(ct);
        }
        finally
        {
            _depth--;
        }
    }

    /// <summary>Runs <paramref name="action"/> once the outermost transaction is durable: signals, never effects.</summary>
    public void AfterCommit(Action action)
    {
        if (db.Database.CurrentTransaction is null) action();
        else _afterCommit.Add(action);
    }
}
