using System.Security.Cryptography;

namespace PostMantis.Core.Webhooks;

/// <summary>The secrets of endpoints (Standard Webhooks 1.0).</summary>
public static class WebhookSecret
{
    /// <summary>How every secret begins, so that leak scanners know it.</summary>
    public const string Prefix = "whsec_";

    private const int Bytes = 32;

    /// <summary>A new secret: its bytes are the key.</summary>
    public static byte[] Create() => RandomNumberGenerator.GetBytes(Bytes);

    /// <summary>The secret as its owner keeps it.</summary>
    public static string Text(ReadOnlySpan<byte> secret) => Prefix + Convert.ToBase64String(secret);
}
