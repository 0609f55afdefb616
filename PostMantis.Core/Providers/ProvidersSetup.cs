using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Outbound;

namespace PostMantis.Core.Providers;

/// <summary>Registers one network; every folder below this room has one, and nothing else need know of it.</summary>
internal interface IProviderSetup
{
    void Register(IServiceCollection services);
}

/// <summary>Registers the room and every network in it.</summary>
public static class ProvidersSetup
{
    public static IServiceCollection AddProviders(this IServiceCollection services)
    {
        services.AddProviderCore();
        foreach (var setup in Setups) ((IProviderSetup)Activator.CreateInstance(setup)!).Register(services);
        return services;
    }

    /// <summary>One for each network's folder.</summary>
    internal static IReadOnlyList<Type> Setups { get; } = [.. typeof(IProviderSetup).Assembly.GetTypes()
        .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IProviderSetup)))
        .OrderBy(type => type.FullName, StringComparer.Ordinal)];

    /// <summary>What all networks share, without any of them.</summary>
    internal static IServiceCollection AddProviderCore(this IServiceCollection services)
    {
        services.AddSingleton<ProviderTransport>();
        services.AddSingleton<ProviderCatalog>();
        return services;
    }

    /// <summary>
    /// Registers a network: its settings from <c>Providers:{section}</c>, its HTTP client, and its parts, each made once.
    /// </summary>
    /// <param name="id">The contract's name: also that of the HTTP client.</param>
    internal static IServiceCollection AddNetwork<TProvider, TSettings>(
        this IServiceCollection services, string id, string section, params Type[] parts)
        where TProvider : class, IProvider
        where TSettings : ProviderSettings, new()
    {
        services.AddOptions<TSettings>().BindConfiguration(section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<TSettings>>().Value);
        var client = services.AddHttpClient(id, http =>
        {
            http.Timeout = Timeout.InfiniteTimeSpan;
            http.MaxResponseContentBufferSize = ProviderClient.MostAnswer;
        });
        client.ConfigureHttpClient(http => http.DefaultRequestHeaders.UserAgent.ParseAdd("PostMantis"));
        if (new TSettings().IsGuarded)
            client.ConfigurePrimaryHttpMessageHandler(provider =>
            {
                // A span for every call, as of other networks; its ids are nobody's business there.
                var handler = OutboundSetup.GuardedHandler(provider);
                handler.ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator();
                return handler;
            });
        foreach (var part in parts) services.AddSingleton(part);
        services.AddSingleton<TProvider>();
        services.AddSingleton<IProvider>(provider => provider.GetRequiredService<TProvider>());
        return services;
    }
}
