using System.Buffers;
using System.Security.Cryptography;
using ImageMagick;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;
using PostMantis.Core.Common;

namespace PostMantis.Api.Sandbox;

/// <summary>
/// The network's media: taken by upload or fetched from an address, held to rules of its own, kept in pieces in its own
/// tables.
/// </summary>
internal sealed class SandboxFiles(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>Files in one post.</summary>
    public const int MostFiles = 4;

    private const int PieceBytes = 256 * 1024;
    private const int MostSide = 4096;

    private static readonly Dictionary<string, long> _most = new()
    {
        ["image/jpeg"] = 10_000_000, ["image/png"] = 10_000_000, ["image/webp"] = 10_000_000, ["image/gif"] = 15_000_000,
        ["video/mp4"] = 100_000_000, ["application/pdf"] = 20_000_000,
    };

    private static readonly HttpClient _puller = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };

    /// <summary>Creates the tables of media.</summary>
    public const string Schema = """
        CREATE TABLE IF NOT EXISTS sandbox.media (id uuid PRIMARY KEY,
            destination_id text NOT NULL REFERENCES sandbox.destinations, mime_type text NOT NULL, size_bytes bigint NOT NULL,
            sha256 text NOT NULL, created_at timestamptz NOT NULL);
        CREATE TABLE IF NOT EXISTS sandbox.media_pieces (media_id uuid NOT NULL, n int NOT NULL, bytes bytea NOT NULL,
            PRIMARY KEY (media_id, n));
        """;

    /// <summary>Takes the body of a request.</summary>
    public Task<(SandboxFile? File, string? Refusal)> TakeAsync(string destinationId, HttpContext http, CancellationToken ct)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = _most.Values.Max() + 1;
        return StoreAsync(destinationId, http.Request.ContentType ?? "", http.Request.Body, ct);
    }

    /// <summary>Fetches a file; only from this machine, where the network is tried out.</summary>
    public async Task<(SandboxFile? File, string? Refusal)> PullAsync(string destinationId, string url, CancellationToken ct)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https")
            || !address.IsLoopback) return (null, "The address of a file is none we fetch from.");
        try
        {
            using var answer = await _puller.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, ct);
            if (!answer.IsSuccessStatusCode) return (null, $"The address of a file answered {(int)answer.StatusCode}.");
            await using var content = await answer.Content.ReadAsStreamAsync(ct);
            return await StoreAsync(destinationId, answer.Content.Headers.ContentType?.MediaType ?? "", content, ct);
        }
        catch (HttpRequestException)
        {
            return (null, "The address of a file could not be reached.");
        }
    }

    /// <summary>Files of a page by id, in the order asked for; fewer when some are not there.</summary>
    public async Task<List<SandboxFile>> FindAsync(string? destinationId, IReadOnlyList<Guid> ids, CancellationToken ct)
    {
        if (ids.Count == 0) return [];
        await using var command = database.CreateCommand("""
            SELECT id, mime_type, size_bytes, sha256 FROM sandbox.media
            WHERE id = ANY($1) AND ($2::text IS NULL OR destination_id = $2) ORDER BY array_position($1, id)
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = ids.ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = destinationId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        List<SandboxFile> found = [];
        await using var row = await command.ExecuteReaderAsync(ct);
        while (await row.ReadAsync(ct))
            found.Add(new SandboxFile(row.GetGuid(0), row.GetString(1), row.GetInt64(2), row.GetString(3)));
        return found;
    }

    /// <summary>Why files cannot share a post; null when they can.</summary>
    public static string? Together(IReadOnlyList<SandboxFile> files)
    {
        if (files.Count > MostFiles) return $"A post has at most {MostFiles} files.";
        return files.Count > 1 && files.Any(f => f.MimeType is "video/mp4" or "application/pdf")
            ? "A video or a document stands alone."
            : null;
    }

    /// <summary>Writes a file out, piece by piece.</summary>
    public async Task WriteAsync(Guid id, Stream target, CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT bytes FROM sandbox.media_pieces WHERE media_id = $1 ORDER BY n");
        command.Parameters.AddWithValue(id);
        await using var row = await command.ExecuteReaderAsync(ct);
        while (await row.ReadAsync(ct)) await target.WriteAsync(row.GetFieldValue<byte[]>(0), ct);
    }

    private async Task<(SandboxFile? File, string? Refusal)> StoreAsync(
        string destinationId, string contentType, Stream content, CancellationToken ct)
    {
        var said = contentType.Split(';')[0].Trim();
        if (!_most.TryGetValue(said, out var most)) return (null, $"We do not take {(said.Length == 0 ? "files without a type" : "this type")}.");
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var id = Ids.New(time.GetUtcNow());
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            var (size, n) = (0L, 0);
            int read;
            while ((read = await content.ReadAtLeastAsync(piece.AsMemory(0, PieceBytes), PieceBytes, false, ct)) > 0)
            {
                if (n == 0 && Refusal(said, piece.AsSpan(0, read)) is { } refusal) return (null, refusal);
                size += read;
                if (size > most) return (null, $"A file of this type has at most {most} bytes.");
                hash.AppendData(piece, 0, read);
                await using var insert = new NpgsqlCommand("INSERT INTO sandbox.media_pieces VALUES ($1, $2, $3)", connection, transaction);
                insert.Parameters.AddWithValue(id);
                insert.Parameters.AddWithValue(n++);
                insert.Parameters.AddWithValue(piece[..read]);
                await insert.ExecuteNonQueryAsync(ct);
            }
            if (size == 0) return (null, "The file is empty.");
            var file = new SandboxFile(id, said, size, Convert.ToHexStringLower(hash.GetHashAndReset()));
            await using var made = new NpgsqlCommand("INSERT INTO sandbox.media VALUES ($1, $2, $3, $4, $5, $6)", connection, transaction);
            foreach (var value in (object[])[id, destinationId, said, size, file.Sha256, time.GetUtcNow()])
                made.Parameters.AddWithValue(value);
            await made.ExecuteNonQueryAsync(ct);
            await transaction.CommitAsync(ct);
            return (file, null);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    private static string? Refusal(string said, ReadOnlySpan<byte> head)
    {
        var isSo = said switch
        {
            "image/jpeg" => head.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]),
            "image/png" => head.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]),
            "image/gif" => head.StartsWith("GIF8"u8),
            "image/webp" => head.Length > 12 && head.StartsWith("RIFF"u8) && head[8..].StartsWith("WEBP"u8),
            "video/mp4" => head.Length > 12 && head[4..].StartsWith("ftyp"u8),
            _ => head.StartsWith("%PDF-"u8),
        };
        if (!isSo) return "The file is not what it is said to be.";
        if (!said.StartsWith("image/", StringComparison.Ordinal)) return null;
        try
        {
            var info = new MagickImageInfo(head);
            return info.Width > MostSide || info.Height > MostSide
                ? $"A picture has at most {MostSide} pixels a side; this has {info.Width} × {info.Height}."
                : null;
        }
        catch (MagickException)
        {
            return "The picture cannot be read.";
        }
    }
}

/// <summary>A file the network took.</summary>
internal sealed record SandboxFile(Guid Id, string MimeType, long SizeBytes, string Sha256);

/// <summary>A file as a post shows it.</summary>
internal sealed record SandboxAttachment(Guid Id, string MimeType, string? Alt);
