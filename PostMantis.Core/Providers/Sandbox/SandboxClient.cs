using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Speaks the network's HTTP: one call, one answer, nothing resent, no exception for what a network may do.</summary>
internal sealed class SandboxClient(IHttpClientFactory clients, TimeProvider time)
{
    public const string Name = "sandbox";

    /// <summary>Longest answer in bytes; a longer one counts as unreadable.</summary>
    public const int MostAnswer = 1 << 20;

    /// <summary>The path of a page; its id is the network's word and never becomes more than one segment.</summary>
    public static string PageOf(PublishTarget target) => $"/v1/destinations/{Uri.EscapeDataString(target.ProviderProfileId)}";

    public Task<SandboxAnswer> GetAsync(string path, string token, CancellationToken ct) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), token, [token], ct);

    public Task<SandboxAnswer> PostAsync(string path, string token, JsonObject body,
        IReadOnlyDictionary<string, string> headers, CancellationToken ct)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return SendAsync(request, token, [token], ct);
    }

    /// <summary>Posts a form; <paramref name="secrets"/> are those of its values that an answer must not repeat.</summary>
    public Task<SandboxAnswer> PostFormAsync(
        string path, Dictionary<string, string> form, IReadOnlyList<string> secrets, CancellationToken ct) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form) }, null,
            secrets, ct);

    private async Task<SandboxAnswer> SendAsync(
        HttpRequestMessage request, string? token, IReadOnlyList<string> secrets, CancellationToken ct)
    {
        using (request)
        {
            if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            try
            {
                using var client = clients.CreateClient(Name);
                using var response = await client.SendAsync(request, ct);
                // As bytes: the charset a network names need not exist.
                var content = await response.Content.ReadAsByteArrayAsync(ct);
                return SandboxAnswer.Of(response, content, secrets, time.GetUtcNow());
            }
            catch (HttpRequestException e)
            {
                // Without a connection nothing was sent; with one, nobody knows.
                var wasSent = e.HttpRequestError is not (HttpRequestError.ConnectionError
                    or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError);
                return new SandboxAnswer(wasSent ? SandboxSilence.Lost : SandboxSilence.NotSent);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return new SandboxAnswer(SandboxSilence.Lost);
            }
        }
    }
}
