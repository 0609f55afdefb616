using Microsoft.AspNetCore.HttpOverrides;

namespace PostMantis.Api.Http;

/// <summary>The reverse proxies in front, whose word on client address and scheme is believed; nobody's by default.</summary>
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
    /// <summary>Comes first: everything after sees the client's own address and scheme.</summary>
    public static void UseProxies(this WebApplication app)
    {
        var proxies = app.Configuration.GetSection(ProxyOptions.Section).Get<ProxyOptions>() ?? new ProxyOptions();
        if (proxies.Addresses.Count > 0 || proxies.Networks.Count > 0)
        {
            var options = new ForwardedHeadersOptions
            {
                ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
                ForwardLimit = proxies.Hops,
            };
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var address in proxies.Addresses) options.KnownProxies.Add(System.Net.IPAddress.Parse(address));
            foreach (var network in proxies.Networks) options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(network));
            app.UseForwardedHeaders(options);
        }
        if (!app.Environment.IsDevelopment()) app.UseHsts();
    }
}
