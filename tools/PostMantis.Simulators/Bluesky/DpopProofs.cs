using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Bluesky;

/// <summary>Proofs that a caller holds the key a token is bound to; a fresh nonce is wanted of each.</summary>
internal sealed class DpopProofs(BlueskyNetwork network)
{
    private static readonly TimeSpan NonceLife = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Slack = TimeSpan.FromMinutes(5);
    private readonly ConcurrentDictionary<string, bool> _seen = new();
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);

    private DateTimeOffset Now => network.Sim.Now;

    /// <summary>The thumbprint of the key of the last accepted proof of this request.</summary>
    public static string KeyOf(HttpContext context) => (string)context.Items["dpop"]!;

    /// <summary>What is wrong with the request's proof; null when nothing is. 400 at the sign-in server, 401
    /// elsewhere.</summary>
    public IResult? Problem(HttpContext context, string? token, string? boundKey, int status)
    {
        context.Response.Headers["DPoP-Nonce"] = Nonce(0);
        if (Jwt.Read(context.Request.Headers["DPoP"].ToString()) is not { } proof
            || proof.Head.Text("typ") != "dpop+jwt"
            || proof.Head["jwk"] is not JsonObject key || !proof.SignedBy(key))
            return Refuse(context, status, "invalid_dpop_proof", "DPoP proof required");
        var body = proof.Body;
        if (body.Text("nonce") is not { } nonce || (nonce != Nonce(0) && nonce != Nonce(-1)))
            return Refuse(context, status, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof");
        var hash = token is null ? null : Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(token)));
        var issued = DateTimeOffset.FromUnixTimeSeconds(body.Number("iat") ?? 0);
        var wrong = body.Text("htm") != context.Request.Method ? "htm"
            : body.Text("htu") != context.Request.Origin() + context.Request.Path ? "htu"
            : (issued - Now).Duration() > Slack ? "iat"
            : body.Text("jti") is not { Length: > 0 } id || !_seen.TryAdd(id, true) ? "jti"
            : hash is not null && body.Text("ath") != hash ? "ath" : null;
        if (wrong is not null)
            return Refuse(context, status, "invalid_dpop_proof", $"DPoP \"{wrong}\" mismatch");
        var thumb = Jwt.Thumbprint(key);
        if (boundKey is not null && boundKey != thumb)
            return Refuse(context, status, "invalid_dpop_proof", "DPoP proof key mismatch");
        context.Items["dpop"] = thumb;
        return null;
    }

    private string Nonce(int windows)
    {
        var window = Now.UtcTicks / NonceLife.Ticks + windows;
        return Base64Url.EncodeToString(HMACSHA256.HashData(_secret, BitConverter.GetBytes(window)));
    }

    private static IResult Refuse(HttpContext context, int status, string error, string description)
    {
        if (status == 401) context.Response.Headers.WWWAuthenticate = $"DPoP error=\"{error}\"";
        return Results.Json(new { error, error_description = description }, statusCode: status);
    }
}

/// <summary>A signed token, ES256 only.</summary>
internal sealed record Jwt(JsonObject Head, JsonObject Body, string Signed, byte[] Signature)
{
    public static Jwt? Read(string text)
    {
        var parts = text.Split('.');
        if (parts.Length != 3 || Part(parts[0]) is not { } head || Part(parts[1]) is not { } body
            || head.Text("alg") != "ES256" || !Base64Url.IsValid(parts[2]))
            return null;
        return new Jwt(head, body, parts[0] + "." + parts[1], Base64Url.DecodeFromChars(parts[2]));
    }

    public bool SignedBy(JsonObject key)
    {
        if (key.Text("kty") != "EC" || key.Text("crv") != "P-256" || key.Text("x") is not { } x
            || key.Text("y") is not { } y || key["d"] is not null || !Base64Url.IsValid(x) || !Base64Url.IsValid(y))
            return false;
        try
        {
            using var known = ECDsa.Create(new ECParameters
            {
                Curve = ECCurve.NamedCurves.nistP256,
                Q = new ECPoint { X = Base64Url.DecodeFromChars(x), Y = Base64Url.DecodeFromChars(y) },
            });
            return known.VerifyData(Encoding.ASCII.GetBytes(Signed), Signature, HashAlgorithmName.SHA256);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    public static string Thumbprint(JsonObject key) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{key.Text("x")}\",\"y\":\"{key.Text("y")}\"}}")));

    private static JsonObject? Part(string text)
    {
        try
        {
            return Base64Url.IsValid(text) ? JsonNode.Parse(Base64Url.DecodeFromChars(text)) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
