using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Outbound;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Media;

/// <summary>Imports by URL, from a server of the test's own, through the guarded client.</summary>
public sealed class ImportTests : IAsyncLifetime
{
    private const string Name = "files.trap.net";
    private readonly HostileNames _names = new();
    private WebApplication _files = null!;
    private Uri _at = null!;
    private MediaWorld _world = null!;
    private readonly SemaphoreSlim _drips = new(0);
    private int _asked;

    public async ValueTask InitializeAsync()
    {
        var port = PostgresServer.FreePort();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        _files = builder.Build();
        _files.MapGet("/card.png", () =>
        {
            _asked++;
            return Results.Bytes(MediaWorld.Png, "text/html");
        });
        _files.MapGet("/moved", () => Results.Redirect("/card.png"));
        _files.MapGet("/inside", () => Results.Redirect("http://169.254.169.254/latest/meta-data/"));
        _files.MapGet("/round", () => Results.Redirect("/round"));
        _files.MapGet("/endless", async (HttpContext http) =>
        {
            var block = new byte[64 * 1024];
            while (!http.RequestAborted.IsCancellationRequested) await http.Response.Body.WriteAsync(block);
        });
        _files.MapGet("/drip", async (HttpContext http) =>
        {
            http.Response.ContentLength = MediaWorld.Png.Length;
            await http.Response.Body.WriteAsync(MediaWorld.Png.AsMemory(0, 20));
            await http.Response.Body.FlushAsync();
            _drips.Release();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted);
        });
        _files.MapGet("/gone", () => Results.NotFound());
        _files.MapGet("/sick", () => Results.StatusCode(503));
        await _files.StartAsync();
        _at = new Uri($"http://{Name}:{port}/");
        _names.Answers[Name] = [_ => IPAddress.Loopback];
        _world = await MediaWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Outbound:AllowedRanges:0"] = "127.0.0.1/32",
            ["Media:MaxBytes"] = "1000000",
        }, builder => builder.Services.AddSingleton<INameResolver>(_names));
    }

    public async ValueTask DisposeAsync()
    {
        await _world.DisposeAsync();
        await _files.DisposeAsync();
    }

    [Theory]
    [InlineData("card.png")]
    [InlineData("moved")]
    public async Task An_import_fetches_and_verifies_by_content(string path)
    {
        var started = await StartAsync(new Uri(_at, path));
        Assert.Equal((202, "importing"), (started.Status, (string)started.Data["status"]!));
        Assert.Equal(1, await _world.RunImportsAsync());
        var artifact = (await _world.Api.GetAsync($"/uploads/{started.Data["id"]}")).Data;
        Assert.Equal(("verified", "image/png"), ((string)artifact["status"]!, (string)artifact["mimeType"]!));
        Assert.Equal(MediaWorld.Png, await _world.Host.Client.GetByteArrayAsync(new Uri((string)artifact["url"]!)));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.WorkItems.CountAsync()));
        Assert.Null(await _world.Host.InDatabaseAsync(db => db.Artifacts.Select(a => a.SourceUrl).SingleAsync()));
    }

    [Theory]
    [InlineData("inside", "notAllowed")]
    [InlineData("round", "notAllowed")]
    [InlineData("endless", "fileTooLarge")]
    [InlineData("gone", "notReachable")]
    public async Task An_import_that_cannot_be_fails_with_its_reason_and_leaves_nothing(string path, string code)
    {
        var started = await StartAsync(new Uri(_at, path));
        Assert.Equal(1, await _world.RunImportsAsync());
        var artifact = (await _world.Api.GetAsync($"/uploads/{started.Data["id"]}")).Data;
        Assert.Equal(("failed", code), ((string)artifact["status"]!, (string)artifact["error"]!["code"]!));
        Assert.Empty(_world.Files());
    }

    [Fact]
    public async Task A_sick_server_is_asked_again_and_then_given_up()
    {
        var started = await StartAsync(new Uri(_at, "sick"));
        for (var tries = 1; tries < 4; tries++)
        {
            Assert.Equal(1, await _world.RunImportsAsync());
            Assert.Equal("importing", (string)(await _world.Api.GetAsync($"/uploads/{started.Data["id"]}")).Data["status"]!);
            _world.Host.Clock.Advance(TimeSpan.FromMinutes(1));
        }
        Assert.Equal(1, await _world.RunImportsAsync());
        Assert.Equal("failed", (string)(await _world.Api.GetAsync($"/uploads/{started.Data["id"]}")).Data["status"]!);
    }

    [Fact]
    public async Task A_server_that_never_ends_is_waited_for_as_long_as_an_import_may_take()
    {
        var started = await StartAsync(new Uri(_at, "drip"));
        for (var tries = 1; tries <= 4; tries++)
        {
            Assert.Equal("importing", (string)(await _world.Api.GetAsync($"/uploads/{started.Data["id"]}")).Data["status"]!);
            var run = _world.RunImportsAsync();
            await _drips.WaitAsync(TestContext.Current.CancellationToken);
            _world.Host.Clock.Advance(TimeSpan.FromMinutes(30));
            Assert.Equal(1, await run);
            _world.Host.Clock.Advance(TimeSpan.FromMinutes(1));
        }
        var artifact = (await _world.Api.GetAsync($"/uploads/{started.Data["id"]}")).Data;
        Assert.Equal(("failed", "notReachable", "It took too long to fetch."), ((string)artifact["status"]!,
            (string)artifact["error"]!["code"]!, (string)artifact["error"]!["message"]!));
        Assert.Empty(_world.Files());
    }

    [Fact]
    public async Task A_name_that_points_inside_once_it_was_asked_for_reaches_nothing()
    {
        // The first answer passes any check; the second, which a check of its own would not see, points inside.
        _names.Answers["rebind.trap.net"] = [_ => IPAddress.Parse("127.0.0.1"), _ => IPAddress.Parse("127.0.0.2")];
        var address = new UriBuilder(_at) { Host = "rebind.trap.net", Path = "/moved" }.Uri;
        var started = await StartAsync(address);
        await _world.RunImportsAsync();
        var artifact = (await _world.Api.GetAsync($"/uploads/{started.Data["id"]}")).Data;
        Assert.Equal(("failed", "notAllowed"), ((string)artifact["status"]!, (string)artifact["error"]!["code"]!));
        Assert.Equal(2, _names.Asked["rebind.trap.net"]);
        Assert.Equal(0, _asked);
    }

    private Task<ApiReply> StartAsync(Uri url) => _world.Api.PostAsync("/uploads", $$"""{"url": "{{url}}"}""");
}

/// <summary>A name server that says something else each time it is asked; the last answer stays.</summary>
internal sealed class HostileNames : INameResolver
{
    public Dictionary<string, Func<string, IPAddress>[]> Answers { get; } = [];

    public Dictionary<string, int> Asked { get; } = [];

    public Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken ct)
    {
        var n = Asked[host] = Asked.GetValueOrDefault(host) + 1;
        return Task.FromResult<IReadOnlyList<IPAddress>>(Answers.TryGetValue(host, out var answers)
            ? [answers[Math.Min(n, answers.Length) - 1](host)]
            : []);
    }
}
