using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.TikTok;

/// <summary>Speaks the Content Posting API of version 2. A yes is what says <c>ok</c>, whatever its status.</summary>
internal sealed class TikTokClient(TikTokSettings settings, ProviderTransport transport)
    : ProviderClient(TikTokProvider.Name, settings, transport)
{
    public Task<ProviderAnswer> PostAsync(string path, JsonObject body, string token, CancellationToken ct) =>
        PostJsonAsync(At(path), body, token, ct);

    /// <summary>Whether it is a yes: errors come with 200 too.</summary>
    public static bool IsOk(ProviderAnswer answer) => answer.IsSuccess && answer.Body.Text("error", "code") == "ok";

    // The token endpoint has one word, the API an object.
    protected override (string? Code, string? Message) ReadError(JsonNode? body) => body.Get("error") is JsonObject error
        ? (error.Text("code") == "ok" ? null : error.Text("code"), error.Text("message"))
        : (body.Text("error"), body.Text("error_description"));
}
