using System.Data;
using System.IO.Compression;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Media;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Privacy;

/// <summary>
/// Hands a person everything we have of them, as a zip that is made while it is sent: a file of JSON lines for each table, and
/// the media. Secrets are left out.
/// </summary>
public sealed class Exporter(NpgsqlDataSource database, PostMantisDb db, IMediaStore store, AuditLog audit)
{
    private const string ReadMe = """
        Everything this PostMantis instance has of your account, as it was at one moment.

        data/<table>.jsonl   one JSON object per line, a file for each table of the database
        media/<id>/<name>    the files you uploaded or imported, as they are kept

        Left out, because they are secrets or hashes of some: passwords, keys, tokens, signing secrets, recovery codes.
        """;

    /// <summary>Writes the zip; nothing is held but a buffer, however much there is.</summary>
    public async Task WriteAsync(Caller caller, Stream output, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(output);
        audit.Add(caller, "user.exported", "user", caller.UserId);
        await db.SaveChangesAsync(ct);
        await using var lagging = new LaggingStream(output);
        await using (var zip = await ZipArchive.CreateAsync(lagging, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8, ct))
            await FillAsync(zip, caller.UserId, ct);
        await lagging.FlushAsync(ct);
    }

    private async Task FillAsync(ZipArchive zip, Guid userId, CancellationToken ct)
    {
        await using (var entry = await zip.CreateEntry("README.txt").OpenAsync(ct))
            await entry.WriteAsync(Encoding.UTF8.GetBytes(ReadMe), ct);
        await using (var connection = await database.OpenConnectionAsync(ct))
        await using (await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct))
        {
            foreach (var table in PersonalTables.All.Where(t => t.NotExported is null))
                await WriteTableAsync(zip, connection, table, userId, ct);
        }
        await WriteMediaAsync(zip, userId, ct);
    }

    private static async Task WriteTableAsync(
        ZipArchive zip, NpgsqlConnection connection, PersonalTable table, Guid userId, CancellationToken ct)
    {
        // Names come from code.
        await using var command = new NpgsqlCommand(
            $"SELECT (to_jsonb(t) - $2)::text FROM {table.Name} t WHERE {table.Owner} ORDER BY {table.Key}", connection)
        {
            Parameters = { new() { Value = userId }, new() { Value = table.Secrets.ToArray() } },
            CommandTimeout = 0,
        };
        await using var rows = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, ct);
        await using var entry = await zip.CreateEntry($"data/{table.Name}.jsonl").OpenAsync(ct);
        await using var lines = new StreamWriter(entry, leaveOpen: true);
        while (await rows.ReadAsync(ct))
        {
            await lines.WriteAsync((await rows.GetFieldValueAsync<string>(0, ct)).AsMemory(), ct);
            await lines.WriteAsync("\n".AsMemory(), ct);
        }
    }

    private async Task WriteMediaAsync(ZipArchive zip, Guid userId, CancellationToken ct)
    {
        var files = db.Artifacts.AsNoTracking().Where(a => a.UserId == userId && a.Status == ArtifactStatus.Verified)
            .OrderBy(a => a.Id).AsAsyncEnumerable();
        await foreach (var file in files.WithCancellation(ct))
        {
            Stream content;
            try
            {
                content = await store.OpenAsync(file.Key, 0, ct);
            }
            catch (FileNotFoundException)
            {
                // It went while we were reading; its row says what it was.
                continue;
            }
            await using (content)
            await using (var entry = await zip.CreateEntry($"media/{file.Id}/{NameOf(file)}", CompressionLevel.NoCompression).OpenAsync(ct))
                await content.CopyToAsync(entry, ct);
        }
    }

    // Whatever it was called, it stays in its folder when the zip is opened.
    private static string NameOf(Artifact file)
    {
        var name = new string([.. (file.FileName ?? "").Select(c => char.IsLetterOrDigit(c) || c is '.' or '-' or '_' or ' ' ? c : '_')])
            .Trim('.', ' ');
        return name.Length == 0 ? "file" : name;
    }
}
