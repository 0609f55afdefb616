using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Webhooks;

/// <summary>The secrets of endpoints and what is signed with them (Standard Webhooks 1.0).</summary>
public static class WebhookSecret
{
    /// <summary>How every secret begins, so that leak scanners know it.</summary>
    public const string Prefix = "whsec_";

    private const string Scheme = "v1,";
    private const int Bytes = 32;

    /// <summary>A new secret: its bytes are the key.</summary>
    public static byte[] Create() => RandomNumberGenerator.GetBytes(Bytes);

    /// <summary>The secret as its owner keeps it.</summary>
    public static string Text(ReadOnlySpan<byte> secret) => Prefix + Convert.ToBase64String(secret);

    /// <summary>What stands before the body in what is signed.</summary>
    internal static byte[] SignedHead(Guid id, DateTimeOffset timestamp) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id:D}.{timestamp.ToUnixTimeSeconds()}."));

    /// <summary>The value of <c>webhook-signature</c>: one signature for each secret that is live.</summary>
    /// <param name="signed"><c>id.timestamp.body</c>.</param>
    internal static string Sign(ReadOnlySpan<byte> signed, IReadOnlyList<OpenedSecret> secrets)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        var signature = "";
        foreach (var secret in secrets)
        {
            HMACSHA256.HashData(secret.AsSpan(), signed, hash);
            signature = signature.Length == 0
                ? Scheme + Convert.ToBase64String(hash)
                : $"{signature} {Scheme}{Convert.ToBase64String(hash)}";
        }
        return signature;
    }
}
