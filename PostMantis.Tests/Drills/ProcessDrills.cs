using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Persistence;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Drills;

/// <summary>What an operator does to a running instance, under load. Run by <c>ops/drill</c> or <c>./test --full</c>.</summary>
[Collection(DrillsAlone.Name)]
public sealed class ProcessDrills(PostgresServer postgres, ITestOutputHelper output)
{
    [Fact]
    public async Task A_rolling_deploy_with_a_migration_loses_and_doubles_nothing()
    {
        Assert.SkipUnless(Drill.IsAsked, "A drill: ops/drill deploy, or ./test --full.");
        var database = await postgres.CreateDatabaseAsync();
        await using var drill = await Drill.StartAsync("deploy", database, world => world.StartReplicaAsync());
        drill.Load();
        await drill.FlowingAsync();
        await Drill.PassAsync(5);

        // The old version goes on while the schema becomes that of the new one, then each process makes way.
        var struck = TimeProvider.System.GetUtcNow();
        var options = new DbContextOptionsBuilder<PostMantisDb>();
        options.UsePostMantis(database);
        RollingSchemaTests.PlantExpanding(options);
        await using (var db = new PostMantisDb(options.Options))
            Assert.NotEmpty((await new SchemaKeeper(db).MigrateAsync(contract: false, default)).Applied);
        for (var i = 0; i < Drill.Replicas; i++)
        {
            await drill.Fleet.EndAsync(i, gently: true);
            await drill.Fleet.StartAsync(i);
        }
        await Drill.PassAsync(5);
        var pause = await drill.LongestPauseAsync(struck);
        await drill.StopLoadAsync();
        await (await drill.JudgeAsync()).PassAsync(output, "column and index added, both processes replaced", pause, Drill.Pause);
    }

    [Fact]
    public async Task A_master_key_is_rotated_while_everything_runs()
    {
        Assert.SkipUnless(Drill.IsAsked, "A drill: ops/drill keys, or ./test --full.");
        var folder = Directory.CreateTempSubdirectory("postmantis-keys-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "test.key"), Convert.ToBase64String(new byte[32]));
            var database = await postgres.CreateDatabaseAsync();
            await using var drill = await Drill.StartAsync("keys", database, world => world.StartReplicaAsync(
                settings: new Dictionary<string, string?>
                {
                    ["Vault:MasterKeys:0:Id"] = null,
                    ["Vault:MasterKeys:0:Value"] = null,
                    ["Vault:KeyDirectory"] = folder,
                    ["Vault:ResealEvery"] = "00:00:10",
                }));
            drill.Load();
            await drill.FlowingAsync();
            await Drill.PassAsync(5);
            var environment = new Dictionary<string, string>
            {
                ["ConnectionStrings__postmantis"] = database,
                ["PublicUrl"] = "https://social.example.com",
                ["Vault__KeyDirectory"] = folder,
            };
            var struck = TimeProvider.System.GetUtcNow();
            var (code, said, errors) = await ApiProcess.RunAsync(["keys", "rotate"], environment);
            Assert.True(code == 0, said + errors);

            // After the next pass of each process nothing is under the old key, and its file can go.
            await Drill.PassAsync(11);
            (code, said, errors) = await ApiProcess.RunAsync(["keys", "check", "--json"], environment);
            Assert.True(code == 0, said + errors);
            Assert.Equal(["test"], JsonNode.Parse(said)!["unusedKeyIds"]!.AsArray().Select(id => (string)id!));
            File.Delete(Path.Combine(folder, "test.key"));
            await drill.Fleet.EndAsync(0, gently: true);
            await drill.Fleet.StartAsync(0);
            await Drill.PassAsync(3);
            var pause = await drill.LongestPauseAsync(struck);
            await drill.StopLoadAsync();
            await (await drill.JudgeAsync()).PassAsync(output, "master key rotated, the old one taken away", pause, Drill.Pause);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
