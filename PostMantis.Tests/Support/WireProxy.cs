using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace PostMantis.Tests.Support;

/// <summary>Where a transaction is held on its way to Postgres.</summary>
internal enum HoldAt
{
    /// <summary>Before the statement that made it match: the transaction has begun or is about to.</summary>
    Statement,

    /// <summary>Before the message that commits it: cut there, it never happened.</summary>
    BeforeCommit,

    /// <summary>Once Postgres has committed it, before the answer: cut there, nobody was told.</summary>
    AfterCommit,
}

/// <summary>What one transaction, or one statement that commits by itself, has sent so far.</summary>
internal sealed class WireTransaction
{
    private readonly List<string> _statements = [];
    private readonly ArrayBufferWriter<byte> _sent = new();

    public IReadOnlyList<string> Statements => _statements;

    /// <summary>Whether a statement holds <paramref name="text"/>, whatever its case and white space.</summary>
    public bool Says(string text) => _statements.Exists(s => s.Contains(text, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a parameter holds <paramref name="id"/>, alone or in an array.</summary>
    public bool Mentions(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return _sent.WrittenSpan.IndexOf(bytes) >= 0;
    }

    /// <summary>Whether a parameter or statement holds <paramref name="text"/> as it is.</summary>
    public bool Carries(string text) =>
        _sent.WrittenSpan.IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;

    internal void Add(string statement, byte[] frame)
    {
        _statements.Add(string.Join(' ', statement.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        _sent.Write(frame);
    }
}

/// <summary>
/// Stands between a process and Postgres and reads what they say frame by frame, so that a test can stop a transaction
/// at its commit, cut connections, or refuse new ones: crash points are chosen from outside.
/// </summary>
internal sealed class WireProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<Hold> _holds = [];
    private readonly HashSet<Connection> _connections = [];
    private readonly string _host;
    private readonly int _port;
    private readonly Task _accepting;

    private WireProxy(NpgsqlConnectionStringBuilder database)
    {
        (_host, _port) = (database.Host!, database.Port);
        _listener.Start();
        database.Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        ConnectionString = database.ConnectionString;
        _accepting = AcceptAsync();
    }

    /// <summary>Leads to the same database through this proxy.</summary>
    public string ConnectionString { get; }

    /// <summary>While true, new connections are closed at once.</summary>
    public bool Refuses { get; set; }

    public static WireProxy Start(string connectionString) => new(new NpgsqlConnectionStringBuilder(connectionString));

    /// <summary>Stops the next transaction that matches; others pass.</summary>
    public Hold Stop(HoldAt at, Func<WireTransaction, bool> which)
    {
        var hold = new Hold(at, which);
        lock (_gate) _holds.Add(hold);
        return hold;
    }

    /// <summary>Cuts every connection, as a network does: without a word.</summary>
    public void CutAll()
    {
        Connection[] connections;
        lock (_gate) connections = [.. _connections];
        foreach (var connection in connections) connection.Cut();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        CutAll();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    private Hold? Take(HoldAt at, WireTransaction transaction)
    {
        lock (_gate)
        {
            var hold = _holds.Find(h => h.At == at && h.Which(transaction));
            if (hold is not null) _holds.Remove(hold);
            return hold;
        }
    }

    private async Task AcceptAsync()
    {
        List<Task> running = [];
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                running.RemoveAll(task => task.IsCompleted);
                running.Add(ServeAsync(client));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(running);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var connection = new Connection(this, client);
        lock (_gate) _connections.Add(connection);
        try
        {
            if (Refuses || _stop.IsCancellationRequested) return;
            await connection.RunAsync(_host, _port);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or EndOfStreamException
            or OperationCanceledException)
        {
            // One side is gone: the other learns it from the connection that closes.
        }
        finally
        {
            connection.Cut();
            lock (_gate) _connections.Remove(connection);
        }
    }

    /// <summary>A transaction that is, or will be, stopped.</summary>
    internal sealed class Hold(HoldAt at, Func<WireTransaction, bool> which)
    {
        private readonly TaskCompletionSource<WireTransaction> _reached =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<bool> _goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HoldAt At => at;

        public Func<WireTransaction, bool> Which => which;

        /// <summary>Ends when a transaction stands at this point, with what it has said.</summary>
        public Task<WireTransaction> ReachedAsync(TimeSpan patience) =>
            _reached.Task.WaitAsync(patience, TimeProvider.System);

        /// <summary>Lets it go on.</summary>
        public void Release() => _goesOn.TrySetResult(true);

        /// <summary>Cuts its connection there; what was held back is never sent.</summary>
        public void Cut() => _goesOn.TrySetResult(false);

        internal void Reach(WireTransaction transaction) => _reached.TrySetResult(transaction);

        internal async Task PassAsync(CancellationToken ct)
        {
            if (!await _goesOn.Task.WaitAsync(ct)) throw new OperationCanceledException("The connection is cut here.");
        }
    }

    private sealed class Connection(WireProxy proxy, TcpClient client) : IDisposable
    {
        private const int SslRequest = 80877103;
        private const int GssRequest = 80877104;
        private const int CancelRequest = 80877102;
        private readonly TcpClient _server = new();
        private readonly CancellationTokenSource _cut = new();
        private readonly Dictionary<string, string> _prepared = new(StringComparer.Ordinal);
        private WireTransaction _transaction = new();
        private bool _isExplicit;
        private bool _isEnding;

        // ReadyForQuery answers, as many as were asked for; the first comes after the greeting.
        private int _asked = 1;
        private (Hold Hold, WireTransaction Transaction, int Answer)? _held;

        public async Task RunAsync(string host, int port)
        {
            (client.NoDelay, _server.NoDelay) = (true, true);
            await _server.ConnectAsync(host, port, _cut.Token);
            var (front, back) = (client.GetStream(), _server.GetStream());
            if (!await GreetAsync(front, back)) return;
            var backward = BackwardAsync(back, front);
            await await Task.WhenAny(ForwardAsync(front, back), backward);
        }

        public void Cut()
        {
            try
            {
                _cut.Cancel();
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            client.Close();
            _server.Close();
        }

        public void Dispose()
        {
            _server.Dispose();
            client.Dispose();
            _cut.Dispose();
        }

        // Untyped packets first: requests for encryption, which we decline, then the startup.
        private async Task<bool> GreetAsync(NetworkStream front, NetworkStream back)
        {
            while (true)
            {
                var head = new byte[8];
                await front.ReadExactlyAsync(head, _cut.Token);
                var code = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
                if (code is SslRequest or GssRequest)
                {
                    await front.WriteAsync("N"u8.ToArray(), _cut.Token);
                    continue;
                }
                var rest = new byte[BinaryPrimitives.ReadInt32BigEndian(head) - 8];
                await front.ReadExactlyAsync(rest, _cut.Token);
                await back.WriteAsync((byte[])[.. head, .. rest], _cut.Token);
                return code != CancelRequest;
            }
        }

        private async Task ForwardAsync(NetworkStream front, NetworkStream back)
        {
            while (await ReadAsync(front) is { } frame)
            {
                switch ((char)frame[0])
                {
                    case 'P':
                        var name = Text(frame, 5, out var next);
                        _prepared[name] = Text(frame, next, out _);
                        break;
                    case 'B':
                        Text(frame, 5, out var statementAt);
                        await SayAsync(_prepared.GetValueOrDefault(Text(frame, statementAt, out _), ""), frame);
                        break;
                    case 'Q':
                        _asked++;
                        await SayAsync(Text(frame, 5, out _), frame);
                        await EndAsync();
                        break;
                    case 'S':
                        _asked++;
                        await EndAsync();
                        break;
                }
                await back.WriteAsync(frame, _cut.Token);
            }
        }

        private async Task SayAsync(string statement, byte[] frame)
        {
            if (Begins(statement, "BEGIN") || Begins(statement, "START TRANSACTION"))
            {
                (_isExplicit, _transaction) = (true, new WireTransaction());
                return;
            }
            if (_isExplicit && Begins(statement, "ROLLBACK") && !Begins(statement, "ROLLBACK TO"))
            {
                (_isExplicit, _transaction) = (false, new WireTransaction());
                return;
            }
            if (_isExplicit && (Begins(statement, "COMMIT") || Begins(statement, "END")))
            {
                _isEnding = true;

                // Executed, it commits without waiting for the Sync behind it.
                await StopAsync(HoldAt.BeforeCommit);
                return;
            }
            _transaction.Add(statement, frame);
            await StopAsync(HoldAt.Statement);
        }

        private async Task EndAsync()
        {
            if (_isExplicit && !_isEnding) return;
            if (!_isExplicit && _transaction.Statements.Count == 0) return;
            if (!_isExplicit) await StopAsync(HoldAt.BeforeCommit);
            var ended = _transaction;
            (_isExplicit, _isEnding, _transaction) = (false, false, new WireTransaction());
            if (proxy.Take(HoldAt.AfterCommit, ended) is { } hold) _held = (hold, ended, _asked);
        }

        private async Task StopAsync(HoldAt at)
        {
            if (proxy.Take(at, _transaction) is not { } hold) return;
            hold.Reach(_transaction);
            await hold.PassAsync(_cut.Token);
        }

        private async Task BackwardAsync(NetworkStream back, NetworkStream front)
        {
            var answered = 0;
            List<byte[]> kept = [];
            while (await ReadAsync(back) is { } frame)
            {
                if (frame[0] == 'Z') answered++;
                if (_held is not { } held)
                {
                    await front.WriteAsync(frame, _cut.Token);
                    continue;
                }
                kept.Add(frame);
                if (answered < held.Answer) continue;
                held.Hold.Reach(held.Transaction);
                await held.Hold.PassAsync(_cut.Token);
                _held = null;
                foreach (var one in kept) await front.WriteAsync(one, _cut.Token);
                kept.Clear();
            }
        }

        private async Task<byte[]?> ReadAsync(NetworkStream stream)
        {
            var head = new byte[5];
            if (await stream.ReadAtLeastAsync(head, 5, throwOnEndOfStream: false, _cut.Token) < 5) return null;
            var frame = new byte[1 + BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1))];
            head.CopyTo(frame, 0);
            await stream.ReadExactlyAsync(frame.AsMemory(5), _cut.Token);
            return frame;
        }

        private static bool Begins(string statement, string word) =>
            statement.AsSpan().TrimStart().StartsWith(word, StringComparison.OrdinalIgnoreCase);

        private static string Text(byte[] frame, int from, out int next)
        {
            var end = Array.IndexOf(frame, (byte)0, from);
            next = end + 1;
            return Encoding.UTF8.GetString(frame, from, end - from);
        }
    }
}
