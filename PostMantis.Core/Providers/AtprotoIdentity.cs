using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Providers;

/// <summary>Who somebody is and where their account lives: handle → DID → its document → server.</summary>
internal sealed partial class AtprotoIdentity(AtprotoClient client, AtprotoSettings settings)
{
    /// <summary>The DID of a handle; null when nobody has it, and an answer that says nothing where that is not known.</summary>
    public async Task<(string? Did, ProviderAnswer Answer)> ResolveAsync(Uri server, string handle, CancellationToken ct)
    {
        var answer = await client.GetAsync(AtprotoClient.Xrpc(server,
            $"com.atproto.identity.resolveHandle?handle={Uri.EscapeDataString(handle)}"), null, ct);
        return (answer.IsSuccess ? DidOf(answer.Body.Text("did")) : null, answer);
    }

    /// <summary>The server that the document of <paramref name="did"/> names; null when it names none.</summary>
    public async Task<string?> ServerOfAsync(string did, CancellationToken ct)
    {
        var at = did.StartsWith("did:web:", StringComparison.Ordinal)
            ? new Uri($"https://{Uri.UnescapeDataString(did["did:web:".Length..])}/.well-known/did.json")
            : new Uri(settings.DirectoryUrl, "/" + did);
        var answer = await client.GetAsync(at, null, ct);
        return answer.Body.Text("id") == did ? ServerOf(answer.Body) : null;
    }

    public static string? ServerOf(JsonNode? document) => document.Objects("service")?
        .FirstOrDefault(service => service.Text("id")?.EndsWith("#atproto_pds", StringComparison.Ordinal) == true)
        .Text("serviceEndpoint") is { } address ? AddressOf(address) : null;

    /// <summary>A server's address as a person or a document writes it; plain http is for this machine only.</summary>
    public static string? AddressOf(string typed)
    {
        var name = typed.Trim().TrimEnd('/');
        if (!name.Contains("://", StringComparison.Ordinal)) name = "https://" + name;
        return Uri.TryCreate(name, UriKind.Absolute, out var address) && address.UserInfo.Length == 0
            && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
                ? address.GetLeftPart(UriPartial.Authority) : null;
    }

    public static string? DidOf(string? text) => text is not null && Did().IsMatch(text) ? ProviderText.Id(text) : null;

    [GeneratedRegex("^did:(plc:[a-z2-7]{24}|web:[a-zA-Z0-9.%-]{3,250})$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Did();
}
