using System.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Api;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>
/// What is measured: a durable Postgres, the sandbox network and the Api, each a process of its own on this machine, and
/// people with connected pages and a key. The stage prepares in this process; the Api does the work.
/// </summary>
internal sealed class Stage : IAsyncDisposable
{
    private const string Database = "postmantis";
    private const int People = 32;
    private static readonly string[] _pages = ["lab-idempotent", "lab-probe", "lab-read-back", "lab-none"];
    private readonly TemporaryPostgres _postgres;
    private readonly WebApplication _tools;
    private readonly ApiServer _sandbox;

    private readonly IReadOnlyDictionary<string, string?> _settings;

    private Stage(TemporaryPostgres postgres, WebApplication tools, ApiServer sandbox, ApiServer api,
        IReadOnlyList<Participant> participants, IReadOnlyDictionary<string, string?> settings)
    {
        (_postgres, _tools, _sandbox, Api, Participants) = (postgres, tools, sandbox, api, participants);
        _settings = settings;
        Source = tools.Services.GetRequiredService<NpgsqlDataSource>();
    }

    /// <summary>Somebody with pages and a key.</summary>
    internal sealed record Participant(Caller Caller, string Key, IReadOnlyList<Profile> Pages);

    public ApiServer Api { get; }

    public NpgsqlDataSource Source { get; }

    public IReadOnlyList<Participant> Participants { get; }

    public IServiceProvider Tools => _tools.Services;

    /// <summary>Everything the application routes.</summary>
    public IEnumerable<EndpointDataSource> Endpoints => ((IEndpointRouteBuilder)_tools).DataSources;

    public static async Task<Stage> StartAsync(IReadOnlyDictionary<string, string?>? more = null)
    {
        var postgres = await TemporaryPostgres.StartAsync(durable: true);
        await postgres.ExecuteAsync($"CREATE DATABASE {Database}");
        var connectionString = postgres.ConnectionString(Database);
        var sandbox = await ApiServer.StartAsync(connectionString,
            new Dictionary<string, string?> { ["Sandbox:AccessTokenLifetime"] = "1.00:00:00" }, "sandbox");
        var settings = new Dictionary<string, string?>
        {
            ["Providers:Sandbox:BaseUrl"] = sandbox.Address.AbsoluteUri,
            ["Vault:MasterKeys:0:Id"] = "bench",
            ["Vault:MasterKeys:0:Value"] = Convert.ToBase64String(new byte[32]),
            ["Api:RateLimits:Read"] = "10000000",
            ["Api:RateLimits:Write"] = "10000000",
        };
        foreach (var (name, value) in more ?? new Dictionary<string, string?>()) settings[name] = value;
        var tools = PostMantisApp.Build(["--environment", "Development"], builder =>
        {
            builder.Configuration.AddInMemoryCollection(settings);
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["ConnectionStrings:postmantis"] = connectionString,
                ["Workers:Enabled"] = "false",
                ["Sandbox:Hosted"] = "false",
            });
            builder.Logging.ClearProviders();
        });
        await using (var scope = tools.Services.CreateAsyncScope())
            await scope.ServiceProvider.GetRequiredService<SchemaKeeper>().MigrateAsync(contract: false, default);
        List<Participant> participants = [];
        for (var i = 0; i < People; i++) participants.Add(await JoinAsync(tools.Services, sandbox));
        var api = await ApiServer.StartAsync(connectionString, settings);
        return new Stage(postgres, tools, sandbox, api, participants, settings);
    }

    /// <summary>A further process of the same instance.</summary>
    public Task<ApiServer> StartAnotherAsync() => ApiServer.StartAsync(_postgres.ConnectionString(Database), _settings);

    /// <summary>Brings statistics up to date and the log to disk, so that one measurement does not pay for another.</summary>
    public async Task RestAsync()
    {
        await using var command = Source.CreateCommand("ANALYZE; CHECKPOINT");
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Bytes of every table of ours with its indexes, partitions under the name of their table.</summary>
    public async Task<IReadOnlyDictionary<string, long>> SizesAsync()
    {
        await using var command = Source.CreateCommand("""
            SELECT coalesce(pg_partition_root(c.oid), c.oid)::regclass::text, sum(pg_total_relation_size(c.oid))::bigint
            FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1
            """);
        await using var rows = await command.ExecuteReaderAsync();
        Dictionary<string, long> sizes = [];
        while (await rows.ReadAsync()) sizes[rows.GetString(0)] = rows.GetInt64(1);
        return sizes;
    }

    public async Task<IReadOnlyList<double>> NumbersAsync(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        await using var rows = await command.ExecuteReaderAsync();
        List<double> numbers = [];
        while (await rows.ReadAsync()) numbers.Add(rows.GetDouble(0));
        return numbers;
    }

    public async ValueTask DisposeAsync()
    {
        await Api.StopAsync();
        await Api.DisposeAsync();
        await _sandbox.DisposeAsync();
        await _tools.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    private static async Task<Participant> JoinAsync(IServiceProvider services, ApiServer sandbox)
    {
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        var now = TimeProvider.System.GetUtcNow();
        var id = Ids.New(now);
        var email = $"{id:N}@example.com";
        db.Users.Add(new User
        {
            Id = id,
            UserName = email,
            NormalizedUserName = email.ToUpperInvariant(),
            Email = email,
            NormalizedEmail = email.ToUpperInvariant(),
            SecurityStamp = Ids.New(now).ToString("N"),
            CreatedAt = now,
        });
        await db.SaveChangesAsync();
        var caller = Caller.Person(id, "127.0.0.1");
        var sessions = scope.ServiceProvider.GetRequiredService<ConnectionSessions>();
        var started = await sessions.StartAsync(caller, ProviderCatalog.SandboxId, default);
        var session = await sessions.CallbackAsync(caller, ProviderCatalog.SandboxId,
            new ConsentReturn(HttpUtility.ParseQueryString(started.AuthorizeUrl.Query)["state"],
                await ConsentAsync(sandbox, started.AuthorizeUrl)), default);
        await sessions.ChooseAsync(caller, session.Id, _pages, default);
        var pages = await db.Profiles.AsNoTracking().Where(p => p.UserId == id).ToListAsync();
        var key = await scope.ServiceProvider.GetRequiredService<ApiKeys>().CreateAsync(caller,
            new NewApiKey("bench", Permission.Publish, TestMode: true, [], [], [], [], null, KeyRules.None), default);
        return new Participant(caller, key.Text, pages);
    }

    // A person says yes in the browser.
    private static async Task<string> ConsentAsync(ApiServer sandbox, Uri authorizeUrl)
    {
        var asked = HttpUtility.ParseQueryString(authorizeUrl.Query);
        var fields = asked.AllKeys.ToDictionary(name => name!, name => asked[name]!);
        (fields["account"], fields["decision"]) = ("lab", "allow");
        using var form = new FormUrlEncodedContent(fields);
        using var answer = await sandbox.Client.PostAsync(new Uri("/oauth/authorize", UriKind.Relative), form);
        return HttpUtility.ParseQueryString(answer.Headers.Location!.Query)["code"]!;
    }
}
