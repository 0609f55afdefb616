using System.Security.Cryptography;
using System.Text;

namespace PostMantis.Core.Vault;

/// <summary>
/// Signs what is handed out in addresses, under a key derived from the current master key; signatures made under older
/// master keys hold as long as those are configured.
/// </summary>
public sealed class UrlSigner
{
    private const string Info = "postmantis url signature v1";
    private readonly MasterKeys _keys;

    internal UrlSigner(MasterKeys keys) => _keys = keys;

    /// <summary>A signature of <paramref name="text"/>, safe in a query: the master key's id and an HMAC-SHA256.</summary>
    public string Sign(string text)
    {
        var key = _keys.Current;
        return $"{key.Id}~{Convert.ToHexStringLower(Mac(key, text))}";
    }

    /// <summary>Whether <paramref name="signature"/> was made by <see cref="Sign"/> for the same text.</summary>
    public bool Holds(string text, string? signature)
    {
        var parts = (signature ?? "").Split('~');
        if (parts.Length != 2 || !_keys.TryFind(parts[0], out var key)) return false;
        return CryptographicOperations.FixedTimeEquals(
            Encoding.ASCII.GetBytes(parts[1]), Encoding.ASCII.GetBytes(Convert.ToHexStringLower(Mac(key, text))));
    }

    private static byte[] Mac(MasterKey key, string text)
    {
        Span<byte> derived = stackalloc byte[MasterKey.Length];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key.Value, derived, [], Encoding.ASCII.GetBytes(Info));
        var mac = HMACSHA256.HashData(derived, Encoding.UTF8.GetBytes(text));
        CryptographicOperations.ZeroMemory(derived);
        return mac;
    }
}
