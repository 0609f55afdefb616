using System.Net;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Outbound;

/// <summary>Reads from addresses that a user chose: every step of a redirect is checked like the first.</summary>
public sealed class GuardedClient(IHttpClientFactory clients, OutboundGuard guard, IOptions<OutboundOptions> options)
{
    /// <summary>Asks for <paramref name="address"/>; the answer's body has not been read.</summary>
    /// <exception cref="OutboundRefusedException">The address, or one it leads on to, may not be called.</exception>
    /// <exception cref="HttpRequestException">Nobody answered.</exception>
    public async Task<HttpResponseMessage> GetAsync(Uri address, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(address);
        for (var redirects = 0; ; redirects++)
        {
            if (guard.Refusal(address) is { } refusal) throw new OutboundRefusedException(refusal);
            HttpResponseMessage answer;
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, address);
                request.Headers.TryAddWithoutValidation("User-Agent", "PostMantis");
                request.Headers.TryAddWithoutValidation("Accept", "*/*");
                answer = await clients.CreateClient(OutboundSetup.Client)
                    .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            }
            catch (HttpRequestException e) when (e.InnerException is OutboundRefusedException refused)
            {
                throw new OutboundRefusedException(refused.Message);
            }
            if (answer.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
                return answer;
            using (answer)
            {
                if (redirects >= options.Value.MaxRedirects)
                    throw new OutboundRefusedException("The address leads on too many times.");
                if (answer.Headers.Location is not { } location)
                    throw new OutboundRefusedException("The address leads on to nowhere.");
                var next = new Uri(address, location);
                if (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps)
                    throw new OutboundRefusedException("An https address may not lead on to http.");
                address = next;
            }
        }
    }
}
