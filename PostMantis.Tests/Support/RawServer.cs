using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PostMantis.Tests.Support;

/// <summary>Answers every request with the same bytes, whatever HTTP says about them, then closes the connection.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly byte[]? _answer;
    private readonly Task _loop;

    private RawServer(byte[]? answer)
    {
        _answer = answer;
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _loop = AcceptAsync();
    }

    public Uri Address { get; }

    /// <summary>Answers with exactly these bytes.</summary>
    public static RawServer Saying(string answer) => new(Encoding.Latin1.GetBytes(answer));

    /// <summary>Answers with a status and a body of the right length.</summary>
    public static RawServer Answering(string status, string body, string type = "application/json", string headers = "")
    {
        var content = Encoding.UTF8.GetBytes(body);
        return new([.. Encoding.Latin1.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {content.Length}\r\nConnection: close\r\n{headers}\r\n"),
            .. content]);
    }

    /// <summary>Takes the request and never says anything.</summary>
    public static RawServer Silent() => new(answer: null);

    private async Task AcceptAsync()
    {
        List<Task> answers = [];
        try
        {
            while (true) answers.Add(AnswerAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(answers);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            var stream = client.GetStream();
            try
            {
                await ReadRequestAsync(stream);
                if (_answer is null) await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _stop.Token);
                await stream.WriteAsync(_answer, _stop.Token);
                client.Client.Shutdown(SocketShutdown.Send);
                // Until the other side has had enough: closing with unread input would cut off our answer.
                while (await stream.ReadAsync(new byte[4096], _stop.Token) > 0) { }
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                client.Close();
            }
        }
    }

    private async Task ReadRequestAsync(NetworkStream stream)
    {
        var text = new StringBuilder();
        var buffer = new byte[8192];
        while (true)
        {
            var end = text.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var length = text.ToString()[..end].Split("\r\n").Select(line => line.Split(':', 2))
                    .Where(line => line[0].Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
                    .Select(line => int.Parse(line[1], System.Globalization.CultureInfo.InvariantCulture)).FirstOrDefault();
                if (text.Length >= end + 4 + length) return;
            }
            var read = await stream.ReadAsync(buffer, _stop.Token);
            if (read == 0) return;
            text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _listener.Dispose();
        _stop.Dispose();
    }
}
