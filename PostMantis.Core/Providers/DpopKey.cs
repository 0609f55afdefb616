using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers;

/// <summary>A P-256 key that signs: proofs that a token is ours (RFC 9449), and that this client is who it says.</summary>
internal sealed class DpopKey : IDisposable
{
    private readonly ECDsa _key;

    private DpopKey(ECDsa key) => _key = key;

    public static DpopKey New() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    public static DpopKey Open(string saved)
    {
        var key = ECDsa.Create();
        if (saved.Contains("-----BEGIN", StringComparison.Ordinal)) key.ImportFromPem(saved);
        else key.ImportPkcs8PrivateKey(Convert.FromBase64String(saved), out _);
        return new DpopKey(key);
    }

    public string Save() => Convert.ToBase64String(_key.ExportPkcs8PrivateKey());

    /// <summary>The public half as a JWK.</summary>
    public JsonObject Jwk()
    {
        var point = _key.ExportParameters(includePrivateParameters: false).Q;
        return new JsonObject
        {
            ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y),
        };
    }

    /// <summary>Names the public half (RFC 7638).</summary>
    public string Thumbprint()
    {
        var jwk = Jwk();
        return Hash($"{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{jwk.Text("x")}\",\"y\":\"{jwk.Text("y")}\"}}");
    }

    /// <summary>A proof for one call.</summary>
    public string Proof(HttpMethod method, Uri url, string? nonce, string? token, DateTimeOffset now)
    {
        var body = new JsonObject
        {
            ["jti"] = Id(), ["htm"] = method.Method, ["htu"] = url.GetLeftPart(UriPartial.Path), ["iat"] = now.ToUnixTimeSeconds(),
        };
        if (nonce is not null) body["nonce"] = nonce;
        if (token is not null) body["ath"] = Hash(token);
        return Sign(new JsonObject { ["typ"] = "dpop+jwt", ["alg"] = "ES256", ["jwk"] = Jwk() }, body);
    }

    /// <summary>Says that we are <paramref name="client"/> (RFC 7523).</summary>
    public string Assertion(string client, string issuer, DateTimeOffset now) => Sign(
        new JsonObject { ["alg"] = "ES256", ["kid"] = Thumbprint() },
        new JsonObject
        {
            ["iss"] = client, ["sub"] = client, ["aud"] = issuer, ["jti"] = Id(), ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = now.AddMinutes(1).ToUnixTimeSeconds(),
        });

    public void Dispose() => _key.Dispose();

    private string Sign(JsonObject head, JsonObject body)
    {
        var signed = $"{Encode(head)}.{Encode(body)}";
        return $"{signed}.{Base64Url.EncodeToString(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));

    private static string Hash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(text)));

    private static string Id() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
}
