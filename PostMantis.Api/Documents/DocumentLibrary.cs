using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace PostMantis.Api.Documents;

/// <summary>The pages of <c>docs/</c> as this build carries them.</summary>
internal static class DocumentLibrary
{
    private const string Folder = "docs/";

    /// <summary>Every page by its file name.</summary>
    public static IReadOnlyDictionary<string, Document> All { get; } = Read();

    private static Dictionary<string, Document> Read()
    {
        var assembly = typeof(DocumentLibrary).Assembly;
        Dictionary<string, Document> documents = new(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Folder, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            using var buffer = new MemoryStream();
            stream.CopyTo(buffer);
            var (name, content) = (resource[Folder.Length..], buffer.ToArray());
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
