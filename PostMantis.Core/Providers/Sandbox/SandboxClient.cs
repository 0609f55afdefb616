using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>Speaks the network's HTTP.</summary>
internal sealed class SandboxClient(SandboxSettings settings, ProviderTransport transport)
    : ProviderClient(ProviderCatalog.SandboxId, settings, transport)
{
    /// <summary>The path of a page; its id is the network's word and never becomes more than one segment.</summary>
    public static string PageOf(PublishTarget target) => $"/v1/destinations/{Uri.EscapeDataString(target.ProviderProfileId)}";

    public Task<ProviderAnswer> GetAsync(string path, string token, CancellationToken ct) => GetAsync(At(path), token, ct);

    public Task<ProviderAnswer> PostAsync(string path, string token, JsonObject body,
        IReadOnlyDictionary<string, string> headers, CancellationToken ct) =>
        PostJsonAsync(At(path), body, token, ct, headers);

    /// <summary>Uploads a file as a stream.</summary>
    public Task<ProviderAnswer> UploadAsync(string path, string token, PublishFile file, CancellationToken ct) =>
        UploadAsync(HttpMethod.Post, At(path), new FileSlice(file), token, ct);

    // Token endpoints answer the code directly, the others in an object.
    protected override (string? Code, string? Message) ReadError(JsonNode? body) => body.Get("error") is JsonObject error
        ? (error.Text("code"), error.Text("message"))
        : (body.Text("error"), null);
}
