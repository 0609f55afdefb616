using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Connections;

/// <summary>Where a consent trip stands.</summary>
public enum ConnectionSessionStatus
{
    /// <summary>The browser is at the network; left by the callback, a refusal, cancel or time.</summary>
    Started,

    /// <summary>Consent given, destinations to be chosen; left by the choice, cancel or time.</summary>
    Authorized,

    /// <summary>Final: profiles exist.</summary>
    Completed,

    /// <summary>Final: the network or the exchange refused.</summary>
    Failed,

    /// <summary>Final: time ran out.</summary>
    Expired,

    /// <summary>Final: the person gave up.</summary>
    Canceled,
}

/// <summary>The consent trip that yields profiles. Its credentials are gone when it ends, however it ends.</summary>
public sealed class ConnectionSession
{
    /// <summary>Where <see cref="Credential"/> is sealed for.</summary>
    public static readonly SealedColumn SealedCredential = new("connection_sessions", "credential");

    public Guid Id { get; init; }

    /// <summary>The owner of what the trip will yield.</summary>
    public Guid UserId { get; init; }

    /// <summary>Who opened it, apart from the owner.</summary>
    public Guid OpenedBy { get; init; }
    public required string Provider { get; init; }
    public ConnectionSessionStatus Status { get; private set; } = ConnectionSessionStatus.Started;

    /// <summary>SHA-256 of the state parameter; unique, so a replayed state finds an ended session.</summary>
    public required byte[] StateHash { get; init; }

    /// <summary>Sealed: what the trip is bound to while started, the tokens while authorized, null once ended.</summary>
    public byte[]? Credential { get; private set; }
    /// <summary>A callback is trading its code: the state is used up.</summary>
    public bool IsExchanging { get; private set; }
    public ProviderAccount? Account { get; private set; }
    public List<Destination> Destinations { get; private set; } = [];
    public DeliveryError? Error { get; private set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; private set; }
    public DateTimeOffset ExpiresAt { get; private set; }
    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>Opens a trip that ends by itself at <paramref name="expiresAt"/>.</summary>
    public static ConnectionSession Start(Guid id, Guid userId, Guid openedBy, string provider, byte[] stateHash,
        byte[] sealedTrip, DateTimeOffset now, DateTimeOffset expiresAt) => new()
        {
            Id = id,
            UserId = userId,
            OpenedBy = openedBy,
            Provider = provider,
            StateHash = stateHash,
            Credential = sealedTrip,
            CreatedAt = now,
            UpdatedAt = now,
            ExpiresAt = expiresAt,
        };

    /// <summary>Consent was given: the tokens replace the trip's secret, the person chooses destinations.</summary>
    public void Authorize(byte[] sealedTokens, ProviderAccount account, IEnumerable<Destination> destinations,
        DateTimeOffset now, DateTimeOffset expiresAt)
    {
        MoveTo(ConnectionSessionStatus.Authorized, now);
        (Credential, Account, Destinations, ExpiresAt) = (sealedTokens, account, [.. destinations], expiresAt);
    }

    public void Complete(DateTimeOffset now) => End(ConnectionSessionStatus.Completed, null, now);

    public void Fail(DeliveryError error, DateTimeOffset now) => End(ConnectionSessionStatus.Failed, error, now);

    public void Cancel(DateTimeOffset now) => End(ConnectionSessionStatus.Canceled, null, now);

    public void Expire(DateTimeOffset now) => End(ConnectionSessionStatus.Expired, null, now);

    private void End(ConnectionSessionStatus next, DeliveryError? error, DateTimeOffset now)
    {
        MoveTo(next, now);
        (Credential, Error, EndedAt) = (null, error, now);
    }

    private void MoveTo(ConnectionSessionStatus next, DateTimeOffset now)
    {
        var legal = (Status, next) is
            (ConnectionSessionStatus.Started, ConnectionSessionStatus.Authorized or ConnectionSessionStatus.Failed or
                ConnectionSessionStatus.Expired or ConnectionSessionStatus.Canceled) or
            (ConnectionSessionStatus.Authorized, ConnectionSessionStatus.Completed or ConnectionSessionStatus.Failed or
                ConnectionSessionStatus.Expired or ConnectionSessionStatus.Canceled);
        if (!legal) throw new IllegalMoveException(nameof(ConnectionSession), Status, next);
        (Status, UpdatedAt) = (next, now);
    }

    internal sealed class Configuration : IEntityTypeConfiguration<ConnectionSession>
    {
        public void Configure(EntityTypeBuilder<ConnectionSession> session)
        {
            session.ToTable("connection_sessions", t => t.HasCheckConstraint("ck_connection_sessions_credential",
                "(status IN ('started', 'authorized')) = (credential IS NOT NULL)"));
            session.Property(s => s.Status).HasConversion<SnakeCase<ConnectionSessionStatus>>();
            session.Property(s => s.Account).AsJson();
            session.Property(s => s.Destinations).AsJson();
            session.Property(s => s.Error).AsJson();
            session.HasIndex(s => s.StateHash).IsUnique();
            session.HasIndex(s => new { s.UserId, s.CreatedAt });
            session.HasIndex(s => s.ExpiresAt).HasFilter("credential IS NOT NULL");
            session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
