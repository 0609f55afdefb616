using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace PostMantis.Core.Persistence;

/// <summary>The one way the context is set up, with Aspire's packages or without.</summary>
public static class PersistenceSetup
{
    /// <summary>Name of the connection string and of the Aspire database resource.</summary>
    public const string ConnectionName = "postmantis";

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

        // Nothing of ours outlives its transaction in a session, so there is nothing to reset.
        settings.NoResetOnClose = true;
        return settings.ConnectionString;
    }

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
