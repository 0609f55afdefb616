using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace PostMantis.Core.Access;

/// <summary>
/// The text of a key: <c>pm_live_&lt;id&gt;_&lt;secret+checksum&gt;</c>. The prefix and the checksum let scanners
/// recognise a leaked key, and let us refuse a mistyped one without asking the database.
/// </summary>
public sealed class ApiKeyText
{
    private const string LivePrefix = "pm_live_";
    private const string TestPrefix = "pm_test_";
    private const int SecretBytes = 32;
    private const int ChecksumBytes = 4;
    private const int IdLength = 22;
    private const int SecretLength = 48;

    private ApiKeyText(Guid id, bool testMode, byte[] secret) => (Id, TestMode, Secret) = (id, testMode, secret);

    public Guid Id { get; }

    public bool TestMode { get; }

    private byte[] Secret { get; }

    /// <summary>What people see of it: kind and id, never the secret.</summary>
    public string Prefix => PrefixOf(Id, TestMode);

    /// <summary>SHA-256 of the secret: 256 random bits need no slow hash.</summary>
    public byte[] SecretHash() => SHA256.HashData(Secret);

    /// <summary>A new key text for the key <paramref name="id"/>.</summary>
    public static ApiKeyText Create(Guid id, bool testMode) => new(id, testMode, RandomNumberGenerator.GetBytes(SecretBytes));

    /// <summary>The whole text, shown once.</summary>
    public string Reveal()
    {
        var tail = new byte[SecretBytes + ChecksumBytes];
        Secret.CopyTo(tail, 0);
        Checksum(Prefix, Secret).CopyTo(tail, SecretBytes);
        return $"{Prefix}_{Base64Url.EncodeToString(tail)}";
    }

    /// <summary>Reads a key text; null when it is malformed or its checksum is wrong.</summary>
    public static ApiKeyText? Parse(string? text)
    {
        if (text is null || text.Length != LivePrefix.Length + IdLength + 1 + SecretLength) return null;
        var testMode = text.StartsWith(TestPrefix, StringComparison.Ordinal);
        if (!testMode && !text.StartsWith(LivePrefix, StringComparison.Ordinal)) return null;
        var id = text.AsSpan(LivePrefix.Length, IdLength);
        var tail = text.AsSpan(LivePrefix.Length + IdLength + 1);
        if (text[LivePrefix.Length + IdLength] != '_' || !Base64Url.IsValid(id) || !Base64Url.IsValid(tail)) return null;
        var idBytes = Base64Url.DecodeFromChars(id);
        var tailBytes = Base64Url.DecodeFromChars(tail);
        if (idBytes.Length != 16 || tailBytes.Length != SecretBytes + ChecksumBytes) return null;
        var key = new ApiKeyText(new Guid(idBytes, bigEndian: true), testMode, tailBytes[..SecretBytes]);
        return key.Reveal() == text ? key : null;
    }

    /// <summary>Never the secret.</summary>
    public override string ToString() => Prefix;

    internal static string PrefixOf(Guid id, bool testMode) =>
        (testMode ? TestPrefix : LivePrefix) + Base64Url.EncodeToString(id.ToByteArray(bigEndian: true));

    // Of 256 random bits, four bytes of a hash over them tell nothing.
    private static byte[] Checksum(string prefix, byte[] secret) =>
        SHA256.HashData([.. Encoding.ASCII.GetBytes(prefix), .. secret])[..ChecksumBytes];
}
