using System.Globalization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace PostMantis.Simulators.Bones;

/// <summary>One network on a port of its own.</summary>
internal sealed class SimulatorHost : IAsyncDisposable
{
    private const long LargestBody = 1L << 30;
    private readonly WebApplication _app;

    private SimulatorHost(WebApplication app, INetwork network) => (_app, Network) = (app, network);

    public INetwork Network { get; }

    public Simulation Sim => Network.Sim;

    /// <summary>Where it listens, without a slash at the end.</summary>
    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>Starts a network by name, on a free port when the port is 0.</summary>
    public static async Task<SimulatorHost> StartAsync(string name, TimeProvider time, int port = 0)
    {
        var network = Networks.Create(name, time);
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { EnvironmentName = Environments.Development });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}")
            .ConfigureKestrel(server => server.Limits.MaxRequestBodySize = LargestBody);
        builder.Services.Configure<Microsoft.AspNetCore.Http.Features.FormOptions>(form =>
            form.MultipartBodyLengthLimit = LargestBody);
        var app = builder.Build();
        app.Use(async (context, next) =>
        {
            await network.SettleAsync();
            context.Response.OnStarting(() =>
            {
                context.Response.Headers.Date = network.Sim.Now.ToString("R", CultureInfo.InvariantCulture);
                return Task.CompletedTask;
            });
            await SpoilAsync(network.Sim, context, next);
        });
        ControlEndpoints.Map(app, network);
        network.Map(app);
        await app.StartAsync();
        return new SimulatorHost(app, network);
    }

    public async Task<IReadOnlyList<Published>> JournalAsync()
    {
        await Network.SettleAsync();
        return Sim.Journal.Read();
    }

    public Task WaitAsync(CancellationToken ct) => _app.WaitForShutdownAsync(ct);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(true));
        await _app.DisposeAsync();
    }

    private static async Task SpoilAsync(Simulation sim, HttpContext context, RequestDelegate next)
    {
        var fault = context.Request.Path.StartsWithSegments("/_sim", StringComparison.Ordinal)
            ? null : sim.Faults.Take(context.Request);
        if (fault is null)
        {
            await next(context);
            return;
        }
        if (fault.DelaySeconds is { } delay)
        {
            await sim.Faults.HoldAsync(TimeSpan.FromSeconds(delay), sim.Time, context.RequestAborted);
            await next(context);
            return;
        }
        if (fault.After)
        {
            var answer = context.Response.Body;
            context.Response.Body = new MemoryStream();
            await next(context);
            context.Response.Body = answer;
            if (fault.Status != 0) context.Response.Clear();
        }
        if (fault.Status == 0)
        {
            context.Abort();
            return;
        }
        context.Response.StatusCode = fault.Status;
        context.Response.ContentType = fault.ContentType;
        foreach (var (name, value) in fault.Headers) context.Response.Headers[name] = value;
        await context.Response.WriteAsync(fault.Body);
    }
}
