using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace PostMantis.ServiceDefaults;

/// <summary>What every process of ours does the same way: telemetry, health, service discovery, HTTP clients.</summary>
public static class Extensions
{
    private const string AlivePath = "/alive";
    private const string HealthPath = "/health";
    private const string MetricsPath = "/metrics";
    private const string LiveTag = "live";

    // A source or meter is heard when its name begins so; rooms declare theirs without a word here.
    private const string OwnTelemetry = "PostMantis.*";
    private const string DatabaseTelemetry = "Npgsql";

    // Sets of tags an instrument has room for, laid out ahead: the default of 2,000 for each costs an idle process ten
    // mebibytes. Ours have at most a hundred; only requests, by route and status, and calls, by host, have more.
    private const int MostTagSets = 400;
    private const string HttpInstruments = "http.";

    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder)
        where TBuilder : IHostApplicationBuilder
    {
        builder.AddTelemetry();
        builder.Services.AddHealthChecks().AddCheck("process", () => HealthCheckResult.Healthy(), [LiveTag]);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(client =>
        {
            client.UseSocketsHttpHandler((handler, _) =>
            {
                // A 307 or 308 would send a write again, to an address nobody checked.
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                handler.ConnectTimeout = TimeSpan.FromSeconds(10);
                handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);
            });
            client.AddServiceDiscovery();

            // What is hidden in a line of theirs is in the clear in its parts, which exporters and JSON lines tell: tokens.
            client.RemoveAllLoggers();
            client.AddHttpMessageHandler(() => new SendWritesOnceHandler());
        });
        return builder;
    }

    /// <summary>
    /// Maps liveness, readiness and metrics. Details of health and the metrics themselves are for this machine
    /// or the port named by <c>Management:Port</c>; everyone else learns only whether we are ready.
    /// </summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthChecks(AlivePath, new HealthCheckOptions { Predicate = check => check.Tags.Contains(LiveTag) })
            .AllowAnonymous().DisableHttpMetrics().Untold();
        app.MapHealthChecks(HealthPath, new HealthCheckOptions { ResponseWriter = WriteHealthAsync })
            .AllowAnonymous().DisableHttpMetrics().Untold();
        var metrics = app.MapPrometheusScrapingEndpoint(MetricsPath).AllowAnonymous().DisableHttpMetrics().Untold();
        metrics.Add(endpoint =>
        {
            var scrape = ((RouteEndpointBuilder)endpoint).RequestDelegate!;
            endpoint.RequestDelegate = context =>
            {
                if (IsForOperators(context)) return scrape(context);
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            };
        });
        return app;
    }

    // Asked every few seconds for ever; the request is filtered, and what it asks of the database goes with it.
    private static IEndpointConventionBuilder Untold(this IEndpointConventionBuilder probe)
    {
        probe.Add(endpoint =>
        {
            var ask = ((RouteEndpointBuilder)endpoint).RequestDelegate!;
            endpoint.RequestDelegate = async context =>
            {
                using var untold = SuppressInstrumentationScope.Begin();
                await ask(context);
            };
        });
        return probe;
    }

    private static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        // Request lines carry query strings, and a consent callback's query carries a code.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);

        // Every statement is a span already; as log lines they drown the rest.
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);
        // A line for every request, statement and call says nothing that the traces do not, and costs more.
        foreach (var category in (string[])["Microsoft.AspNetCore", "Microsoft.EntityFrameworkCore"])
            builder.Logging.AddFilter(category, LogLevel.Warning);
        DistributedContextPropagator.Current = new TraceOnlyPropagator();
        builder.Services.AddSingleton(DistributedContextPropagator.Current);
        Sdk.SetDefaultTextMapPropagator(new TraceContextPropagator());
        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource =>
            {
                if (string.IsNullOrEmpty(builder.Configuration["OTEL_SERVICE_NAME"]))
                    resource.AddService(builder.Environment.ApplicationName);
            })
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter(OwnTelemetry, DatabaseTelemetry)
                .AddView(instrument => instrument.Name.StartsWith(HttpInstruments, StringComparison.Ordinal)
                    ? null
                    : new MetricStreamConfiguration { CardinalityLimit = MostTagSets })
                .SetExemplarFilter(ExemplarFilterType.TraceBased)
                .AddPrometheusExporter())
            .WithTracing(tracing => tracing
                .AddAspNetCoreInstrumentation(options =>
                {
                    options.Filter = context => !IsProbe(context.Request.Path);

                    // Pages would begin traces of their own, apart from their requests, and every redirect would be an error.
                    options.EnableRazorComponentsSupport = false;
                })
                .AddHttpClientInstrumentation()
                .AddSource(OwnTelemetry, DatabaseTelemetry));
        if (!string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"])) telemetry.UseOtlpExporter();

        // With nobody to tell, traces are only carried on: ids stay, and a caller's decision goes along.
        else telemetry.WithTracing(tracing => tracing.SetSampler(new ParentBasedSampler(new AlwaysOffSampler())));
    }

    private static bool IsProbe(PathString path) => path == AlivePath || path == HealthPath || path == MetricsPath;

    private static Task WriteHealthAsync(HttpContext context, HealthReport report)
    {
        if (!IsForOperators(context)) return context.Response.WriteAsync(report.Status.ToString());
        return context.Response.WriteAsJsonAsync(new
        {
            status = report.Status.ToString(),
            durationMs = report.TotalDuration.TotalMilliseconds,
            // The exception stays in the log: its text may hold an address or a name.
            checks = report.Entries.ToDictionary(entry => entry.Key, entry => new
            {
                status = entry.Value.Status.ToString(),
                description = entry.Value.Description,
                data = entry.Value.Data,
            }),
        });
    }

    private static bool IsForOperators(HttpContext context)
    {
        var configuration = context.RequestServices.GetRequiredService<IConfiguration>();
        if (configuration.GetValue<int?>("Management:Port") == context.Connection.LocalPort) return true;

        // A reverse proxy on this machine is local too, and speaks for strangers.
        var headers = context.Request.Headers;
        return context.Connection.RemoteIpAddress is { } remote && System.Net.IPAddress.IsLoopback(remote)
            && !headers.ContainsKey("X-Forwarded-For") && !headers.ContainsKey("Forwarded");
    }
}
