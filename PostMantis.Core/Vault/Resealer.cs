using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Vault;

/// <summary>
/// Brings sealed values under the current master key, so that an older key can be taken away. A value changed meanwhile
/// is left alone: whoever changed it sealed it with the current key.
/// </summary>
public sealed partial class Resealer
{
    private readonly PostMantisDb _db;
    private readonly SecretVault _vault;
    private readonly SealedKeyRepository _keys;
    private readonly IEnumerable<SealedColumn> _columns;
    private readonly VaultTelemetry _telemetry;
    private readonly int _batch;
    private readonly ILogger<Resealer> _logger;

    internal Resealer(PostMantisDb db, SecretVault vault, SealedKeyRepository keys, IEnumerable<SealedColumn> columns,
        VaultTelemetry telemetry, IOptions<VaultOptions> options, ILogger<Resealer> logger)
    {
        (_db, _vault, _keys, _columns, _telemetry) = (db, vault, keys, columns, telemetry);
        (_batch, _logger) = (options.Value.ResealBatch, logger);
    }

    /// <summary>One pass over everything sealed; answers how many values it rewrote.</summary>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        using var span = VaultTelemetry.Source.StartActivity("vault reseal");
        _vault.ReadKeysAgain();
        var resealed = await _keys.ResealAsync(_db, ct);
        foreach (var column in _columns) resealed += await ResealAsync(column, ct);
        _telemetry.Resealed(resealed);
        span?.SetTag("postmantis.resealed", resealed);
        if (resealed > 0) LogResealed(_logger, resealed);
        return resealed;
    }

    private async Task<int> ResealAsync(SealedColumn column, CancellationToken ct)
    {
        var header = _vault.CurrentHeader;
        var (after, resealed) = (Guid.Empty, 0);
        while (true)
        {
            var rows = await _db.Database.SqlQueryRaw<SealedRow>(SelectFrom(column),
                new NpgsqlParameter("after", after), new NpgsqlParameter("header", header),
                new NpgsqlParameter("batch", _batch)).ToListAsync(ct);
            if (rows.Count == 0) return resealed;
            after = rows[^1].Id;
            var opened = rows.ConvertAll(row => (Row: row, Fresh: Reseal(column, row))).FindAll(pair => pair.Fresh is not null);
            if (opened.Count > 0)
                resealed += await _db.Database.ExecuteSqlRawAsync(UpdateOf(column),
                [
                    new NpgsqlParameter("ids", opened.ConvertAll(pair => pair.Row.Id)),
                    new NpgsqlParameter("before", opened.ConvertAll(pair => pair.Row.Value)),
                    new NpgsqlParameter("fresh", opened.ConvertAll(pair => pair.Fresh!)),
                ], ct);
            if (rows.Count < _batch) return resealed;
        }
    }

    private byte[]? Reseal(SealedColumn column, SealedRow row)
    {
        var place = column.Of(row.Id, row.UserId);
        try
        {
            using var secret = _vault.Open(place, row.Value);
            return _vault.Seal(place, secret.AsSpan());
        }
        catch (VaultException e)
        {
            LogNotOpened(_logger, e.Message);
            return null;
        }
    }

    // Names of tables and columns come from code alone.
    private static string SelectFrom(SealedColumn column) => $"""
        SELECT id, user_id, {column.Column} AS value FROM {column.Table}
        WHERE {column.Column} IS NOT NULL AND id > @after
          AND substring({column.Column} FROM 1 FOR length(@header)) <> @header
        ORDER BY id LIMIT @batch
        """;

    private static string UpdateOf(SealedColumn column) => $"""
        UPDATE {column.Table} t SET {column.Column} = n.fresh
        FROM unnest(@ids, @before, @fresh) AS n(id, before, fresh)
        WHERE t.id = n.id AND t.{column.Column} = n.before
        """;

    [LoggerMessage(LogLevel.Information, "Sealed {Count} values anew under the current master key.")]
    private static partial void LogResealed(ILogger logger, int count);

    [LoggerMessage(LogLevel.Error, "A value stays under its older key. {Reason}")]
    private static partial void LogNotOpened(ILogger logger, string reason);

    private sealed record SealedRow(Guid Id, Guid UserId, byte[] Value);
}
