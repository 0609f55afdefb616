using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Persistence;

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
        services.AddSingleton(provider => new UrlSigner(provider.GetRequiredService<MasterKeys>()));
        services.AddScoped(provider => new Resealer(provider.GetRequiredService<PostMantisDb>(),
            provider.GetRequiredService<SecretVault>(), provider.GetRequiredService<SealedKeyRepository>(),
            provider.GetServices<SealedColumn>(), provider.GetRequiredService<VaultTelemetry>(),
            provider.GetRequiredService<IOptions<VaultOptions>>(), provider.GetRequiredService<ILogger<Resealer>>()));
        services.AddScoped(provider => new KeyKeeper(provider.GetRequiredService<PostMantisDb>(),
            provider.GetRequiredService<MasterKeys>(), provider.GetRequiredService<SecretVault>(),
            provider.GetServices<SealedColumn>(), provider.GetRequiredService<Resealer>(),
            provider.GetRequiredService<TimeProvider>()));

        services.AddSingleton(provider => new SealedKeyRepository(provider.GetRequiredService<IServiceScopeFactory>(),
            new Lazy<SecretVault>(provider.GetRequiredService<SecretVault>),
            provider.GetRequiredService<ILogger<SealedKeyRepository>>()));
        services.AddDataProtection().SetApplicationName("PostMantis");
        services.AddOptions<KeyManagementOptions>().Configure<SealedKeyRepository>((options, repository) =>
            options.XmlRepository = repository);

        // It warns that no encryptor is configured for parts of the keys: ours are sealed whole.
        services.AddLogging(logging =>
            logging.AddFilter("Microsoft.AspNetCore.DataProtection.KeyManagement.XmlKeyManager", LogLevel.Error));
        return services;
    }

    /// <summary>Tells the re-seal pass of a column that holds sealed values.</summary>
    public static IServiceCollection AddSealedColumn(this IServiceCollection services, SealedColumn column) =>
        services.AddSingleton(column);
}
