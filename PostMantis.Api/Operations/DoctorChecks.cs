using System.Globalization;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Common;
using PostMantis.Core.Media;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Api.Operations;

/// <summary>What the doctor looks at, in the order in which things depend on each other.</summary>
internal sealed class DoctorChecks(IServiceProvider services)
{
    private const int LeastPostgres = 140_000;
    private const long LowSpace = 2L << 30;
    private const long NoSpace = 200L << 20;
    private static readonly string[] _zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata"];

    public IReadOnlyList<(string Name, Func<CancellationToken, Task<IReadOnlyList<Diagnosis>>> Look)> All =>
    [
        ("configuration", _ => Task.FromResult(Configuration())),
        ("database", DatabaseAsync),
        ("migrations", MigrationsAsync),
        ("master keys", KeysAsync),
        ("clock", ClockAsync),
        ("publishing", PublishingAsync),
        ("disk", _ => Task.FromResult(Disk())),
        ("media store", MediaStoreAsync),
        ("video", _ => Task.FromResult(Video())),
        ("time zones", _ => Task.FromResult(TimeZones())),
    ];

    private IReadOnlyList<Diagnosis> Configuration()
    {
        try
        {
            services.GetRequiredService<IStartupValidator>().Validate();
        }
        catch (OptionsValidationException refusal)
        {
            return [.. refusal.Failures.Distinct().Select(Wrong)];
        }
        catch (AggregateException refusals) when (refusals.InnerExceptions.All(e => e is OptionsValidationException))
        {
            return [.. refusals.InnerExceptions.Cast<OptionsValidationException>().SelectMany(e => e.Failures).Distinct().Select(Wrong)];
        }
        var environment = services.GetRequiredService<IHostEnvironment>().EnvironmentName;
        return [Fine($"Every setting is usable, in the environment {environment}.")];
    }

