using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using PostMantis.ServiceDefaults;

namespace PostMantis.Tests.ServiceDefaults;

/// <summary>Against a server that answers its first request and closes on the second, as an idle timeout does.</summary>
public sealed class HttpDefaultsTests : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly IHost _host;
    private readonly HttpClient _client;

    public HttpDefaultsTests()
    {
        _listener.Start();
        var builder = Host.CreateApplicationBuilder();
        builder.AddServiceDefaults();
        builder.Logging.ClearProviders();
        _host = builder.Build();
        _client = _host.Services.GetRequiredService<IHttpClientFactory>().CreateClient();
        _client.BaseAddress = new Uri($"http://{_listener.LocalEndpoint}/");
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("DELETE")]
    [InlineData("PUT")]
    public async Task A_write_without_a_body_is_never_sent_twice(string method)
    {
        var requests = new List<string>();
        var server = ServeAsync(requests, "HTTP/1.1 204 No Content\r\n\r\n");
        using var first = await _client.GetAsync("first");

        using var write = new HttpRequestMessage(new HttpMethod(method), "second");
        await Assert.ThrowsAsync<HttpRequestException>(() => _client.SendAsync(write));

        await StopAsync(server);
        Assert.Equal(["GET /first HTTP/1.1", $"{method} /second HTTP/1.1"], requests);
    }

    [Fact]
    public async Task A_redirected_write_is_not_followed()
    {
        var requests = new List<string>();
        var server = ServeAsync(requests,
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
        using var answer = await _client.PostAsync("first", new StringContent("once"));
        await StopAsync(server);
        Assert.Equal(HttpStatusCode.TemporaryRedirect, answer.StatusCode);
        Assert.Equal(["POST /first HTTP/1.1"], requests);
    }

    public void Dispose()
    {
        _client.Dispose();
        _host.Dispose();
        _listener.Dispose();
        _stop.Dispose();
    }

    // Answers the first request on a connection, reads the head of the next and hangs up without a word.
    private async Task ServeAsync(List<string> requests, string answer)
    {
        while (true)
        {
            using var connection = await _listener.AcceptTcpClientAsync(_stop.Token);
            using var reader = new StreamReader(connection.GetStream(), Encoding.ASCII);
            requests.Add(await HeadAsync(reader));
            if (requests.Count > 1) continue;
            await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
            if (!answer.Contains("307", StringComparison.Ordinal)) requests.Add(await HeadAsync(reader));
        }
    }

    private async Task StopAsync(Task server)
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => server);
    }

    private static async Task<string> HeadAsync(StreamReader reader)
    {
        var first = await reader.ReadLineAsync();
        while (await reader.ReadLineAsync() is { Length: > 0 }) { }
        return first ?? "";
    }
}
