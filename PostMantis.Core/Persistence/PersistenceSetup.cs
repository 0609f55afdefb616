using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace PostMantis.Core.Persistence;

/// <summary>The one way the context is set up, with Aspire's packages or without.</summary>
public static class PersistenceSetup
{
    /// <summary>Name of the connection string and of the Aspire database resource.</summary>
    public const string ConnectionName = "postmantis";

    /// <summary>
    /// Name of the connection string that reaches the server itself where a pooler stands between: for what needs a session
    /// of its own. Absent: the same as <see cref="ConnectionName"/>.
    /// </summary>
    public const string DirectName = "postmantis-direct";

    // A standby that became the primary is found by asking again.
    private const int RecheckSeconds = 2;

    // Every statement that runs often fits; the few large ones cost more to plan than to run.
    private const int MostPrepared = 200;

    /// <summary>
    /// Turns automatic preparation of statements on, unless the connection string says otherwise
    /// (<c>Max Auto Prepare</c>; PgBouncer keeps prepared statements in transaction mode since 1.21).
    /// </summary>
    public static string? Prepare(string? connectionString)
    {
        if (connectionString is null) return null;
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        if (!connectionString.Contains("Max Auto Prepare", StringComparison.OrdinalIgnoreCase))
            settings.MaxAutoPrepare = MostPrepared;

        // Nothing of ours outlives its transaction in a session but what Tune sets, so there is nothing to reset.
        settings.NoResetOnClose = true;
        if (IsMultiHost(settings) && !connectionString.Contains("Host Recheck Seconds", StringComparison.OrdinalIgnoreCase))
            settings.HostRecheckSeconds = RecheckSeconds;
        return settings.ConnectionString;
    }

    /// <summary>
    /// The connections of a prepared connection string; of several hosts, those to the primary, unless it says otherwise
    /// (<c>Target Session Attributes</c>).
    /// </summary>
    public static NpgsqlDataSource Open(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        if (!IsMultiHost(settings)) return Tune(settings).Build();
        var wanted = settings.TargetSessionAttributes is { } said
            && Enum.TryParse<TargetSessionAttributes>(said.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var parsed)
                ? parsed
                : TargetSessionAttributes.Primary;
        settings.Remove("Target Session Attributes");
        return Tune(settings).BuildMultiHost().WithTargetSession(wanted);
    }

    // Postgres compiles what it takes for expensive, which took 50 ms and more of statements that run in 10; none of ours
    // runs for so long that it gains by that.
    private static NpgsqlDataSourceBuilder Tune(NpgsqlConnectionStringBuilder settings)
    {
        const string Sql = "SET jit = off";
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);

        // A worker that looks for work belongs to no trace, and would begin one of its own with every statement. How long
        // connections take to open is measured.
        builder.ConfigureTracing(tracing => tracing.EnablePhysicalOpenTracing(false)
            .ConfigureCommandFilter(command => Activity.Current is not null && command.CommandText != Sql)
            .ConfigureBatchFilter(_ => Activity.Current is not null)
            .ConfigureCopyOperationFilter(_ => Activity.Current is not null));
        builder.UsePhysicalConnectionInitializer(
            connection =>
            {
                using var command = new NpgsqlCommand(Sql, connection);
                command.ExecuteNonQuery();
            },
            async connection =>
            {
                await using var command = new NpgsqlCommand(Sql, connection);
                await command.ExecuteNonQueryAsync();
            });
        return builder;
    }

    private static bool IsMultiHost(NpgsqlConnectionStringBuilder settings) => settings.Host?.Contains(',') == true;

    /// <summary>
    /// Naming and provider options that both start modes share. EF's automatic retry stays off: only whole Core
    /// operations that can ask "did it commit?" are retried.
    /// </summary>
    public static DbContextOptionsBuilder UsePostMantis(this DbContextOptionsBuilder options) =>
        options.UseSnakeCaseNamingConvention();

    /// <summary>As <see cref="UsePostMantis(DbContextOptionsBuilder)"/>, on Postgres at <paramref name="connectionString"/>.</summary>
    public static DbContextOptionsBuilder UsePostMantis(this DbContextOptionsBuilder options, string connectionString) =>
        options.UseNpgsql(connectionString).UsePostMantis();
}
