using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Api.Http;
using PostMantis.Api.Sandbox;
using PostMantis.Api.Workers;
using PostMantis.Core;
using PostMantis.Core.Persistence;
using PostMantis.ServiceDefaults;
using PostMantis.Web;

namespace PostMantis.Api;

/// <summary>Puts the one process together, for Program and for tests alike.</summary>
internal static class PostMantisApp
{
    /// <summary>The whole application; <paramref name="configure"/> comes last, so that it has the final word.</summary>
    /// <param name="serves">False for commands, which need less configuration than serving does.</param>
    /// <param name="joins">False: it keeps out of the company of other processes, for whoever moves the clock by hand.</param>
    public static WebApplication Build(
        string[] args, Action<WebApplicationBuilder>? configure = null, bool serves = true, bool joins = true)
    {
        // From build output, static assets answer with 0 bytes unless their manifest is loaded; a published app has
        // them beside itself and must not depend on the folder it is started in.
        var published = Directory.Exists(Path.Combine(AppContext.BaseDirectory, "wwwroot"));
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args,
            ApplicationName = typeof(PostMantisApp).Assembly.GetName().Name,
            ContentRootPath = published ? AppContext.BaseDirectory : null,
        });
        if (!published) builder.WebHost.UseStaticWebAssets();

        builder.AddServiceDefaults();
        configure?.Invoke(builder);
        builder.AddPostMantisDatabase();
        builder.Services.AddPostMantisCore(builder.Configuration);
        builder.Services.AddPostMantisApi();
        builder.Services.AddOptions<SandboxOptions>().BindConfiguration(SandboxOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();

        // Before the workers, so that it outlives them: what they still send when the process stops arrives.
        builder.Services.AddHostedService<SandboxHost>();
        builder.Services.AddProxies();
        builder.Services.AddAccessWorkers(builder.Configuration);
        builder.Services.AddPostMantisWorkers(builder.Configuration, joins);
        builder.Services.AddPostMantisWeb(builder.Configuration);

        // A form without its antiforgery token is a bad request in development too, not a fault of ours.
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = false);

        var app = builder.Build();
        if (!serves) return app;
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        app.UseProxies();
        app.UsePostMantisApi();
        app.UsePostMantisWeb();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseApiRateLimits();
        app.UseAntiforgery();
        app.MapPostMantisApi();
        app.MapPostMantisWeb();
        app.MapDefaultEndpoints();
        return app;
    }

    /// <summary>
    /// Brings the database up to date when <c>Database:MigrateOnStart</c> says so (as ./run does); refuses one that lost what
    /// this version uses.
    /// </summary>
    public static async Task PrepareSchemaAsync(this WebApplication app)
    {
        await using var scope = app.Services.CreateAsyncScope();
        var keeper = scope.ServiceProvider.GetRequiredService<SchemaKeeper>();
        if (app.Configuration.GetValue("Database:MigrateOnStart", false)) await keeper.MigrateAsync(contract: false, CancellationToken.None);
        else await keeper.RequireAsync(CancellationToken.None);
    }

    /// <summary>Serves until it is asked to stop, be that while it still starts.</summary>
    public static async Task ServeAsync(this WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // What has started by then is stopped as ever.
        }
        await app.WaitForShutdownAsync();
    }

    private static void AddPostMantisDatabase(this WebApplicationBuilder builder)
    {
        builder.Services.AddDbContextPool<PostMantisDb>((services, options) =>
            options.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()).UsePostMantis());
        builder.Services.AddHealthChecks().AddDbContextCheck<PostMantisDb>();
        builder.Services.AddSingleton<MigrationsHealthCheck>();
        builder.Services.AddHealthChecks().AddCheck<MigrationsHealthCheck>("migrations");

        // Hand-written SQL and the context share one pool.
        builder.Services.AddSingleton(services => PersistenceSetup.Open(PersistenceSetup.Prepare(
            services.GetRequiredService<IConfiguration>().GetConnectionString(PersistenceSetup.ConnectionName))
            ?? throw new InvalidOperationException(
                $"No database: set ConnectionStrings__{PersistenceSetup.ConnectionName}, or start with ./run.")));
        builder.Services.AddSingleton(services => new DirectSource(
            PersistenceSetup.Prepare(services.GetRequiredService<IConfiguration>().GetConnectionString(PersistenceSetup.DirectName))
                is { } direct ? PersistenceSetup.Open(direct) : services.GetRequiredService<NpgsqlDataSource>()));
    }
}
