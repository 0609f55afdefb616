using System.IO.Compression;
using System.Net;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Privacy;
using PostMantis.Tests.Access;
using PostMantis.Tests.Support;
using PostMantis.Tests.Web;

namespace PostMantis.Tests.Privacy;

/// <summary>Everything of a person can be taken along and erased: shown by the catalog of the database, not by a list of ours.</summary>
public sealed class PrivacyTests
{
    private const string Mark = "zweiundvierzig";

    // They tell of no user; the tombstones of none any more.
    private static readonly HashSet<string> _impersonal =
        ["__EFMigrationsHistory", "audit_tombstones", "data_protection_keys", "instance_state", "workers"];

    [Fact]
    public async Task A_person_takes_everything_along_and_an_erased_one_leaves_no_trace()
    {
        var logs = new CapturedLogs();
        await using var world = await LivedInWorld.StartAsync(configure: builder => builder.Logging.AddProvider(logs));
        var ada = await world.LiveAsync("ada");
        var bob = await world.LiveAsync(Mark);
        await SecretsAsync(world.Host, bob);
        world.Host.Clock.Advance(TimeSpan.FromHours(1));
        await world.RunAsync();
        while (await world.Host.AskAsync<AuditChain, int>(chain => chain.SealOnceAsync(default)) > 0)
        {
        }
        await using var database = NpgsqlDataSource.Create(world.Host.ConnectionString);

        // Every table is known to be of a user or of none.
        var tables = await TablesAsync(database);
        Assert.Equal([.. PersonalTables.All.Select(t => t.Name).Concat(_impersonal).Order(StringComparer.Ordinal)],
            tables.Order(StringComparer.Ordinal));

        string[] traces = [Mark, bob.Person.UserId.ToString(), .. bob.Ids.Values.Select(id => id.ToString())];
        var before = await RowsWithAsync(database, tables, traces);
        foreach (var table in (string[])["users", "sessions", "posts", "deliveries", "attempts", "events", "event_numbers",
                     "webhook_endpoints", "webhook_messages", "webhook_attempts", "artifacts", "artifact_uses", "idempotency_keys",
                     "api_keys", "profiles", "brands", "connections", "connection_sessions", "audit_entries", "audit_seals", "audit_anchors",
                     "authenticators", "recovery_codes", "user_logins", "work_items"])
            Assert.True(before[table] > 0, $"nothing of the person is planted in {table}");
        var files = Directory.GetFiles(world.Folder, "*", SearchOption.AllDirectories);
        Assert.Contains(files, f => f.Contains(bob.Ids["artifact"].ToString("N"), StringComparison.Ordinal));

        await ExportAsync(bob, before);

        // Asked for, taken back, asked for again; a week later it is done.
        var adas = await RowsWithAsync(database, tables, [ada.Person.UserId.ToString()]);
        await SubmitAsync(bob, "erase", LivedInWorld.Password);
        Assert.Contains("This account is erased on", await TextAsync(bob, "/"), StringComparison.Ordinal);
        await SubmitAsync(bob, "keep", null);
        Assert.DoesNotContain("This account is erased on", await TextAsync(bob, "/"), StringComparison.Ordinal);
        await SubmitAsync(bob, "erase", LivedInWorld.Password);
        world.Host.Clock.Advance(TimeSpan.FromDays(6));
        Assert.Equal(0, await RoundAsync(world));
        Assert.Contains("This account is erased on", await TextAsync(await SignedInAsync(world, bob), "/"), StringComparison.Ordinal);
        world.Host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(0, await RoundAsync(world));
        Assert.Equal(1, await RoundAsync(world));

        var after = await RowsWithAsync(database, tables, traces);
        Assert.True(after.Values.Sum() == 0, string.Join(", ", after.Where(t => t.Value > 0).Select(t => $"{t.Key}: {t.Value}")));
        Assert.DoesNotContain(Directory.GetFiles(world.Folder, "*", SearchOption.AllDirectories), f => IsTrace(f, bob, traces));
        Assert.DoesNotContain(logs.Lines, line => traces.Take(2).Any(t => line.Contains(t, StringComparison.OrdinalIgnoreCase)));
        var stone = await world.Host.InDatabaseAsync(db => db.AuditTombstones.SingleAsync());
        Assert.True(stone is { Entries: > 70, Seals: > 0, Head: not null });
        using var refused = await bob.Browser.GetAsync("/account");
        Assert.Equal(HttpStatusCode.Found, refused.StatusCode);

        // The other person has lost nothing.
        foreach (var (table, rows) in await RowsWithAsync(database, tables, [ada.Person.UserId.ToString()]))
            Assert.True(rows >= adas[table], $"{table}: {rows} of {adas[table]}");
    }

