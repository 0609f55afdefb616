using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Vault;

/// <summary>Registers the room.</summary>
public static class VaultSetup
{
    public static IServiceCollection AddVault(this IServiceCollection services)
    {
        services.AddOptions<VaultOptions>().BindConfiguration(VaultOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<VaultOptions>, MasterKeysAtStart>();
        services.AddSingleton<MasterKeys>();
        services.AddSingleton<VaultTelemetry>();
        services.AddSingleton(provider => new SecretVault(
            provider.GetRequiredService<MasterKeys>(), provider.GetRequiredService<VaultTelemetry>()));
        return services;
    }

    /// <summary>Tells the re-seal pass of a column that holds sealed values.</summary>
    public static IServiceCollection AddSealedColumn(this IServiceCollection services, SealedColumn column) =>
        services.AddSingleton(column);
}
