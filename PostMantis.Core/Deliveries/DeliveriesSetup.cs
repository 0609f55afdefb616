using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Media;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>Registers the room.</summary>
public static class DeliveriesSetup
{
    public static IServiceCollection AddDeliveries(this IServiceCollection services)
    {
        services.AddOptions<DeliveryOptions>().BindConfiguration(DeliveryOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddScoped<PostReader>();
        services.AddScoped<PostAcceptor>();
        services.AddSingleton<PostIntake>();
        services.AddScoped<PostEditor>();
        services.AddScoped<PostCopier>();
        services.AddScoped<PostValidator>();
        services.AddScoped<PostEvents>();
        services.AddScoped<ComposerProfiles>();
        services.AddScoped<CalendarReader>();
        services.AddScoped<PostImporter>();
        services.AddScoped<PostBulk>();
        services.AddScoped<ProfileDisconnector>();
        services.AddScoped<ProfilePauses>();
        services.AddScoped<ProfileStandings>();
        services.AddScoped<BudgetForecast>();
        services.AddScoped<OverviewReader>();
        services.AddScoped<KeyActivityReader>();
        services.AddSingleton<DeliveryTelemetry>();
        services.AddScoped<DeliveryHolds>();
        services.AddScoped<DeliveryClaims>();
        services.AddScoped<DeliverySettler>();
        services.AddSingleton<CallMarker>();
        services.AddSingleton<SettleQueue>();
        services.AddSingleton<DeliveryProgress>();
        services.AddSingleton<DeliveryFiles>();
        services.AddSingleton<PreparationProgress>();
        services.AddSingleton<PostPreparer>();
        services.AddScoped<IArtifactWatcher, PreparationWatcher>();
        services.AddSingleton(provider => new DeliveryRunner(provider.GetRequiredService<IServiceScopeFactory>(),
            provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<CallMarker>(),
            provider.GetRequiredService<SettleQueue>(), provider.GetRequiredService<DeliveryProgress>(),
            provider.GetRequiredService<DeliveryFiles>(),
            provider.GetRequiredService<HeldLeases>(), provider.GetRequiredService<WakeUp>(),
            provider.GetRequiredService<DeliveryTelemetry>(), provider.GetRequiredService<IOptions<DeliveryOptions>>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<DeliveryRunner>>()));
        services.AddSingleton<DeliveryReconciler>();
        services.AddSingleton<ForgottenDeliveries>();
        services.AddSingleton<Recovery>();
        return services;
    }
}
