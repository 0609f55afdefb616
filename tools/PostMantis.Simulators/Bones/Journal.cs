using System.Security.Cryptography;

namespace PostMantis.Simulators.Bones;

/// <summary>A file that became public with a post.</summary>
/// <param name="MimeType">The type by content.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">Of the bytes, in lower-case hex.</param>
/// <param name="AltText">What was said for those who cannot see it.</param>
internal sealed record PublishedFile(string MimeType, long Size, string Sha256, string? AltText)
{
    public static PublishedFile Of(string mimeType, byte[] bytes, string? altText) =>
        new(mimeType, bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)), altText);
}

/// <summary>One thing the public can see, or could before it was deleted.</summary>
/// <param name="Network">The network's name.</param>
/// <param name="Account">The handle of the account that published.</param>
/// <param name="Kind">What it is: post, reply, video, photos, draft, comment, thumbnail …</param>
/// <param name="Id">The network's id.</param>
/// <param name="Text">The words, as they were sent.</param>
/// <param name="Files">The files, in order.</param>
/// <param name="At">When it became public.</param>
/// <param name="Details">What else the network keeps, by name.</param>
internal sealed record Published(
    string Network, string Account, string Kind, string Id, string Text, IReadOnlyList<PublishedFile> Files,
    DateTimeOffset At, IReadOnlyDictionary<string, string?> Details);

/// <summary>All that became public, in order: the judge of every test.</summary>
internal sealed class Journal
{
    private readonly Lock _gate = new();
    private readonly List<Published> _entries = [];

    public void Add(Published entry)
    {
        lock (_gate) _entries.Add(entry);
    }

    public IReadOnlyList<Published> Read()
    {
        lock (_gate) return [.. _entries];
    }
}
