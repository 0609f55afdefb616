using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>The JSON of a pin with its pictures in base64, which are read as they are sent and never held whole.</summary>
internal sealed class PinBody : HttpContent
{
    private readonly List<(byte[] Before, PublishFile? File)> _pieces = [];
    private readonly long _length;

    /// <param name="body">Where a picture belongs stands its <see cref="Place"/>.</param>
    public PinBody(JsonObject body, IReadOnlyList<PublishFile> files)
    {
        var rest = body.ToJsonString();
        for (var i = 0; i < files.Count; i++)
        {
            var parts = rest.Split(Place(files[i]), 2);
            _pieces.Add((Encoding.UTF8.GetBytes(parts[0]), files[i]));
            rest = parts[1];
        }
        _pieces.Add((Encoding.UTF8.GetBytes(rest), null));
        _length = _pieces.Sum(piece => piece.Before.Length + (piece.File is { } file ? (file.SizeBytes + 2) / 3 * 4 : 0));
        Headers.ContentType = new MediaTypeHeaderValue("application/json");
    }

    /// <summary>A word that no text of a post can hold by chance.</summary>
    public static string Place(PublishFile file) => $"file:{file.ArtifactId:N}:{file.Sha256}";

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken ct)
    {
        foreach (var (before, file) in _pieces)
        {
            await stream.WriteAsync(before, ct);
            if (file is null) continue;
            await using var source = await file.OpenAsync(0, ct);
            using var toBase64 = new ToBase64Transform();
            await using var encoded = new CryptoStream(source, toBase64, CryptoStreamMode.Read, leaveOpen: true);
            await encoded.CopyToAsync(stream, ct);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _length;
        return true;
    }
}
