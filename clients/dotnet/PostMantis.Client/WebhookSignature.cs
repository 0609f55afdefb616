using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace PostMantis.Client;

/// <summary>Checks that a webhook came from the instance and is fresh (Standard Webhooks).</summary>
public static class WebhookSignature
{
    private const string SecretPrefix = "whsec_";
    private const string Version = "v1,";

    /// <summary>How far the timestamp may be from now.</summary>
    public static TimeSpan Tolerance { get; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether one of the signatures is right and the timestamp is near.</summary>
    /// <param name="body">As it was received, byte for byte.</param>
    /// <param name="id">The header <c>webhook-id</c>; also what to remember to do nothing twice.</param>
    /// <param name="timestamp">The header <c>webhook-timestamp</c>.</param>
    /// <param name="signatures">The header <c>webhook-signature</c>: several, with spaces between, while a secret is changed.</param>
    /// <param name="secret"><c>whsec_…</c>, shown once when the endpoint was made.</param>
    public static bool IsValid(ReadOnlySpan<byte> body, string? id, string? timestamp, string? signatures, string secret,
        TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(secret);
        if (id is null || signatures is null
            || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            return false;
        var distance = (time ?? TimeProvider.System).GetUtcNow().ToUnixTimeSeconds() - seconds;
        if (Math.Abs(distance) > Tolerance.TotalSeconds) return false;
        var key = Convert.FromBase64String(secret.StartsWith(SecretPrefix, StringComparison.Ordinal) ? secret[SecretPrefix.Length..] : secret);
        var expected = HMACSHA256.HashData(key, (byte[])[.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body]);
        var isValid = false;
        foreach (var signature in signatures.Split(' '))
        {
            var given = new byte[expected.Length];
            isValid |= signature.StartsWith(Version, StringComparison.Ordinal)
                && Convert.TryFromBase64String(signature[Version.Length..], given, out var length) && length == given.Length
                && CryptographicOperations.FixedTimeEquals(given, expected);
        }
        return isValid;
    }
}
