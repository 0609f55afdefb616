using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Outbound;

/// <summary>
/// Writes to addresses that a user chose, many times each: connections are kept and shared (HTTP/1.1 and 2), every new one
/// is checked, and a name is looked up anew at least every <see cref="ConnectionLifetime"/>. It follows no redirects, sends
/// no cookies and sends nothing twice.
/// </summary>
public sealed class GuardedPoster : IDisposable
{
    /// <summary>The longest a connection is kept, and with it what its name server said.</summary>
    public static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan _idle = TimeSpan.FromSeconds(30);
    private readonly OutboundGuard _guard;
    private readonly SilentMeters _meters = new();
    private readonly HttpMessageInvoker _client;

    public GuardedPoster(OutboundGuard guard, OutboundTrust trust, IOptions<OutboundOptions> options)
    {
        ArgumentNullException.ThrowIfNull(trust);
        ArgumentNullException.ThrowIfNull(options);
        _guard = guard;
        _client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.Value.ConnectTimeout,
            PooledConnectionLifetime = ConnectionLifetime,
            PooledConnectionIdleTimeout = _idle,
            EnableMultipleHttp2Connections = true,
            MaxResponseHeadersLength = 32,
            MaxResponseDrainSize = 0,
            ActivityHeadersPropagator = null,
            MeterFactory = _meters,
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = trust.Policy() },
            ConnectCallback = async (context, ct) => await guard.ConnectAsync(context.DnsEndPoint, ct),
        });
    }

    /// <summary>Sends once; the answer's body has not been read.</summary>
    /// <exception cref="OutboundRefusedException">The address may not be called.</exception>
    /// <exception cref="HttpRequestException">Nobody answered; or, with an <see cref="OutboundRefusedException"/> inside, what
    /// the name leads to may not be called.</exception>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (_guard.Refusal(request.RequestUri!) is { } refusal) throw new OutboundRefusedException(refusal);
        if (request.RequestUri!.Scheme == Uri.UriSchemeHttps)
            (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionOrLower);
        return _client.SendAsync(request, ct);
    }

    public void Dispose()
    {
        _client.Dispose();
        _meters.Dispose();
    }
}
