using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using PostMantis.AppHost;

var builder = DistributedApplication.CreateBuilder(new DistributedApplicationOptions
{
    Args = args,
    DashboardApplicationName = "PostMantis",
});

// Of the Aspire dashboard's own requests, and the keys of its sign-in, nobody wants to read.
builder.Configuration["Logging:LogLevel:Microsoft.AspNetCore"] ??= "Warning";
builder.Configuration["Logging:LogLevel:Microsoft.AspNetCore.DataProtection"] ??= "Error";

// ./run says which Postgres: a container, or local binaries where no container engine answers.
var runs = builder.ExecutionContext.IsRunMode;
var givenDatabase = builder.Configuration["ConnectionStrings:postmantis"];
var localDatabase = runs && string.IsNullOrEmpty(givenDatabase)
    && Environment.GetEnvironmentVariable("POSTMANTIS_POSTGRES") == "local";

// On this machine both ways of starting share their secrets, so each opens what the other sealed. A published
// model generates its own.
if (runs)
{
    builder.Configuration["Parameters:vault-master-key"] ??= LocalFolder.MasterKey;
    builder.Configuration["Parameters:setup-token"] ??= LocalFolder.SetupToken;
}
var secret = new GenerateParameterDefault { MinLength = 44, Special = false };
var masterKey = builder.AddParameter("vault-master-key", secret, secret: true, persist: true);
var setupToken = builder.AddParameter("setup-token", secret, secret: true, persist: true);

IResourceBuilder<IResourceWithConnectionString> database = string.IsNullOrEmpty(givenDatabase) && !localDatabase
    ? builder.AddPostgres("postgres").WithDataVolume("postmantis-postgres").AddDatabase("postmantis")
    : builder.AddConnectionString("postmantis");

var api = builder.AddProject<Projects.PostMantis_Api>("api")
    .WithReferenceEnvironment(ReferenceEnvironmentInjectionFlags.ConnectionString)
    .WithReference(database)
    .WaitFor(database)
    .WithHttpHealthCheck("/health")
    .WithExternalHttpEndpoints()
    .WithoutHttpsCertificate()
    .WithUrlForEndpoint("http", url => url.DisplayText = "Dashboard")
    .WithUrlForEndpoint("http", _ => new() { Url = "/scalar", DisplayText = "API reference" })
    .WithUrlForEndpoint("http", _ => new() { Url = "/health", DisplayText = "Health" })
    .WithUrlForEndpoint("http", _ => new() { Url = "/metrics", DisplayText = "Metrics" })
    .WithOtlpExporter()
    .WithEnvironment("Vault__MasterKeys__0__Id", "local")
    .WithEnvironment("Vault__MasterKeys__0__Value", masterKey)
    .WithEnvironment("SetupToken", setupToken);
if (runs)
{
    // The same stable ports and the sandbox network as without Aspire.
    var dashboard = builder.Configuration["ASPNETCORE_URLS"]?.Split(';')[0];
    var signIn = $"{dashboard}/login?t={builder.Configuration["AppHost:BrowserToken"]}";
    api.WithEnvironment("DataDirectory", LocalFolder.Path)
        .WithEnvironment("Database__MigrateOnStart", "true")
        .WithEnvironment("AspireDashboardUrl", dashboard)
        .WithEnvironment("PublicUrl", builder.Configuration["PublicUrl"] ?? LocalAddresses.Url)
        .WithEnvironment("Sandbox__Hosted", "true")
        .WithEnvironment("Sandbox__Url", LocalAddresses.SandboxUrl)
        .WithEnvironment("Providers__Sandbox__BaseUrl", LocalAddresses.SandboxUrl)
        .OnResourceReady(async (_, _, ct) =>
            await LocalAddresses.PrintAsync((await database.Resource.GetConnectionStringAsync(ct))!, signIn, ct))
        .OnResourceStopped((_, stopped, _) =>
        {
            var host = stopped.Services.GetRequiredService<IHostApplicationLifetime>();
            if (!host.ApplicationStopping.IsCancellationRequested) Console.WriteLine($"The Api has ended; its last lines are at {signIn}");
            return Task.CompletedTask;
        });
    builder.Services.AddHostedService<StopApiFirst>();

    // Nothing of ours is left when this process has ended.
    builder.Configuration["DcpPublisher:WaitForResourceCleanup"] ??= "true";
}

LocalPostgres? postgres = null;
try
{
    await using var app = builder.Build();
    if (runs) LocalAddresses.RequireFree();
    if (localDatabase)
    {
        postgres = await LocalPostgres.StartAsync(CancellationToken.None);
        builder.Configuration["ConnectionStrings:postmantis"] = postgres.ConnectionString;
    }
    await app.RunAsync();
    return 0;
}
catch (LocalStartException error)
{
    await Console.Error.WriteLineAsync($"postmantis: {error.Message}");
    return 1;
}
finally
{
    if (postgres is not null) await postgres.StopAsync();
    if (runs) Console.WriteLine("Stopped.");
}
