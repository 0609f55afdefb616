using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Access;
using PostMantis.Core.Persistence;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Webhooks;

/// <summary>Which events an endpoint is told by where they happened.</summary>
public enum WebhookMode
{
    Live,
    Test,
    Both,
}

/// <summary>Why an endpoint is no longer told anything.</summary>
public enum DisabledReason
{
    /// <summary>Its owner switched it off.</summary>
    Person,

    /// <summary>It answered 410 Gone.</summary>
    Gone,

    /// <summary>Nothing but failure for as long as <see cref="WebhookOptions.DisableAfter"/>.</summary>
    Failing,
}

/// <summary>An address of a user's own that is told what happens.</summary>
public sealed class WebhookEndpoint
{
    public const string Kind = "webhookEndpoint";
    public const int MostNameLength = 100;
    public const int MostUrlLength = 2048;

    /// <summary>Where the secret is sealed; opened only by the code that signs.</summary>
    public static readonly SealedColumn SealedSecret = new("webhook_endpoints", "secret");

    /// <summary>Where the secret before it is sealed, while both sign.</summary>
    public static readonly SealedColumn SealedPreviousSecret = new("webhook_endpoints", "previous_secret");

    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public required string Name { get; set; }
    public required string Url { get; set; }

    /// <summary>The address without the values of its query, which are where people put keys.</summary>
    public string ShownUrl => WebhookText.Url(new Uri(Url));
    public WebhookMode Mode { get; set; }

    /// <summary>Of <see cref="Outbox.EventTypes.All"/>; empty: every type.</summary>
    public List<string> Types { get; set; } = [];

    /// <summary>Empty: every brand. The same for profiles; each list narrows further.</summary>
    public List<Guid> BrandIds { get; set; } = [];
    public List<Guid> ProfileIds { get; set; } = [];

    /// <summary>How many messages may be on their way at once: its lanes. Fixed, because messages name their lane.</summary>
    public int Slots { get; init; }

    public byte[]? Secret { get; set; }
    public byte[]? PreviousSecret { get; set; }

    /// <summary>Until then the previous secret signs too.</summary>
    public DateTimeOffset? PreviousSecretEndsAt { get; set; }

    /// <summary>Failures without a success in between; from where the circuit opens, one for each time it was tried.</summary>
    public int Failures { get; set; }

    /// <summary>The first failure after the last success.</summary>
    public DateTimeOffset? FailingSince { get; set; }

    /// <summary>Until then nothing is sent: the circuit is open.</summary>
    public DateTimeOffset? RetryAt { get; set; }

    public DateTimeOffset? LastFailureAt { get; set; }
    public WebhookError? LastError { get; set; }

    public DateTimeOffset? DisabledAt { get; private set; }
    public DisabledReason? DisabledReason { get; private set; }
    public DateTimeOffset? DeletedAt { get; private set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>When a message of it is tried next, at the earliest; null: not while it is disabled, or not any more.</summary>
    public DateTimeOffset? NextAttemptOf(WebhookMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (DisabledAt is not null || message.NextAttemptAt is not { } due) return null;
        return RetryAt > due ? RetryAt : due;
    }

    /// <summary>Nothing more is sent; what waits goes on waiting until it is enabled again.</summary>
    public void Disable(DisabledReason reason, DateTimeOffset now) =>
        (DisabledAt, DisabledReason, UpdatedAt) = (now, reason, now);

    /// <summary>Told again, with a clean slate.</summary>
    public void Enable(DateTimeOffset now)
    {
        (DisabledAt, DisabledReason, UpdatedAt) = (null, null, now);
        Forgive();
    }

    /// <summary>Failures so far no longer count, and nothing keeps the next attempt back.</summary>
    public void Forgive() => (Failures, FailingSince, RetryAt) = (0, null, null);

    /// <summary>Gone for good: its secrets are erased, its messages are kept as long as others.</summary>
    public void Delete(DateTimeOffset now)
    {
        if (DisabledAt is null) Disable(Webhooks.DisabledReason.Person, now);
        (DeletedAt, Secret, PreviousSecret, PreviousSecretEndsAt) = (now, null, null, null);
    }

    internal sealed class Configuration : IEntityTypeConfiguration<WebhookEndpoint>
    {
        public void Configure(EntityTypeBuilder<WebhookEndpoint> endpoint)
        {
            endpoint.ToTable("webhook_endpoints", t =>
            {
                t.HasCheckConstraint("ck_webhook_endpoints_disabled", "(disabled_at IS NULL) = (disabled_reason IS NULL)");
                t.HasCheckConstraint("ck_webhook_endpoints_deleted", "(deleted_at IS NULL) = (secret IS NOT NULL)");
                t.HasCheckConstraint("ck_webhook_endpoints_previous",
                    "(previous_secret IS NULL) = (previous_secret_ends_at IS NULL)");
            });
            endpoint.Property(e => e.Name).HasMaxLength(MostNameLength);
            endpoint.Property(e => e.Url).HasMaxLength(MostUrlLength);
            endpoint.Property(e => e.Mode).HasConversion<SnakeCase<WebhookMode>>();
            endpoint.Property(e => e.LastError).HasConversion<SnakeCase<WebhookError>>();
            endpoint.Property(e => e.DisabledReason).HasConversion<SnakeCase<DisabledReason>>();
            endpoint.HasIndex(e => new { e.UserId, e.CreatedAt });
            endpoint.HasOne<User>().WithMany().HasForeignKey(e => e.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
