using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>The reverse proxies in front, whose word on the client's address is believed; nobody's by default.</summary>
internal sealed class ProxyOptions
{
    public const string Section = "Proxy";

    /// <summary>IP addresses of proxies.</summary>
    public IList<string> Addresses { get; } = [];

    /// <summary>Networks of proxies, as CIDRs.</summary>
    public IList<string> Networks { get; } = [];

    /// <summary>How many of them are in a row.</summary>
    public int Hops { get; set; } = 1;
}

/// <summary>What stands between a client and this process.</summary>
internal static class ProxySetup
{
    private static readonly TimeSpan HstsLifetime = TimeSpan.FromDays(365);

    public static void AddProxies(this IServiceCollection services)
    {
        services.AddOptions<ProxyOptions>().BindConfiguration(ProxyOptions.Section)
            .Validate(proxy => proxy.Addresses.All(a => System.Net.IPAddress.TryParse(a, out _))
                && proxy.Networks.All(n => System.Net.IPNetwork.TryParse(n, out _)) && proxy.Hops is >= 1 and <= 10,
                "Proxy:Addresses are IP addresses, Proxy:Networks are CIDRs, Proxy:Hops is from 1 to 10.")
            .ValidateOnStart();
        services.AddHsts(options => options.MaxAge = HstsLifetime);
    }

    /// <summary>Comes first: everything after sees the client's own address, and the scheme people use.</summary>
    public static void UseProxies(this WebApplication app)
    {
        var proxies = app.Services.GetRequiredService<IOptions<ProxyOptions>>().Value;
        if (proxies.Addresses.Count > 0 || proxies.Networks.Count > 0)
        {
            var options = new ForwardedHeadersOptions
            {
                ForwardedHeaders = ForwardedHeaders.XForwardedFor,
                ForwardLimit = proxies.Hops,
            };
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var address in proxies.Addresses) options.KnownProxies.Add(System.Net.IPAddress.Parse(address));
            foreach (var network in proxies.Networks) options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(network));
            app.UseForwardedHeaders(options);
        }

        // TLS may end at a proxy, but the instance has one public address, and its scheme is what browsers speak.
        var isHttps = app.Services.GetRequiredService<IOptions<InstanceOptions>>().Value.PublicUrl.Scheme == Uri.UriSchemeHttps;
        app.Use((http, next) =>
        {
            if (isHttps) http.Request.Scheme = Uri.UriSchemeHttps;
            if (http.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } address)
                http.Connection.RemoteIpAddress = address.MapToIPv4();
            return next(http);
        });
        if (isHttps) app.UseHsts();
    }
}
