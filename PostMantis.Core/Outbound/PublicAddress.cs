using System.Net;
using System.Net.Sockets;

namespace PostMantis.Core.Outbound;

/// <summary>Tells addresses that anybody on the internet can reach from all others.</summary>
public static class PublicAddress
{
    // What is not global unicast by IANA's registries, IPv4.
    private static readonly IPNetwork[] _notPublic4 =
    [
        .. ((string[])[
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
            "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",

            // Asked by machines of a cloud about themselves, though the address is public.
            "168.63.129.16/32",
        ]).Select(IPNetwork.Parse),
    ];

    // Only 2000::/3 is global unicast; these parts of it are not, or carry an IPv4 address inside.
    private const int GlobalMask = 0xE0;
    private const int Global = 0x20;

    private static readonly IPNetwork[] _notPublic6 =
    [
        .. ((string[])["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"]).Select(IPNetwork.Parse),
    ];

    /// <summary>True for global unicast addresses; addresses with an IPv4 address inside are never public.</summary>
    public static bool Is(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.AddressFamily switch
        {
            AddressFamily.InterNetwork => !Array.Exists(_notPublic4, range => range.Contains(address)),
            AddressFamily.InterNetworkV6 => address.ScopeId == 0 && (address.GetAddressBytes()[0] & GlobalMask) == Global
                && !Array.Exists(_notPublic6, range => range.Contains(address)),
            _ => false,
        };
    }
}
