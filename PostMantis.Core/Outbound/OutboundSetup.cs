using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Outbound;

/// <summary>Registers the guarded client.</summary>
public static class OutboundSetup
{
    /// <summary>Name of the client for every address that a user chose. It follows no redirects and sends no cookies.</summary>
    public const string Client = "guarded";

    private static readonly SilentMeters _meters = new();

    public static IServiceCollection AddOutbound(this IServiceCollection services)
    {
        services.AddOptions<OutboundOptions>().BindConfiguration(OutboundOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<OutboundOptions>, OutboundAtStart>();
        services.TryAddSingleton<INameResolver, SystemResolver>();
        services.TryAddSingleton(new OutboundTrust());
        services.AddSingleton<OutboundGuard>();
        services.AddSingleton<GuardedClient>();
        services.AddSingleton<GuardedPoster>();
        services.AddHttpClient(Client, client => client.Timeout = Timeout.InfiniteTimeSpan)
            .ConfigurePrimaryHttpMessageHandler(GuardedHandler);
        return services;
    }

    /// <summary>What a client sends through when people choose its addresses: it follows no redirects and sends no cookies.</summary>
    internal static SocketsHttpHandler GuardedHandler(IServiceProvider provider)
    {
        var guard = provider.GetRequiredService<OutboundGuard>();
        return new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = System.Net.DecompressionMethods.None,
            ConnectTimeout = provider.GetRequiredService<IOptions<OutboundOptions>>().Value.ConnectTimeout,

            // Each call is checked anew.
            PooledConnectionLifetime = TimeSpan.Zero,
            MaxResponseHeadersLength = 32,
            ActivityHeadersPropagator = null,
            MeterFactory = _meters,
            ConnectCallback = async (context, ct) => await guard.ConnectAsync(context.DnsEndPoint, ct),
        };
    }
}