    private async Task<IReadOnlyList<Diagnosis>> DatabaseAsync(CancellationToken ct)
    {
        await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand("""
            SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery(),
                current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'),
                current_setting('max_connections')::int
            """);
        await using var row = await command.ExecuteReaderAsync(ct);
        await row.ReadAsync(ct);
        List<Diagnosis> found = [];
        if (row.GetInt32(0) < LeastPostgres) found.Add(Wrong($"Postgres {row.GetString(1)} is older than 14."));
        if (row.GetBoolean(2))
            found.Add(Wrong("This server is a standby, and takes no changes.", "Name the primary, or add Target Session Attributes=primary."));
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)
            [("fsync", row.GetString(3)), ("synchronous_commit", row.GetString(4)), ("full_page_writes", row.GetString(5))])
            if (value == "off") found.Add(Wrong($"{name} is off: what was accepted can be lost in a crash.", $"Set {name} = on."));
        var pool = new NpgsqlConnectionStringBuilder(services.GetRequiredService<IConfiguration>()
            .GetConnectionString(PersistenceSetup.ConnectionName)).MaxPoolSize;
        if (pool > row.GetInt32(6))
            found.Add(new("", Finding.Warning, $"One process may open {pool} connections, the server takes {row.GetInt32(6)}.",
                "Lower Maximum Pool Size, or put PgBouncer between."));
        return found.Count > 0 ? found : [Fine($"Postgres {row.GetString(1)} answers.")];
    }

    private async Task<IReadOnlyList<Diagnosis>> MigrationsAsync(CancellationToken ct)
    {
        var status = await services.GetRequiredService<SchemaKeeper>().ReadAsync(ct);
        if (status.LeastMigration is { } least) return [Wrong(new SchemaTooNewException(least).Message)];
        if (status.Pending.Count > 0) return [Wrong($"{status.Pending.Count} migrations are missing.", "Run 'migrate'.")];
        return [Fine(status.Newer.Count > 0
            ? $"The database is of a newer version ({status.Newer.Count} migrations more), and this one runs on it."
            : "The database is of this version.")];
    }

    private async Task<IReadOnlyList<Diagnosis>> KeysAsync(CancellationToken ct)
    {
        var keeper = services.GetRequiredService<KeyKeeper>();
        var uses = await keeper.CheckAsync(ct);
        var lost = uses.Where(use => use.NotOpened > 0)
            .Select(use => Wrong($"{use.NotOpened} values of {use.Place} under {use.KeyId ?? "no key of ours"} do not open.",
                "Give back the key, or have the accounts connected again."));
        var older = uses.Where(use => use is { IsCurrent: false, NotOpened: 0 }).Sum(use => use.Values);
        return [
            .. lost,
            older > 0
                ? new("", Finding.Warning, $"{older} values are under an older key.", "The re-seal pass or 'keys reseal' brings them on.")
                : Fine($"{uses.Sum(use => use.Values - use.NotOpened)} sealed values open under {keeper.CurrentKeyId}."),
        ];
    }

    private async Task<IReadOnlyList<Diagnosis>> ClockAsync(CancellationToken ct)
    {
        var time = services.GetRequiredService<TimeProvider>();
        await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand("SELECT clock_timestamp()");
        await command.ExecuteScalarAsync(ct);
        var asked = time.GetUtcNow();
        var database = (DateTime)(await command.ExecuteScalarAsync(ct))!;
        var skew = asked + ((time.GetUtcNow() - asked) / 2) - database;
        var words = string.Create(CultureInfo.InvariantCulture,
            $"This machine's clock is {Math.Abs(skew.TotalMilliseconds):0} ms {(skew < TimeSpan.Zero ? "behind" : "ahead of")} the database's.");
        return [skew.Duration() > services.GetRequiredService<IOptions<QueueOptions>>().Value.MostClockSkew
            ? Wrong(words, "Run a time service (chrony, systemd-timesyncd) on both.")
            : Fine(words)];
    }

    private async Task<IReadOnlyList<Diagnosis>> PublishingAsync(CancellationToken ct)
    {
        var status = await services.GetRequiredService<InstancePause>().ReadAsync(ct);
        return [status switch
        {
            { HeldAt: { } held } => new("", Finding.Warning, $"Publishing is held since {OperatorTool.Moment(held)} ({status.HoldReason}).", "'queue status' says what is left."),
            { PausedAt: { } paused } => new("", Finding.Warning, $"Publishing is paused since {OperatorTool.Moment(paused)}.", "'queue resume' goes on."),
            _ => Fine("Publishing is neither paused nor held."),
        }];
    }

    private IReadOnlyList<Diagnosis> Disk()
    {
        var folder = Path.GetFullPath(services.GetRequiredService<IOptions<InstanceOptions>>().Value.DataDirectory);
        var existing = folder;
        while (!Directory.Exists(existing)) existing = Path.GetDirectoryName(existing)!;
        var free = new DriveInfo(existing).AvailableFreeSpace;
        var words = string.Create(CultureInfo.InvariantCulture, $"{free / (double)(1 << 30):0.0} GiB are free for {folder}.");
        return [free < NoSpace ? Wrong(words, "Uploads and conversions will fail.")
            : free < LowSpace ? new("", Finding.Warning, words)
            : Fine(words)];
    }

    // What is really done with a file: written, kept, read back, removed.
    private async Task<IReadOnlyList<Diagnosis>> MediaStoreAsync(CancellationToken ct)
    {
        var store = services.GetRequiredService<IMediaStore>();
        var key = "doctor-" + Ids.New(services.GetRequiredService<TimeProvider>().GetUtcNow()).ToString("N");
        byte[] sent = [1, 2, 3, 4];
        try
        {
            using (var content = new MemoryStream(sent)) await store.WriteAsync(key, content, sent.Length, ct);
            await store.KeepAsync(key, ct);
            await using var back = await store.OpenAsync(key, 0, ct);
            var read = new byte[sent.Length];
            await back.ReadExactlyAsync(read, ct);
            if (!read.SequenceEqual(sent)) return [Wrong("What is read back is not what was written.")];
        }
        finally
        {
            await store.DeleteAsync(key, ct);
        }
        var kind = services.GetRequiredService<IOptions<MediaOptions>>().Value.Store;
        return [Fine($"A file was kept, read back and removed ({(kind == MediaStoreKind.S3 ? "bucket" : "folder")}).")];
    }

    private IReadOnlyList<Diagnosis> Video() => [services.GetRequiredService<MediaConverter>().Tools.Video
        ? Fine("ffmpeg and ffprobe are installed.")
        : new("", Finding.Warning, "ffmpeg or ffprobe is missing: video is neither probed nor converted.", "Install the package ffmpeg.")];

    private static IReadOnlyList<Diagnosis> TimeZones()
    {
        var missing = _zones.Where(zone => !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _)).ToList();
        return [missing.Count > 0
            ? Wrong($"The time zones {string.Join(", ", missing)} are unknown: quiet hours and calendars would be wrong.",
                "Install the packages tzdata and libicu.")
            : Fine("Time zone data are installed.")];
    }

    private static Diagnosis Fine(string words) => new("", Finding.Fine, words);

    private static Diagnosis Wrong(string words) => Wrong(words, null);

    private static Diagnosis Wrong(string words, string? fix) => new("", Finding.Wrong, words, fix);
}
