using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
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

    /// <summary>The tokens of one connection.</summary>
    public async Task<GrantOutcome> OpenAsync(Guid connectionId, CancellationToken ct) =>
        (await OpenAsync([connectionId], ct))[connectionId];

    /// <summary>The tokens of several connections in one query.</summary>
    public async Task<IReadOnlyDictionary<Guid, GrantOutcome>> OpenAsync(
        IReadOnlyCollection<Guid> connectionIds, CancellationToken ct)
    {
        var ids = connectionIds.Distinct().ToArray();
        var connections = await db.Connections.AsNoTracking().Where(c => ids.Contains(c.Id)).ToDictionaryAsync(c => c.Id, ct);
        Dictionary<Guid, GrantOutcome> outcomes = [];
        foreach (var id in ids)
            outcomes[id] = connections.TryGetValue(id, out var connection) ? await OpenAsync(connection, ct) : Gone();
        return outcomes;
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
