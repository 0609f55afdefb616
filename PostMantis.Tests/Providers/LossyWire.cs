using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace PostMantis.Tests.Providers;

/// <summary>Stands before a server and passes everything on, but for what it is told to lose.</summary>
internal sealed class LossyWire : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _server;
    private string? _loseCall;
    private string? _loseAnswer;

    private LossyWire(WebApplication app, HttpClient server) => (_app, _server) = (app, server);

    public Uri Address => new(_app.Urls.First());

    public static async Task<LossyWire> StartAsync(Uri server)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var wire = new LossyWire(builder.Build(), new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = server });
        wire._app.Run(wire.PassAsync);
        await wire._app.StartAsync();
        return wire;
    }

    /// <summary>The next call whose path holds <paramref name="path"/> never reaches the server.</summary>
    public void LoseNextCallOf(string path) => _loseCall = path;

    /// <summary>The next call whose path holds <paramref name="path"/> is done, and nobody is told.</summary>
    public void LoseNextAnswerOf(string path) => _loseAnswer = path;

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _server.Dispose();
    }

    private async Task PassAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        if (Takes(ref _loseCall, path))
        {
            context.Abort();
            return;
        }
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), path + context.Request.QueryString);
        if (context.Request.ContentLength is > 0 || context.Request.Headers.TransferEncoding.Count > 0)
            request.Content = new StreamContent(context.Request.Body);
        foreach (var (name, values) in context.Request.Headers)
            if (name is not ("Host" or "Connection" or "Transfer-Encoding") && !request.Headers.TryAddWithoutValidation(name, (string?)values))
                request.Content?.Headers.TryAddWithoutValidation(name, (string?)values);
        using var answer = await _server.SendAsync(request, context.RequestAborted);
        var body = await answer.Content.ReadAsByteArrayAsync(context.RequestAborted);
        if (Takes(ref _loseAnswer, path))
        {
            context.Abort();
            return;
        }
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers))
            if (name is not ("Transfer-Encoding" or "Connection" or "Content-Length")) context.Response.Headers[name] = values.ToArray();
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static bool Takes(ref string? wanted, string path)
    {
        if (wanted is null || !path.Contains(wanted, StringComparison.Ordinal)) return false;
        wanted = null;
        return true;
    }
}
