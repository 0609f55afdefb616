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

    // Of 41 bytes at most each: well within the 8000 bytes of a notification.
    private const int MostPending = 150;
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(30);
    private readonly Channel<string> _signals = Channel.CreateBounded<string>(
        new BoundedChannelOptions(MostPending) { FullMode = BoundedChannelFullMode.DropWrite });

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
        try
        {
            await using var connection = await source.OpenConnectionAsync(ct);
            while (await _signals.Reader.WaitToReadAsync(ct))
            {
                await Task.Delay(Coalesce, time, ct);
                var words = new HashSet<string>(StringComparer.Ordinal);
                while (words.Count < MostPending && _signals.Reader.TryRead(out var word)) words.Add(word);
                if (!heartbeat.HasPeers) continue;
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

    private void Remember(string loop) => _signals.Writer.TryWrite(loop);

    private void Remember(Guid userId) => _signals.Writer.TryWrite(OfUser + userId);
}
