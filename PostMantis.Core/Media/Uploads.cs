using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Media;

/// <summary>What a request for an upload got: a place to send bytes to, or an import under way.</summary>
public sealed record NewUpload(ArtifactResource Artifact, UploadTicket? Ticket);

/// <summary>A file that came with another request: its bytes are in the store.</summary>
/// <param name="Id">Of the artifact that it will be.</param>
/// <param name="Name">What the request calls it.</param>
/// <param name="Pointer">Where the request names it.</param>
public sealed record ReceivedFile(
    Guid Id, string Name, string Pointer, string FileName, string MimeType, long SizeBytes, string Sha256);

/// <summary>Takes media in: reserves places for bytes, looks at what came, and starts imports.</summary>
public sealed class Uploads(UnitOfWork unit, IMediaStore store, ArtifactReader reader, ArtifactSettler settler,
    MediaQuota quota, Imports imports, IOptions<MediaOptions> options, TimeProvider time)
{
    /// <summary>Longest address to import from.</summary>
    public const int MostUrl = 2_000;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Reserves an upload or starts an import (contract §3, POST /uploads).</summary>
    /// <exception cref="ProblemException">invalidRequest with every issue; payloadTooLarge beyond the user's quota.</exception>
    public async Task<NewUpload> StartAsync(Caller caller, JsonObject body, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(body);
        caller.Require(Permission.Draft);
        List<Issue> issues = [];
        var reader = new ObjectReader(body, "", issues);
        if (reader.Has("url"))
        {
            var address = ReadUrl(reader, "url");
            reader.Finish();
            if (issues.Count > 0) throw ProblemException.Invalid(issues);
            return await unit.RunAsync(async token =>
            {
                await quota.RequireAsync(caller.UserId, 1, token);
                var import = imports.Add(caller, address!);
                await _db.SaveChangesAsync(token);
                return new NewUpload(Show(import), null);
            }, ct);
        }
        var name = reader.String("fileName", required: true, min: 1, max: FileNames.Most);
        if (name is not null && !FileNames.Is(name))
            issues.Add(new Issue("/fileName", Rule.WrongFormat, "Must be a plain file name, without a folder."));
        var type = reader.String("mimeType", required: true, min: 3, max: 100);
        if (type is not null && !IsType(type))
            issues.Add(new Issue("/mimeType", Rule.WrongFormat, "Must be a media type such as image/jpeg."));
        var size = reader.Integer("fileSize", 1, options.Value.MaxBytes, "bytes", required: true);
        reader.Finish();
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        var artifact = await unit.RunAsync(async token =>
        {
            await quota.RequireAsync(caller.UserId, size!.Value, token);
            var reserved = AddReserved(caller, name!, type!, size.Value);
            await _db.SaveChangesAsync(token);
            return reserved;
        }, ct);
        return new NewUpload(Show(artifact), await TicketAsync(artifact, ct));
    }

    /// <summary>What <see cref="StartAsync"/> answered, made anew: for a request that is repeated.</summary>
    public async Task<NewUpload> AgainAsync(Caller caller, Guid id, CancellationToken ct)
    {
        var artifact = await ArtifactReader.InScope(_db, caller).AsNoTracking().SingleOrDefaultAsync(a => a.Id == id, ct)
            ?? throw ProblemException.NotFound("artifact");
        return new NewUpload(Show(artifact), artifact.ClaimedBytes > 0 ? await TicketAsync(artifact, ct) : null);
    }

    /// <summary>Looks at the bytes that came; asked again, it answers what it found before.</summary>
    /// <param name="body"><c>{"artifactId": …}</c>.</param>
    /// <exception cref="ProblemException">
    /// invalidRequest: there is no such artifact, or its bytes have not all come (<c>limit</c> announced, <c>actual</c>
    /// come); conflict: it is still being sent, or its time has run out.
    /// </exception>
    public async Task<ArtifactResource> CompleteAsync(Caller caller, JsonObject body, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        caller.Require(Permission.Draft);
        List<Issue> issues = [];
        var asked = new ObjectReader(body, "", issues);
        var id = asked.Id("artifactId", required: true);
        asked.Finish();
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        return await unit.RunAsync(async token =>
        {
            if (!await ArtifactReader.InScope(_db, caller).AnyAsync(a => a.Id == id, token)
                || await settler.LockAsync(id!.Value, token) is not { } artifact)
                throw Missing(Rule.NotFound, "There is no such artifact.");
            if (artifact.Status is ArtifactStatus.Verified or ArtifactStatus.Failed) return Show(artifact);
            if (artifact.Status == ArtifactStatus.Expired || artifact.ExpiresAt <= time.GetUtcNow())
                throw ProblemException.Conflict("The upload was not completed in time; start another.", "expired", []);
            if (artifact.Status == ArtifactStatus.Importing)
                throw ProblemException.Conflict("An import completes by itself.", CamelCase.Of(artifact.Status), []);
            var come = await store.ReceivedAsync(artifact.Key, token)
                ?? (await store.FindAsync(artifact.Key, token))?.SizeBytes ?? 0;
            if (come != artifact.ClaimedBytes)
                throw Missing(Rule.NotReady, "The bytes that were announced have not all come.",
                    artifact.ClaimedBytes, come);
            try
            {
                await settler.InspectAsync(artifact, token);
            }
            catch (UploadBusyException)
            {
                throw ProblemException.Conflict("The upload is still being sent.", CamelCase.Of(artifact.Status), []);
            }
            return Show(artifact);
        }, ct);

        static ProblemException Missing(Rule rule, string message, long? limit = null, long? actual = null) =>
            ProblemException.Invalid(new Issue("/artifactId", rule, message, Limit: limit, Actual: actual,
                Unit: limit is null ? null : "bytes"));
    }

    /// <summary>Stores a file that comes with another request; it is nobody's until it is taken.</summary>
    /// <param name="pointer">Where the request names it.</param>
    /// <exception cref="MediaTooLargeException">There are more than <paramref name="most"/> bytes; nothing is left.</exception>
    public async Task<ReceivedFile> ReceiveAsync(string name, string pointer, string fileName, string mimeType,
        Stream content, long most, CancellationToken ct)
    {
        var id = Ids.New(time.GetUtcNow());
        await using var counted = new HashingStream(content);
        try
        {
            await store.WriteAsync(Artifact.KeyOf(id), counted, most, ct);
        }
        catch
        {
            await store.DeleteAsync(Artifact.KeyOf(id), CancellationToken.None);
            throw;
        }
        return new ReceivedFile(id, name, pointer, FileNames.Clean(fileName),
            IsType(mimeType) ? mimeType : "application/octet-stream", counted.Count, counted.Digest());
    }

    /// <summary>Takes one file that is here whole: stored, looked at and verified, or nothing of it stays.</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest: the file is refused; payloadTooLarge beyond the user's quota.
    /// </exception>
    public async Task<ArtifactResource> TakeAsync(
        Caller caller, string fileName, string mimeType, Stream content, long size, CancellationToken ct)
    {
        var received = await ReceiveAsync("file", "/file", fileName, mimeType, content, size, ct);
        try
        {
            return (await TakeAsync(caller, [received], ct))[0];
        }
        catch
        {
            await DiscardAsync([received], CancellationToken.None);
            throw;
        }
    }

    /// <summary>Makes artifacts of files that were received: looked at, all of them verified or none taken.</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest: a file is refused; payloadTooLarge beyond the user's quota.
    /// </exception>
    public Task<IReadOnlyList<ArtifactResource>> TakeAsync(
        Caller caller, IReadOnlyList<ReceivedFile> files, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(files);
        caller.Require(Permission.Draft);
        return unit.RunAsync<IReadOnlyList<ArtifactResource>>(async token =>
        {
            if (files.Count == 0) return [];
            await quota.RequireAsync(caller.UserId, files.Sum(f => f.SizeBytes), token);
            var artifacts = files.Select(f => AddReserved(caller, f.FileName, f.MimeType, f.SizeBytes, f.Id)).ToList();
            await _db.SaveChangesAsync(token);
            List<Issue> refused = [];
            for (var i = 0; i < files.Count; i++)
            {
                await settler.InspectAsync(artifacts[i], token);
                if (artifacts[i].Error is { } error)
                    refused.Add(new Issue(files[i].Pointer, Rule.Unsupported, $"This file was refused: {error.Message}",
                        Limit: error.Limit, Actual: error.Actual, Unit: error.Unit));
            }
            return refused.Count == 0 ? [.. artifacts.Select(Show)] : throw ProblemException.Invalid(refused);
        }, ct);
    }

    /// <summary>Removes files that were received and came to nothing; those a post uses after all stay.</summary>
    public Task DiscardAsync(IReadOnlyList<ReceivedFile> files, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(files);
        if (files.Count == 0) return Task.CompletedTask;
        return unit.RunAsync(async token =>
        {
            var ids = files.Select(f => f.Id).ToArray();
            _db.ChangeTracker.Clear();
            var artifacts = await _db.Artifacts.FromSql(
                $"SELECT * FROM artifacts WHERE id = ANY({ids}) ORDER BY id FOR UPDATE").ToListAsync(token);
            var used = await _db.ArtifactUses.Where(u => ids.Contains(u.ArtifactId)).Select(u => u.ArtifactId).ToListAsync(token);
            var unused = artifacts.Where(a => !used.Contains(a.Id)).ToList();
            var keys = await MediaKeys.OfAsync(_db, unused, token);
            _db.Artifacts.RemoveRange(unused);
            await _db.SaveChangesAsync(token);
            foreach (var key in keys.Concat(ids.Except(used).Select(Artifact.KeyOf)).Distinct()) await store.DeleteAsync(key, token);
        }, ct);
    }

    internal ArtifactResource Show(Artifact artifact) => reader.Show(artifact);

    private Artifact AddReserved(Caller caller, string name, string type, long size, Guid? id = null)
    {
        var now = time.GetUtcNow();
        var artifact = Artifact.Reserve(id ?? Ids.New(now), caller.UserId, caller.TestMode ?? false, name, type, size, now,
            options.Value.UploadWithin);
        _db.Artifacts.Add(artifact);
        return artifact;
    }

    private async Task<UploadTicket> TicketAsync(Artifact artifact, CancellationToken ct)
    {
        var target = await store.TargetAsync(artifact.Key, artifact.ClaimedType!, artifact.ClaimedBytes, artifact.ExpiresAt, ct);
        return new UploadTicket(artifact.Id, target.Url.AbsoluteUri, target.Method, target.Headers, artifact.ExpiresAt);
    }

    private Uri? ReadUrl(ObjectReader owner, string name)
    {
        if (owner.String(name, required: true, min: 1, max: MostUrl) is not { } url) return null;
        if (imports.Refusal(url) is not { } refusal) return new Uri(url);
        owner.Issues.Add(new Issue(owner.At(name), Rule.WrongFormat, refusal));
        return null;
    }

    private static bool IsType(string type) => MediaTypeHeaderValue.TryParse(type, out var parsed)
        && parsed.Parameters.Count == 0 && parsed.MediaType?.Contains('*', StringComparison.Ordinal) == false;
}
