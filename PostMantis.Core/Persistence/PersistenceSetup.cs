using Microsoft.EntityFrameworkCore;

namespace PostMantis.Core.Persistence;

/// <summary>The one way the context is set up, with Aspire's packages or without.</summary>
public static class PersistenceSetup
{
    /// <summary>Name of the connection string and of the Aspire database resource.</summary>
    public const string ConnectionName = "postmantis";

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
