using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace PostMantis.Core.Persistence;

/// <summary>
/// Statements that travel together: one round trip, in the open transaction of the context, or, outside of one, as a
/// transaction of their own.
/// </summary>
public sealed class SqlBatch(PostMantisDb db) : IAsyncDisposable
{
    private readonly NpgsqlBatch _batch = new((NpgsqlConnection)db.Database.GetDbConnection(),
        (NpgsqlTransaction?)db.Database.CurrentTransaction?.GetDbTransaction());

    private bool _isOpen;

    /// <summary>Whether anything was added.</summary>
    public bool IsEmpty => _batch.BatchCommands.Count == 0;

    /// <summary>Adds a statement; its parameters are <c>$1</c>, <c>$2</c>, …</summary>
    public NpgsqlBatchCommand Add(string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values) command.Parameters.AddWithValue(value);
        _batch.BatchCommands.Add(command);
        return command;
    }

    /// <summary>Runs the statements for their rows, one result each.</summary>
    public async Task<NpgsqlDataReader> ReadAsync(CancellationToken ct)
    {
        await OpenAsync(ct);
        return await _batch.ExecuteReaderAsync(ct);
    }

    /// <summary>Runs the statements for their effects.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        if (IsEmpty) return;
        await OpenAsync(ct);
        await _batch.ExecuteNonQueryAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        await _batch.DisposeAsync();
        if (_isOpen) await db.Database.CloseConnectionAsync();
    }

    private async Task OpenAsync(CancellationToken ct)
    {
        await db.Database.OpenConnectionAsync(ct);
        _isOpen = true;
    }
}
