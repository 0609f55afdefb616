using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace PostMantis.Tests.Support;

/// <summary>One request as a receiver got it.</summary>
internal sealed record ReceivedWebhook(string Path, IReadOnlyDictionary<string, string> Headers, string Body, string Connection, string Protocol)
{
    /// <summary>The event's id.</summary>
    public string Id => Headers["webhook-id"];

    public JsonObject Json => JsonNode.Parse(Body)!.AsObject();

    public long Sequence => (long)Json["sequence"]!;
}

/// <summary>A customer's program that takes webhooks: real HTTP, and it behaves per path as it is told.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, Func<HttpContext, ReceivedWebhook, Task>> _behaviours = new();
    private readonly ConcurrentQueue<ReceivedWebhook> _received = new();
    private readonly SemaphoreSlim _arrivals = new(0);

    private WebhookReceiver(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = null!;

    /// <summary>Everything so far, in the order it arrived.</summary>
    public IReadOnlyList<ReceivedWebhook> Received => [.. _received];

    /// <param name="certificate">Serves https, and so HTTP/2; null serves plain HTTP/1.1.</param>
    public static async Task<WebhookReceiver> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        if (certificate is not null) builder.WebHost.UseKestrelHttpsConfiguration();
        var app = builder.Build();
        var receiver = new WebhookReceiver(app);
        app.Run(receiver.HandleAsync);
        await app.StartAsync();
        receiver.Address = new Uri(app.Urls.First());
        return receiver;
    }

    public string Url(string path = "/") => new Uri(Address, path).AbsoluteUri;

    /// <summary>From here on <paramref name="path"/> behaves like this.</summary>
    public void On(string path, Func<HttpContext, ReceivedWebhook, Task> behaviour) => _behaviours[path] = behaviour;

    /// <summary>Answers with a status.</summary>
    public void Answer(string path, int status, string? retryAfter = null, string body = "") => On(path, async (http, _) =>
    {
        http.Response.StatusCode = status;
        if (retryAfter is not null) http.Response.Headers.RetryAfter = retryAfter;
        if (body.Length > 0) await http.Response.WriteAsync(body, http.RequestAborted);
    });

    /// <summary>Takes requests and never answers, until the caller hangs up.</summary>
    public void Hang(string path) => On(path, async (http, _) =>
    {
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            http.Abort();
        }
    });

    /// <summary>Answers 200 and a body that does not end until the caller hangs up.</summary>
    public void Flood(string path) => On(path, async (http, _) =>
    {
        var block = new byte[16 * 1024];
        Array.Fill(block, (byte)'x');
        try
        {
            while (!http.RequestAborted.IsCancellationRequested) await http.Response.Body.WriteAsync(block, http.RequestAborted);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            http.Abort();
        }
    });

    /// <summary>Waits for one more arrival than were waited for before.</summary>
    public async Task ArrivalAsync() =>
        Assert.True(await _arrivals.WaitAsync(TimeSpan.FromMinutes(1)), "Nothing arrived.");

    /// <summary>What arrived at a path.</summary>
    public IReadOnlyList<ReceivedWebhook> At(string path) => [.. _received.Where(r => r.Path == path)];

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _arrivals.Dispose();
    }

    /// <summary>A certificate for 127.0.0.1 that its holder may trust.</summary>
    public static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    private async Task HandleAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var received = new ReceivedWebhook(http.Request.Path, http.Request.Headers.ToDictionary(h => h.Key.ToLowerInvariant(),
            h => h.Value.ToString()), await reader.ReadToEndAsync(http.RequestAborted), http.Connection.Id, http.Request.Protocol);
        _received.Enqueue(received);
        _arrivals.Release();
        if (_behaviours.TryGetValue(received.Path, out var behaviour)) await behaviour(http, received);
    }
}
