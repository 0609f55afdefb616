using System.Threading.Channels;
using Npgsql;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Queue;

/// <summary>
/// Carries wake-ups, and whose posts changed, between replicas by LISTEN and NOTIFY on connections of their own, several
/// in one. Only a hint: whoever misses one finds the work at the next poll.
/// </summary>
public sealed class ReplicaSignals(NpgsqlDataSource source, DirectSource direct, WakeUp wakeUp, PostChanges changes, WorkerIdentity worker,
    Heartbeat heartbeat, TimeProvider time)
{
    private const string Topic = "postmantis_wake";
    private const string OfUser = "user:";

    // Too many to name them.
    private const string OfAnybody = $"{OfUser}*";

    // Of 41 bytes each, and beside them the few names of loops: well within the 8000 bytes of a notification.
    private const int MostUsers = 150;
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(30);
    private readonly Lock _gate = new();
    private readonly Channel<bool> _rung = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private HashSet<string> _words = [];

    /// <summary>Rings the bells of this process for what other replicas signal, until canceled or disconnected.</summary>
    public async Task ListenAsync(CancellationToken ct)
    {
        await using var connection = await direct.Source.OpenConnectionAsync(ct);
        connection.Notification += (_, notification) =>
        {
            var words = notification.Payload.Split(' ');
            if (words[0] == worker.Id.ToString()) return;
            foreach (var word in words.Skip(1))
            {
                if (!word.StartsWith(OfUser, StringComparison.Ordinal)) wakeUp.Ring(word);
                else if (word == OfAnybody) changes.HearAll();
                else if (Guid.TryParse(word.AsSpan(OfUser.Length), out var userId)) changes.Hear(userId, Guid.Empty);
            }
        };
        await using (var listen = new NpgsqlCommand($"LISTEN {Topic}", connection))
            await listen.ExecuteNonQueryAsync(ct);

        // What was told before, since the last connection broke, nobody hears any more.
        changes.HearAll();
        while (true)
        {
            if (await connection.WaitAsync(Probe, ct)) continue;
            await using var probe = new NpgsqlCommand("SELECT 1", connection);
            await probe.ExecuteScalarAsync(ct);
        }
    }

    /// <summary>Tells other replicas, while there are any, what was signaled here, until canceled or disconnected.</summary>
    public async Task TellAsync(CancellationToken ct)
    {
        wakeUp.Signaled += Remember;
        changes.Published += Remember;

        // Before, and since the last connection broke, nothing was told.
        Remember(OfAnybody);
        try
        {
            await using var connection = await source.OpenConnectionAsync(ct);
            while (true)
            {
                await _rung.Reader.ReadAsync(ct);
                await Task.Delay(Coalesce, time, ct);
                var words = Take();
                if (words.Count == 0 || !heartbeat.HasPeers) continue;
                await using var notify = new NpgsqlCommand("SELECT pg_notify($1, $2)", connection);
                notify.Parameters.AddWithValue(Topic);
                notify.Parameters.AddWithValue($"{worker.Id} {string.Join(' ', words)}");
                await notify.ExecuteNonQueryAsync(ct);
            }
        }
        finally
        {
            wakeUp.Signaled -= Remember;
            changes.Published -= Remember;
        }
    }

    /// <summary>Rings the bell of <paramref name="loop"/> on every other replica at once.</summary>
    public async Task TellNowAsync(string loop, CancellationToken ct)
    {
        await using var notify = source.CreateCommand("SELECT pg_notify($1, $2)");
        notify.Parameters.AddWithValue(Topic);
        notify.Parameters.AddWithValue($"{worker.Id} {loop}");
        await notify.ExecuteNonQueryAsync(ct);
    }

    private void Remember(Guid userId) => Remember(OfUser + userId);

    private void Remember(string word)
    {
        lock (_gate)
        {
            var fits = _words.Count < MostUsers || !word.StartsWith(OfUser, StringComparison.Ordinal);
            _words.Add(fits ? word : OfAnybody);
        }
        _rung.Writer.TryWrite(true);
    }

    private HashSet<string> Take()
    {
        lock (_gate)
        {
            var words = _words;
            _words = [];
            return words;
        }
    }
}
