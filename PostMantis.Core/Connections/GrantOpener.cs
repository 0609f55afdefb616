using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Connections;

/// <summary>What the publish worker gets of a connection.</summary>
public abstract record GrantOutcome
{
    /// <summary>Tokens that may be used now.</summary>
    public sealed record Opened(GrantTokens Tokens) : GrantOutcome
    {
        public override string ToString() => nameof(Opened);
    }

    /// <summary>They are being renewed: wait and ask again.</summary>
    public sealed record Refreshing(TimeSpan AskAgainAfter) : GrantOutcome;

    /// <summary>Only a person can renew them.</summary>
    public sealed record Lost(DeliveryError Error) : GrantOutcome;
}

/// <summary>Opens the tokens of connections for the code that publishes; it never renews them itself.</summary>
public sealed class GrantOpener(
    PostMantisDb db, SecretVault vault, WakeUp wakeUp, IOptions<ConnectionOptions> options, TimeProvider time)
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan JustNow = TimeSpan.FromMinutes(2);

    // The database keeps microseconds.
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(1);

    /// <summary>The tokens of one connection.</summary>
    public async Task<GrantOutcome> OpenAsync(Guid connectionId, CancellationToken ct) =>
        await db.Connections.AsNoTracking().SingleOrDefaultAsync(c => c.Id == connectionId, ct) is { } connection
            ? await OpenAsync(connection, ct)
            : Gone();

    /// <summary>The tokens of several connections that were read already.</summary>
    public async Task<IReadOnlyDictionary<Guid, GrantOutcome>> OpenAsync(
        IReadOnlyCollection<Connection> connections, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(connections);
        Dictionary<Guid, GrantOutcome> outcomes = [];
        foreach (var connection in connections) outcomes[connection.Id] = await OpenAsync(connection, ct);
        return outcomes;
    }

    /// <summary>
    /// The network did not take tokens that should be good still: they are renewed before anybody uses them again.
    /// </summary>
    /// <returns>False: they were renewed a moment ago or cannot be, so that only a person can.</returns>
    public async Task<bool> RenewAsync(Guid connectionId, GrantTokens refused, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(refused);
        var connection = await db.Connections.AsNoTracking().SingleOrDefaultAsync(c => c.Id == connectionId, ct);
        if (connection is not { Status: ConnectionStatus.Active, AccessTokenExpiresAt: { } end }) return false;

        // Somebody has renewed them since they were opened.
        if (refused.AccessTokenExpiresAt is { } known && (end - known).Duration() > Rounding) return true;
        var now = time.GetUtcNow();
        if (connection.RefreshedAt > now - JustNow) return false;
        await db.Connections
            .Where(c => c.Id == connectionId && c.CredentialVersion == connection.CredentialVersion)
            .ExecuteUpdateAsync(c => c.SetProperty(x => x.AccessTokenExpiresAt, now), ct);
        await GrantStore.EnsureItemAsync(db, connection.Id, connection.UserId, now, now, ct);
        wakeUp.Signal(WorkKind.RefreshToken);
        return true;
    }

    /// <summary>Adds the statement whose rows <see cref="ReadAsync"/> reads.</summary>
    internal static void Ask(SqlBatch batch, IEnumerable<Guid> connectionIds) => batch.Add("""
        SELECT id, user_id, provider, provider_account_id, account_name, status, credential, access_token_expires_at
        FROM connections WHERE id = ANY($1)
        """).Parameters.AddWithValue(connectionIds.Distinct().ToArray());

    /// <summary>What opening needs of connections, their tokens still sealed.</summary>
    internal static async Task<IReadOnlyList<Connection>> ReadAsync(NpgsqlDataReader row)
    {
        List<Connection> connections = [];
        while (await row.ReadAsync())
        {
            connections.Add(new Connection
            {
                Id = row.GetGuid(0),
                UserId = row.GetGuid(1),
                Provider = row.GetString(2),
                ProviderAccountId = row.GetString(3),
                AccountName = row.GetString(4),
                Status = row.Enum<ConnectionStatus>(5),
                Credential = row.IsDBNull(6) ? null : row.GetFieldValue<byte[]>(6),
                AccessTokenExpiresAt = row.TimeOrNull(7),
            });
        }
        return connections;
    }

    private async Task<GrantOutcome> OpenAsync(Connection connection, CancellationToken ct)
    {
        if (connection.Status == ConnectionStatus.Disconnected || connection.Credential is null) return Gone();
        if (connection.Status == ConnectionStatus.ReauthRequired)
            return new GrantOutcome.Lost(new DeliveryError(DeliveryErrorCode.AuthRevoked,
                "The account must be connected again.", NextStep.Reconnect, Retryable: true));
        var now = time.GetUtcNow();
        if (connection.AccessTokenExpiresAt is { } end && end - now < options.Value.LeastLife)
        {
            await GrantStore.EnsureItemAsync(db, connection.Id, connection.UserId, now, now, ct);
            wakeUp.Signal(WorkKind.RefreshToken);
            return new GrantOutcome.Refreshing(AskAgain);
        }
        return new GrantOutcome.Opened(GrantStore.Open(vault, connection));
    }

    private static GrantOutcome.Lost Gone() => new(new DeliveryError(DeliveryErrorCode.ProfileDisconnected,
        "The account is no longer connected.", NextStep.Reconnect, Retryable: true));
}
