using System.Buffers.Text;
using System.Security.Cryptography;

namespace PostMantis.Core.Access;

/// <summary>A secret for one link: 256 random bits, of which only the hash is kept.</summary>
internal static class LinkToken
{
    private const int Length = 32;

    /// <summary>A new secret after <paramref name="prefix"/>, as the link carries it, and the hash of all of it.</summary>
    public static (string Text, byte[] Hash) Create(ReadOnlySpan<byte> prefix = default)
    {
        byte[] bytes = [.. prefix, .. RandomNumberGenerator.GetBytes(Length)];
        return (Base64Url.EncodeToString(bytes), SHA256.HashData(bytes));
    }

    /// <summary>The bytes of a token of the right length; null for anything else.</summary>
    public static byte[]? Read(string? text, int prefixLength = 0)
    {
        var length = prefixLength + Length;
        if (text is null || text.Length != Base64Url.GetEncodedLength(length) || !Base64Url.IsValid(text)) return null;
        var bytes = Base64Url.DecodeFromChars(text);
        return bytes.Length == length ? bytes : null;
    }
}
