using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace PostMantis.Core.Persistence;

/// <summary>Tells trouble of the database that passes by itself from what is wrong with a statement or its values.</summary>
public static class DatabaseTrouble
{
    // Classes: connection, transaction rolled back (deadlock, serialization), insufficient resources (full disk, too many
    // connections), operator intervention (shutdown, cancel), system error.
    private static readonly string[] _classes = ["08", "40", "53", "57", "58"];

    /// <summary>
    /// The server is away, restarts, has no room, or two transactions met: the same operation may succeed later.
    /// </summary>
    public static bool IsPassing(Exception exception) => exception switch
    {
        PostgresException e => _classes.Contains(e.SqlState[..2])
            || e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.ReadOnlySqlTransaction,
        NpgsqlException or TimeoutException or CommitInDoubtException => true,
        DbUpdateException or InvalidOperationException => exception.InnerException is { } inner && IsPassing(inner),
        _ => false,
    };

    /// <summary>Whether a commit that failed this way may have happened all the same.</summary>
    internal static bool LeavesDoubt(Exception exception) => exception switch
    {
        // A server that goes down may do so between the commit and its answer; any other refusal is one.
        PostgresException e => e.SqlState.StartsWith("57", StringComparison.Ordinal),
        _ => true,
    };
}

/// <summary>The answer to a commit was lost: it may be durable, and only looking tells.</summary>
public sealed class CommitInDoubtException(Exception cause)
    : Exception("The answer to a commit was lost; it may have been stored.", cause);
