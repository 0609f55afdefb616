using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Tests.Simulators;

/// <summary>A key that signs ES256 tokens for tests.</summary>
internal sealed class DpopKey : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _count;

    public JsonObject Public
    {
        get
        {
            var point = _key.ExportParameters(false).Q;
            return new JsonObject
            {
                ["kty"] = "EC",
                ["crv"] = "P-256",
                ["x"] = Base64Url.EncodeToString(point.X),
                ["y"] = Base64Url.EncodeToString(point.Y),
            };
        }
    }

    public string Sign(JsonObject head, JsonObject body)
    {
        head["alg"] = "ES256";
        var text = Part(head) + "." + Part(body);
        var signature = _key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256);
        return text + "." + Base64Url.EncodeToString(signature);
    }

    public string Proof(string method, string uri, DateTimeOffset now, string? nonce, string? token = null)
    {
        var body = new JsonObject
        {
            ["jti"] = $"proof-{GetHashCode()}-{_count++}",
            ["htm"] = method,
            ["htu"] = uri,
            ["iat"] = now.ToUnixTimeSeconds(),
        };
        if (nonce is not null) body["nonce"] = nonce;
        if (token is not null) body["ath"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(token)));
        return Sign(new JsonObject { ["typ"] = "dpop+jwt", ["jwk"] = Public }, body);
    }

    public void Dispose() => _key.Dispose();

    private static string Part(JsonObject part) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
