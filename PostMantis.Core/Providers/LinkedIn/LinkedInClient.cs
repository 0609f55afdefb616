using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>Speaks the versioned REST API.</summary>
internal sealed class LinkedInClient(LinkedInSettings settings, ProviderTransport transport)
    : ProviderClient(LinkedInProvider.Name, settings, transport)
{
    private readonly Dictionary<string, string> _headers = new()
    {
        ["Linkedin-Version"] = settings.Version,
        ["X-Restli-Protocol-Version"] = "2.0.0",
    };

    public Task<ProviderAnswer> GetAsync(string path, string token, CancellationToken ct, bool isFinder = false) =>
        SendAsync(Request(HttpMethod.Get, At(path), token, null,
            isFinder ? new Dictionary<string, string>(_headers) { ["X-RestLi-Method"] = "FINDER" } : _headers), [token], ct);

    public Task<ProviderAnswer> PostAsync(string path, JsonObject body, string token, CancellationToken ct) =>
        PostJsonAsync(At(path), body, token, ct, _headers);

    /// <summary>One segment of a path: URNs are percent-encoded.</summary>
    public static string Segment(string urn) => Uri.EscapeDataString(urn);

    // Token calls say "error" and "error_description", the API "code" on some answers and "message" on all.
    protected override (string? Code, string? Message) ReadError(JsonNode? body) => (
        body.Text("code") ?? body.Text("error")
            ?? body.Number("serviceErrorCode")?.ToString(System.Globalization.CultureInfo.InvariantCulture),
        body.Text("message") ?? body.Text("error_description"));
}
