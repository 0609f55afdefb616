using System.Threading.Channels;
using Npgsql;

namespace PostMantis.Core.Queue;

/// <summary>
/// Carries wake-ups between replicas by LISTEN and NOTIFY on connections of their own, several signals in one. Only a
/// hint: whoever misses one finds the work at the next poll.
/// </summary>
public sealed class ReplicaSignals(NpgsqlDataSource source, WakeUp wakeUp, WorkerIdentity worker, Heartbeat heartbeat,
    TimeProvider time)
{
    private const string Topic = "postmantis_wake";
    private const int MostPending = 256;
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(30);
    private readonly Channel<string> _signals = Channel.CreateBounded<string>(
        new BoundedChannelOptions(MostPending) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Rings the bells of this process for what other replicas signal, until canceled or disconnected.</summary>
    public async Task ListenAsync(CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        connection.Notification += (_, notification) =>
        {
            var words = notification.Payload.Split(' ');
            if (words[0] == worker.Id.ToString()) return;
            foreach (var loop in words.Skip(1)) wakeUp.Ring(loop);
        };
        await using (var listen = new NpgsqlCommand($"LISTEN {Topic}", connection))
            await listen.ExecuteNonQueryAsync(ct);
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
        try
        {
            await using var connection = await source.OpenConnectionAsync(ct);
            while (await _signals.Reader.WaitToReadAsync(ct))
            {
                await Task.Delay(Coalesce, time, ct);
                var loops = new HashSet<string>(StringComparer.Ordinal);
                while (_signals.Reader.TryRead(out var loop)) loops.Add(loop);
                if (!heartbeat.HasPeers) continue;
                await using var notify = new NpgsqlCommand("SELECT pg_notify($1, $2)", connection);
                notify.Parameters.AddWithValue(Topic);
                notify.Parameters.AddWithValue($"{worker.Id} {string.Join(' ', loops)}");
                await notify.ExecuteNonQueryAsync(ct);
            }
        }
        finally
        {
            wakeUp.Signaled -= Remember;
        }
    }

    private void Remember(string loop) => _signals.Writer.TryWrite(loop);
}
