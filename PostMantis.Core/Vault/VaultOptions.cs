using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Vault;

/// <summary>
/// The master keys: those of <see cref="MasterKeys"/> in their order, then the files of <see cref="KeyDirectory"/>, the
/// name that sorts last first. The first, or <see cref="CurrentKeyId"/>, seals; the others only open.
/// </summary>
public sealed class VaultOptions
{
    public const string Section = "Vault";

    public IList<MasterKeyOptions> MasterKeys { get; } = [];

    /// <summary>
    /// Folder of files named <c>&lt;id&gt;.key</c>, each with one key. In development it is <c>keys</c> in the data
    /// directory, and a key is made there when there is none anywhere.
    /// </summary>
    public string? KeyDirectory { get; set; }

    /// <summary>Id of the key that seals, when it is not the first: replicas learn a new key before any uses it.</summary>
    public string? CurrentKeyId { get; set; }

    /// <summary>How many values one step of the re-seal pass rewrites.</summary>
    [Range(1, 10_000)]
    public int ResealBatch { get; set; } = 200;

    /// <summary>How often the re-seal pass looks for values under an older key.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan ResealEvery { get; set; } = TimeSpan.FromHours(1);
}

/// <summary>One master key.</summary>
public sealed class MasterKeyOptions
{
    /// <summary>Written into every envelope, so it never changes while anything sealed with it exists.</summary>
    public string Id { get; set; } = "";

    /// <summary>32 bytes in base64, or any other secret of at least 44 characters, from which a key is derived.</summary>
    public string Value { get; set; } = "";
}
