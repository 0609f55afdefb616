using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.YouTube;

/// <summary>Speaks the Data API of version 3.</summary>
internal sealed class YouTubeClient(YouTubeSettings settings, ProviderTransport transport)
    : ProviderClient(YouTubeProvider.Name, settings, transport)
{
    public Task<ProviderAnswer> GetAsync(string path, string token, CancellationToken ct) => GetAsync(At(path), token, ct);

    /// <summary>Whether an address that an answer named is where the API is: only then our token goes along.</summary>
    public bool IsOurs(Uri address) => address.Host == settings.BaseUrl.Host && address.Port == settings.BaseUrl.Port;

    // The API says why in the first of "errors"; the token endpoint has one word.
    protected override (string? Code, string? Message) ReadError(JsonNode? body) => body.Get("error") is JsonObject error
        ? ((error.Objects("errors") is [var first, ..] ? first.Text("reason") : null) ?? error.Text("status"), error.Text("message"))
        : (body.Text("error"), body.Text("error_description"));
}
