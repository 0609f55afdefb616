using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Providers;
using PostMantis.Core.Vault;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Operations;

/// <summary>The verbs of an operator, each as a real process on a real database.</summary>
public sealed class VerbTests(PostgresServer postgres) : IDisposable
{
    private static readonly string _key = Convert.ToBase64String(Enumerable.Repeat((byte)5, 32).ToArray());
    private readonly string _folder = Directory.CreateTempSubdirectory("postmantis-verbs-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Migrate_brings_an_empty_database_to_this_version_and_check_says_how_it_stands()
    {
        var database = await postgres.CreateEmptyDatabaseAsync();
        var (code, output, _) = await RunAsync(database, "migrate", "--check");
        Assert.Equal(1, code);
        Assert.Contains("run 'migrate'", output, StringComparison.Ordinal);

        (code, output, _) = await RunAsync(database, "migrate", "--json");
        Assert.Equal(0, code);
        var change = JsonNode.Parse(output)!;
        Assert.Contains("Initial", (string)change["applied"]!.AsArray()[0]!, StringComparison.Ordinal);
        Assert.Empty(change["heldBack"]!.AsArray());

        (code, output, _) = await RunAsync(database, "migrate", "--check");
        Assert.Equal((0, "The database has what this version needs."), (code, output.Trim()));
    }

    [Fact]
    public async Task The_doctor_finds_nothing_wrong_with_a_well_instance_and_says_what_is_wrong_with_another()
    {
        await using var durable = await TemporaryPostgres.StartAsync(durable: true);
        await durable.ExecuteAsync("CREATE DATABASE well");
        await PostgresServer.MigrateAsync(durable.ConnectionString("well"));
        var (code, output, errors) = await RunAsync(durable.ConnectionString("well"), "doctor", "--json");
        Assert.True(code == 0, output + errors);
        var found = JsonNode.Parse(output)!;
        Assert.True((bool)found["isWell"]!);
        Assert.Equal(["configuration", "database", "migrations", "master keys", "clock", "publishing", "disk", "media store",
            "video", "time zones"], found["checks"]!.AsArray().Select(c => (string)c!["check"]!).Distinct());

        // The server of tests does not wait for its disk.
        (code, output, _) = await RunAsync(await postgres.CreateDatabaseAsync(), "doctor");
        Assert.Equal(1, code);
        Assert.Contains("WRONG    database       fsync is off", output, StringComparison.Ordinal);

        (code, output, errors) = await ApiProcess.RunAsync(["doctor"], new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = $"Host=127.0.0.1;Port={PostgresServer.FreePort()};Username=nobody;Database=none",
            ["PublicUrl"] = "http://social.example.com",
            ["DataDirectory"] = _folder,
        });
        Assert.Equal((1, ""), (code, errors));
        Assert.Contains("must be https", output, StringComparison.Ordinal);
        Assert.Contains("The vault has no master key", output, StringComparison.Ordinal);
        Assert.Contains("WRONG    database       The database does not answer", output, StringComparison.Ordinal);
        Assert.Contains("ok       time zones", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chain_of_audit_entries_that_does_not_hold_is_told_with_the_exit_code()
    {
        var database = await postgres.CreateDatabaseAsync();
        var (code, output, _) = await RunAsync(database, "audit", "verify");
        Assert.Equal((0, "0 chains, 0 broken, 0 erased."), (code, output.Trim()));

        Assert.Equal(0, (await RunAsync(database, "user", "create", "ben@example.com")).ExitCode);
        await using (var source = NpgsqlDataSource.Create(database))
        await using (var forged = source.CreateCommand("""
            INSERT INTO audit_seals (id, user_id, number, last_id, entries, previous, hash, seal, sealed_at)
            SELECT id, id, 1, id, 0, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), '\x01', now() FROM users
            """))
            await forged.ExecuteNonQueryAsync();
        (code, output, _) = await RunAsync(database, "audit", "verify");
        Assert.Equal(1, code);
        Assert.Contains("link 1 was not made by this instance", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rotated_key_is_opened_by_running_processes_at_once_and_the_old_one_can_go()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "first.key"), _key, TestContext.Current.CancellationToken);
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>
        {
            ["Vault:MasterKeys:0:Id"] = "first",
            ["Vault:MasterKeys:0:Value"] = _key,
        });
        var caller = await Seed.UserAsync(host);
        var profile = await Seed.ProfileAsync(host, caller);
        var place = Connection.SealedCredential.Of(profile.ConnectionId, caller.UserId);
        var running = Running();
        await host.InDatabaseAsync(db => db.Connections.ExecuteUpdateAsync(set => set.SetProperty(c => c.Credential,
            running.SealJson(place, new GrantTokens { AccessToken = "planted" }))));

        var (code, output, errors) = await RunAsync(host.ConnectionString, "keys", "rotate", "--json");
        Assert.True(code == 0, output + errors);
        var rotation = JsonNode.Parse(output)!;
        Assert.Equal(("first", true), ((string)rotation["oldKeyId"]!, (bool)rotation["isCurrent"]!));
        var fresh = (string)rotation["newKeyId"]!;
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, fresh + ".key")));

        // This one was started before the key existed.
        var envelope = await host.InDatabaseAsync(db => db.Connections.Select(c => c.Credential).SingleAsync());
        using (var opened = running.Open(place, envelope!))
            Assert.Contains("planted", opened.ReadText(), StringComparison.Ordinal);

        File.Delete(Path.Combine(_folder, "first.key"));
        (code, output, _) = await RunAsync(host.ConnectionString, "keys", "check", "--json");
        Assert.Equal(0, code);
        var uses = JsonNode.Parse(output)!["uses"]!.AsArray();
        Assert.NotEmpty(uses);
        Assert.All(uses, use => Assert.Equal(fresh, (string)use!["keyId"]!));

        File.Move(Path.Combine(_folder, fresh + ".key"), Path.Combine(_folder, "other.key"));
        (code, output, _) = await RunAsync(host.ConnectionString, "keys", "check");
        Assert.Equal(1, code);
        Assert.Contains("connections.credential: 1 under " + fresh + ", 1 of them DO NOT OPEN", output, StringComparison.Ordinal);
    }

    private SecretVault Running()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        return new SecretVault(new MasterKeys(Options.Create(new VaultOptions { KeyDirectory = _folder }),
            Options.Create(new InstanceOptions()), new HostingEnvironment { EnvironmentName = "Production" }),
            new VaultTelemetry(services.GetRequiredService<IMeterFactory>()));
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(string database, params string[] arguments)
    {
        var key = Path.Combine(_folder, "first.key");
        if (!Directory.EnumerateFiles(_folder, "*.key").Any()) File.WriteAllText(key, _key);
        return ApiProcess.RunAsync(arguments, new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = database,
            ["PublicUrl"] = "https://social.example.com",
            ["DataDirectory"] = Path.Combine(_folder, "data"),
            ["Vault__KeyDirectory"] = _folder,
        });
    }
}
