using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace PostMantis.Web.Shared;

/// <summary>The files of <c>docs/</c> as this build carries them.</summary>
internal static class DocumentLibrary
{
    private const string Folder = "docs/";

    /// <summary>Every file by its path below <c>docs/</c>.</summary>
    public static IReadOnlyDictionary<string, Document> Files { get; } = Read();

    /// <summary>Those that programs are offered: without the pages of single networks.</summary>
    public static IReadOnlyDictionary<string, Document> All { get; } = Files
        .Where(f => !f.Key.Contains('/', StringComparison.Ordinal)).ToDictionary(StringComparer.Ordinal);

    private static Dictionary<string, Document> Read()
    {
        var assembly = typeof(DocumentLibrary).Assembly;
        Dictionary<string, Document> documents = new(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Folder, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            using var buffer = new MemoryStream();
            stream.CopyTo(buffer);
            var (name, content) = (resource[Folder.Length..].Replace('\\', '/'), buffer.ToArray());
            documents[name] = new Document(name, content,
                new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content)[..8])}\""));
        }
        return documents;
    }
}

/// <summary>One page.</summary>
internal sealed record Document(string Name, byte[] Content, EntityTagHeaderValue Tag)
{
    public string MimeType => Name.EndsWith(".md", StringComparison.Ordinal) ? "text/markdown" : "text/plain";

    public string Text => System.Text.Encoding.UTF8.GetString(Content);

    /// <summary>Its first heading.</summary>
    public string Title => Text.Split('\n').FirstOrDefault(line => line.StartsWith('#'), Name).TrimStart('#', ' ');
}
