using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Budgets;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Media;
using PostMantis.Core.Outbound;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Privacy;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Core.Retention;
using PostMantis.Core.Vault;
using PostMantis.Core.Webhooks;

namespace PostMantis.Core;

/// <summary>Registers every room of Core.</summary>
public static class CoreSetup
{
    public static IServiceCollection AddPostMantisCore(
        this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<InstanceOptions>().Bind(configuration).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<InstanceOptions>, PublicUrlAtStart>();
        services.AddScoped<UnitOfWork>();
        services.AddScoped<PendingRows>();
        services.AddScoped<SchemaKeeper>();
        services.AddScoped<MonthlyPartitions>();
        services.AddProviders();
        services.AddScoped<EventWriter>();
        services.AddScoped<Sequencer>();
        services.AddOptions<EventOptions>().BindConfiguration(EventOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddScoped<EventReader>();
        services.AddScoped<Sweeper>();
        services.AddConnections();
        services.AddScoped<ProfileReader>();
        services.AddScoped<ProfileLabels>();
        services.AddScoped<BrandEditor>();
        services.AddBudgets();
        services.AddDeliveries();
        services.AddVault();
        services.AddSealedColumn(Connection.SealedCredential);
        services.AddSealedColumn(ConnectionSession.SealedCredential);
        services.AddScoped<AuditLog>();
        services.AddScoped<AuditReader>();
        services.AddScoped<AuditChain>();
        services.AddScoped<AuditRetention>();
        services.AddOptions<AuditOptions>().BindConfiguration(AuditOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSealedColumn(AuditSeal.SealedHash);
        services.AddSealedColumn(AuditAnchor.Sealed);
        services.AddPrivacy();
        services.AddAccess();
        services.AddScoped<IdempotencyStore>();
        services.AddOutbound();
        services.AddMedia();
        services.AddQueue();
        services.AddWebhooks();
        return services;
    }
}
