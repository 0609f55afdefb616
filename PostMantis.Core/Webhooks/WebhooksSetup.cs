using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Outbox;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Webhooks;

/// <summary>Registers the room.</summary>
public static class WebhooksSetup
{
    public static IServiceCollection AddWebhooks(this IServiceCollection services)
    {
        services.AddOptions<WebhookOptions>().BindConfiguration(WebhookOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSealedColumn(WebhookEndpoint.SealedSecret);
        services.AddSealedColumn(WebhookEndpoint.SealedPreviousSecret);
        services.AddSingleton<WebhookTelemetry>();
        services.AddScoped<IEventFollower, MessageMaker>();
        services.AddScoped<WebhookEndpoints>();
        services.AddScoped<WebhookReplays>();
        services.AddScoped<WebhookReader>();
        services.AddScoped<WebhookClaims>();
        services.AddScoped<WebhookSettler>();
        services.AddSingleton<WebhookSettleQueue>();
        services.AddSingleton<WebhookSender>();
        services.AddSingleton(provider => new WebhookRunner(provider.GetRequiredService<IServiceScopeFactory>(),
            provider.GetRequiredService<WebhookSender>(), provider.GetRequiredService<WebhookSettleQueue>(),
            provider.GetRequiredService<SecretVault>(), provider.GetRequiredService<HeldLeases>(),
            provider.GetRequiredService<WakeUp>(), provider.GetRequiredService<WebhookTelemetry>(),
            provider.GetRequiredService<IOptions<WebhookOptions>>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<WebhookRunner>>()));
        services.AddSingleton<WebhookRecovery>();
        services.AddScoped<WebhookRetention>();
        return services;
    }
}
