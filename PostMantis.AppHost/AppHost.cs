using PostMantis.AppHost;

// ./run says which Postgres: a container, or local binaries where no container engine answers.
var builder = DistributedApplication.CreateBuilder(args);
var runs = builder.ExecutionContext.IsRunMode;
var givenDatabase = builder.Configuration["ConnectionStrings:postmantis"];
var localDatabase = runs && Environment.GetEnvironmentVariable("POSTMANTIS_POSTGRES") == "local";

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

LocalPostgres? postgres = null;
if (localDatabase && string.IsNullOrEmpty(givenDatabase))
{
    postgres = await LocalPostgres.StartAsync(CancellationToken.None);
    builder.Configuration["ConnectionStrings:postmantis"] = givenDatabase = postgres.ConnectionString;
}

IResourceBuilder<IResourceWithConnectionString> database = string.IsNullOrEmpty(givenDatabase)
    ? builder.AddPostgres("postgres").WithDataVolume("postmantis-postgres").AddDatabase("postmantis")
    : builder.AddConnectionString("postmantis");

var api = builder.AddProject<Projects.PostMantis_Api>("api")
    .WithReferenceEnvironment(ReferenceEnvironmentInjectionFlags.ConnectionString)
    .WithReference(database)
    .WaitFor(database)
    .WithHttpHealthCheck("/health")
    .WithExternalHttpEndpoints()
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
    const string url = "http://127.0.0.1:5080", sandboxUrl = "http://127.0.0.1:5081";
    api.WithEnvironment("DataDirectory", LocalFolder.Path)
        .WithEnvironment("Database__MigrateOnStart", "true")
        .WithEnvironment("PublicUrl", builder.Configuration["PublicUrl"] ?? url)
        .WithEnvironment("Sandbox__Hosted", "true")
        .WithEnvironment("Sandbox__Url", sandboxUrl)
        .WithEnvironment("Providers__Sandbox__BaseUrl", sandboxUrl);
    Console.WriteLine($"""
        Dashboard     {url}
        API           {url}/api/v1  (described at {url}/scalar)
        Sandbox feed  {sandboxUrl}
        First start   {url}/setup  (set-up token {builder.Configuration["Parameters:setup-token"]})
        """);
}

try
{
    await builder.Build().RunAsync();
}
finally
{
    if (postgres is not null) await postgres.StopAsync();
}
