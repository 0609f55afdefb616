using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Budgets;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Media;
using PostMantis.Core.Outbox;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Core.Webhooks;

namespace PostMantis.Core.Persistence;

/// <summary>Everything we store. Table and column names are snake_case; enums are their snake_case names.</summary>
public sealed class PostMantisDb(DbContextOptions<PostMantisDb> options)
    : IdentityUserContext<User, Guid>(options), IDataProtectionKeyContext
{
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<ApiRateWindow> ApiRateWindows => Set<ApiRateWindow>();
    public DbSet<UserSession> Sessions => Set<UserSession>();
    public DbSet<Authenticator> Authenticators => Set<Authenticator>();
    public DbSet<RecoveryCode> RecoveryCodes => Set<RecoveryCode>();
    public DbSet<Invitation> Invitations => Set<Invitation>();
    public DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();
    public DbSet<AuditSeal> AuditSeals => Set<AuditSeal>();
    public DbSet<AuditAnchor> AuditAnchors => Set<AuditAnchor>();
    public DbSet<AuditTombstone> AuditTombstones => Set<AuditTombstone>();
    public DbSet<Brand> Brands => Set<Brand>();
    public DbSet<Profile> Profiles => Set<Profile>();
    public DbSet<Connection> Connections => Set<Connection>();
    public DbSet<ConnectionSession> ConnectionSessions => Set<ConnectionSession>();
    public DbSet<Artifact> Artifacts => Set<Artifact>();
    public DbSet<ArtifactUse> ArtifactUses => Set<ArtifactUse>();
    public DbSet<ArtifactVersion> ArtifactVersions => Set<ArtifactVersion>();
    public DbSet<Post> Posts => Set<Post>();
    public DbSet<Delivery> Deliveries => Set<Delivery>();
    public DbSet<Attempt> Attempts => Set<Attempt>();
    public DbSet<WorkItem> WorkItems => Set<WorkItem>();
    public DbSet<Worker> Workers => Set<Worker>();
    public DbSet<InstanceState> InstanceState => Set<InstanceState>();
    public DbSet<BudgetWindow> BudgetWindows => Set<BudgetWindow>();
    public DbSet<LearnedWindow> LearnedWindows => Set<LearnedWindow>();
    public DbSet<Event> Events => Set<Event>();
    public DbSet<UnnumberedEvent> UnnumberedEvents => Set<UnnumberedEvent>();
    public DbSet<EventNumber> EventNumbers => Set<EventNumber>();
    public DbSet<EventSequence> EventSequences => Set<EventSequence>();
    public DbSet<WebhookEndpoint> WebhookEndpoints => Set<WebhookEndpoint>();
    public DbSet<WebhookMessage> WebhookMessages => Set<WebhookMessage>();
    public DbSet<WebhookAttempt> WebhookAttempts => Set<WebhookAttempt>();
    public DbSet<WebhookReplay> WebhookReplays => Set<WebhookReplay>();
    public DbSet<IdempotencyKey> IdempotencyKeys => Set<IdempotencyKey>();
    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.ApplyConfigurationsFromAssembly(typeof(PostMantisDb).Assembly);

        // Identity names its own tables, which the naming convention leaves alone.
        builder.Entity<IdentityUserClaim<Guid>>().ToTable("user_claims");
        builder.Entity<IdentityUserLogin<Guid>>().ToTable("user_logins");
        builder.Entity<IdentityUserToken<Guid>>().ToTable("user_tokens");
        builder.Entity<IdentityUserPasskey<Guid>>(passkey =>
        {
            passkey.ToTable("user_passkeys");
            passkey.HasKey(p => p.CredentialId);
            passkey.Property(p => p.CredentialId).HasMaxLength(1024);
            passkey.OwnsOne(p => p.Data).ToJson();
            passkey.HasOne<User>().WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
        });
    }
}
