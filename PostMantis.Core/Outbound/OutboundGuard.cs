using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Outbound;

/// <summary>Why an address that a user chose is not called.</summary>
public sealed class OutboundRefusedException(string reason) : Exception(reason);

/// <summary>Finds the addresses of a name; replaced by tests that play a hostile name server.</summary>
public interface INameResolver
{
    Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken ct);
}

/// <summary>
/// Lets calls to user-chosen addresses reach public addresses only. Names are resolved here, once per connection, and that
/// very connection goes to what was checked: an answer that changes afterwards changes nothing.
/// </summary>
public sealed class OutboundGuard
{
    private const int FirstFreePort = 1024;

    private static readonly string[] _inner =
        ["localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa", "test", "example", "invalid", "onion"];

    private readonly INameResolver _names;
    private readonly IPNetwork[] _allowed;

    // An address is asked about again with every call to it, and the answer is always the same.
    private readonly ConditionalWeakTable<Uri, string?> _verdicts = [];

    public OutboundGuard(INameResolver names, IOptions<OutboundOptions> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_names, _allowed) = (names, [.. options.Value.AllowedRanges.Select(IPNetwork.Parse)]);
    }

    /// <summary>What speaks against an address without asking its name server; null when nothing does.</summary>
    public string? Refusal(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return _verdicts.TryGetValue(address, out var verdict) ? verdict : _verdicts.GetValue(address, Judge);
    }

    private string? Judge(Uri address)
    {
        if (!address.IsAbsoluteUri || address.Scheme is not ("http" or "https")) return "Only http and https are called.";
        if (address.UserInfo.Length > 0) return "An address with a user name or password is not called.";
        var host = address.IdnHost.TrimEnd('.');
        if (host.Length == 0) return "The address names no host.";
        if (IPAddress.TryParse(host.Trim('[', ']'), out var literal))
        {
            if (!IsAllowed(literal)) return "Only public addresses are called.";
        }
        else
        {
            var labels = host.Split('.');
            // The one name whose address is known without asking (RFC 6761): an exception where that address is one.
            var isThisMachine = host.Equals("localhost", StringComparison.OrdinalIgnoreCase) && IsAllowed(IPAddress.Loopback);
            if (!isThisMachine && (labels.Length == 1 || _inner.Contains(labels[^1], StringComparer.OrdinalIgnoreCase)))
                return "Names of inner networks are not called.";

            // What a name server would never be asked for, but a lenient parser would read as an address.
            if (labels[^1].All(char.IsAsciiDigit) || labels[^1].StartsWith("0x", StringComparison.OrdinalIgnoreCase))
                return "The host is neither a name nor a plain address.";
        }
        return address.Port is 80 or 443 or >= FirstFreePort ? null : "Services on this port are not called.";
    }

    /// <summary>Whether the address names, without a name server, one of the ranges allowed by configuration.</summary>
    public bool IsException(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return IPAddress.TryParse(address.Host.Trim('[', ']'), out var literal) && !PublicAddress.Is(literal) && IsAllowed(literal);
    }

    /// <summary>Opens a connection to a checked address of the host.</summary>
    /// <exception cref="OutboundRefusedException">The host has an address that is not public.</exception>
    public async Task<Stream> ConnectAsync(DnsEndPoint host, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(host);
        var name = host.Host.TrimEnd('.');
        IReadOnlyList<IPAddress> addresses = IPAddress.TryParse(name.Trim('[', ']'), out var literal)
            ? [literal]
            : await _names.ResolveAsync(name, ct);
        if (addresses.Count == 0) throw new HttpRequestException(HttpRequestError.NameResolutionError);

        // One inner address among public ones is a trap, not a choice.
        if (!addresses.All(IsAllowed)) throw new OutboundRefusedException("Only public addresses are called.");
        SocketException? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, host.Port), ct);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        throw new HttpRequestException(HttpRequestError.ConnectionError, "None of the host's addresses answers.", last);
    }

    private bool IsAllowed(IPAddress address) =>
        PublicAddress.Is(address) || (!address.IsIPv4MappedToIPv6 && Array.Exists(_allowed, range => range.Contains(address)));
}

/// <summary>
/// Who vouches for servers at addresses that a user chose: the system's authorities, and nobody else; replaced by tests that
/// run a server of their own.
/// </summary>
public sealed class OutboundTrust(params X509Certificate2[] authorities)
{
    internal X509ChainPolicy? Policy()
    {
        if (authorities.Length == 0) return null;
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }
}

/// <summary>The system's own resolver.</summary>
internal sealed class SystemResolver : INameResolver
{
    public async Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken ct) =>
        await Dns.GetHostAddressesAsync(host, ct);
}