    // Rows that pages make in ways that have tests of their own.
    private static async Task SecretsAsync(PostMantisHost host, Inhabitant bob)
    {
        var setup = await host.AskAsync<SecondSteps, AuthenticatorSetup>(s => s.StartAsync(bob.Person, LivedInWorld.Password, default));
        var code = new OtpNet.Totp(OtpNet.Base32Encoding.ToBytes(setup.Secret)).ComputeTotp(host.Clock.GetUtcNow().UtcDateTime);
        await host.AskAsync<SecondSteps, IReadOnlyList<string>>(s => s.ConfirmAsync(bob.Person, code, default));
        await host.InDatabaseAsync(db =>
        {
            db.AuditAnchors.Add(new AuditAnchor { Id = bob.Ids.Values.First(), UserId = bob.Person.UserId, Number = 0, Entries = 70, Hash = new byte[32] });
            return db.SaveChangesAsync();
        });
        await host.AskAsync<ExternalSignIns, int>(async s =>
        {
            await s.TieAsync(bob.Person, "https://idp.example", bob.Mark, bob.Email, default);
            return 0;
        });
    }

    private static async Task ExportAsync(Inhabitant bob, Dictionary<string, int> before)
    {
        using var export = await ExportedAsync(bob);
        foreach (var table in PersonalTables.All.Where(t => t.NotExported is null))
        {
            var lines = await LinesAsync(export, $"data/{table.Name}.jsonl");
            Assert.True(lines.Length >= before[table.Name], $"{table.Name}: {lines.Length} of {before[table.Name]}");
            foreach (var secret in table.Secrets)
                Assert.DoesNotContain(lines, line => line.Contains($"\"{secret}\":", StringComparison.Ordinal));
        }
        Assert.Contains(export.Entries, e => e.FullName == $"media/{bob.Ids["artifact"]}/{Mark}.png" && e.Length > 0);
        Assert.Contains(Mark, string.Concat(await LinesAsync(export, "data/posts.jsonl")), StringComparison.Ordinal);
    }

    private static async Task<ZipArchive> ExportedAsync(Inhabitant bob)
    {
        var page = await TextAsync(bob, "/account/data");
        const string before = "name=\"__RequestVerificationToken\" value=\"";
        var token = page[(page.IndexOf(before, StringComparison.Ordinal) + before.Length)..];
        using var answer = await bob.Browser.PostAsync("/account/export",
            [new("__RequestVerificationToken", token[..token.IndexOf('"', StringComparison.Ordinal)]), new("all", "true")]);
        Assert.Equal("application/zip", answer.Content.Headers.ContentType?.MediaType);
        return new ZipArchive(new MemoryStream(await answer.Content.ReadAsByteArrayAsync()));
    }

    private static async Task<string[]> LinesAsync(ZipArchive zip, string name)
    {
        using var reader = new StreamReader(zip.GetEntry(name)!.Open());
        return (await reader.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static async Task<List<string>> TablesAsync(NpgsqlDataSource database)
    {
        await using var command = database.CreateCommand("""
            SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            """);
        List<string> tables = [];
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync()) tables.Add(rows.GetString(0));
        return tables;
    }

    // In any column, as text or as bytes.
    private static async Task<Dictionary<string, int>> RowsWithAsync(NpgsqlDataSource database, List<string> tables, string[] traces)
    {
        Dictionary<string, int> found = [];
        var patterns = traces.SelectMany(t => (string[])[$"%{t}%", $"%{Convert.ToHexStringLower(Encoding.UTF8.GetBytes(t))}%"]).ToArray();
        foreach (var table in tables)
        {
            await using var command = database.CreateCommand(
                $"SELECT count(*)::int FROM \"{table}\" t WHERE to_jsonb(t)::text ILIKE ANY($1)");
            command.Parameters.Add(new() { Value = patterns });
            found[table] = (int)(await command.ExecuteScalarAsync())!;
        }
        return found;
    }

    private static bool IsTrace(string file, Inhabitant bob, string[] traces) =>
        file.Contains(bob.Ids["artifact"].ToString("N"), StringComparison.Ordinal) ||
        traces.Any(t => File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(t)) >= 0);

    private static Task<int> RoundAsync(LivedInWorld world) => world.Host.AskAsync<Eraser, int>(e => e.RunOnceAsync(default));

    private static async Task SubmitAsync(Inhabitant somebody, string form, string? password)
    {
        using var answer = await somebody.Browser.SubmitAsync("/account/data", form,
            password is null ? [] : [new("current", password)], ("User-Agent", somebody.Mark));
        Assert.Equal("/account/data", answer.Headers.Location?.AbsolutePath);
    }

    // A session of days ago is over; who comes back is asked for a code too.
    private static async Task<Inhabitant> SignedInAsync(LivedInWorld world, Inhabitant somebody)
    {
        await world.Host.AskAsync<SecondSteps, int>(async s =>
        {
            await s.StopAsync(somebody.Person, LivedInWorld.Password, default);
            return 0;
        });
        using var answer = await somebody.Browser.SubmitAsync("/sign-in", "sign-in",
            [new("email", somebody.Email), new("password", LivedInWorld.Password)], ("User-Agent", somebody.Mark));
        return somebody;
    }

    private static async Task<string> TextAsync(Inhabitant somebody, string path)
    {
        using var page = await somebody.Browser.GetAsync(path);
        return await page.Content.ReadAsStringAsync();
    }
}
