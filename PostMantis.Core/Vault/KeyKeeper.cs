using Microsoft.EntityFrameworkCore;
using Npgsql;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Vault;

/// <summary>How many values one master key seals in one place, and whether this process can open them.</summary>
/// <param name="Place">Table and column.</param>
/// <param name="KeyId">Null: what lies there is no envelope of ours.</param>
/// <param name="IsCurrent">Whether it is the key that seals; what is under another waits for the re-seal pass.</param>
/// <param name="NotOpened">Values that did not open: changed, moved, or under a key that is not here.</param>
public sealed record KeyUse(string Place, string? KeyId, bool IsCurrent, int Values, int NotOpened);

/// <summary>What a rotation came to.</summary>
/// <param name="OldKeyId">The key that sealed until now.</param>
/// <param name="NewKeyId">Null: the configuration has keys of its own, and only its owner can add one.</param>
/// <param name="IsCurrent">False: <c>Vault:CurrentKeyId</c> still names another.</param>
public sealed record KeyRotation(string OldKeyId, string? NewKeyId, bool IsCurrent, int Resealed);

/// <summary>What an operator does with the master keys: adds one, brings values under it, counts what each still seals.</summary>
public sealed class KeyKeeper
{
    private const int Batch = 500;
    private readonly PostMantisDb _db;
    private readonly MasterKeys _keys;
    private readonly SecretVault _vault;
    private readonly IEnumerable<SealedColumn> _columns;
    private readonly Resealer _resealer;
    private readonly TimeProvider _time;

    internal KeyKeeper(PostMantisDb db, MasterKeys keys, SecretVault vault, IEnumerable<SealedColumn> columns,
        Resealer resealer, TimeProvider time)
    {
        (_db, _keys, _vault) = (db, keys, vault);
        (_columns, _resealer, _time) = (columns, resealer, time);
    }

    /// <summary>The id of the key that seals.</summary>
    public string CurrentKeyId => _keys.Current.Id;

    /// <summary>Keys that are here, the current one first.</summary>
    public IReadOnlyList<string> KeyIds => [.. _keys.All.Select(key => key.Id)];

    /// <summary>A new key, to be put into the configuration by who owns it.</summary>
    public static string NewKeyText() => MasterKeys.NewText();

    /// <summary>
    /// Adds a key to the key directory and brings every value under it. Processes that run open what it seals at once; they
    /// seal with it from their next re-seal pass on.
    /// </summary>
    public async Task<KeyRotation> RotateAsync(CancellationToken ct)
    {
        var old = CurrentKeyId;
        if (_keys.Folder is null) return new KeyRotation(old, null, false, 0);
        var added = _keys.Add(_time.GetUtcNow());
        var isCurrent = CurrentKeyId == added;
        return new KeyRotation(old, added, isCurrent, isCurrent ? await ResealAsync(ct) : 0);
    }

    /// <summary>Brings every value under the current key; answers how many were rewritten.</summary>
    public Task<int> ResealAsync(CancellationToken ct) => _resealer.RunOnceAsync(ct);

    /// <summary>Opens every sealed value and throws it away: what each key still seals, and what does not open.</summary>
    public async Task<IReadOnlyList<KeyUse>> CheckAsync(CancellationToken ct)
    {
        List<KeyUse> uses = [];
        uses.AddRange(Count((await SealedKeyRepository.ReadAsync(_db, ct)).Select(row => (row.Place, row.Envelope))));
        foreach (var column in _columns)
        {
            List<KeyUse> ofColumn = [];
            var after = Guid.Empty;
            while (true)
            {
                var rows = await _db.Database.SqlQueryRaw<SealedValue>(SelectFrom(column), new NpgsqlParameter("after", after), new NpgsqlParameter("batch", Batch)).ToListAsync(ct);
                ofColumn.AddRange(Count(rows.Select(row => (column.Of(row.Id, row.UserId), (byte[]?)row.Value))));
                if (rows.Count < Batch) break;
                after = rows[^1].Id;
            }
            uses.AddRange(ofColumn.GroupBy(use => (use.Place, use.KeyId, use.IsCurrent)).Select(same => new KeyUse(
                same.Key.Place, same.Key.KeyId, same.Key.IsCurrent, same.Sum(u => u.Values), same.Sum(u => u.NotOpened))));
        }
        return uses;
    }

    private IEnumerable<KeyUse> Count(IEnumerable<(SealedPlace Place, byte[]? Envelope)> values) => values
        .Select(value => (Name: $"{value.Place.Table}.{value.Place.Column}",
            KeyId: SecretVault.KeyIdOf(value.Envelope), Opens: Opens(value.Place, value.Envelope)))
        .GroupBy(value => (value.Name, value.KeyId))
        .Select(same => new KeyUse(same.Key.Name, same.Key.KeyId, same.Key.KeyId == CurrentKeyId, same.Count(),
            same.Count(value => !value.Opens)));

    private bool Opens(SealedPlace place, byte[]? envelope)
    {
        try
        {
            _vault.Open(place, envelope).Dispose();
            return true;
        }
        catch (VaultException)
        {
            return false;
        }
    }

    // Names of tables and columns come from code alone.
    private static string SelectFrom(SealedColumn column) => $"""
        SELECT id, user_id, {column.Column} AS value FROM {column.Table}
        WHERE {column.Column} IS NOT NULL AND id > @after ORDER BY id LIMIT @batch
        """;

    private sealed record SealedValue(Guid Id, Guid UserId, byte[] Value);
}
