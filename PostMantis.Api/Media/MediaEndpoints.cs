using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using PostMantis.Core.Common;
using PostMantis.Core.Media;

namespace PostMantis.Api.Media;

/// <summary>
/// Signed addresses: bytes in and bytes out. Who holds one needs no key and no session; what is handed out can run nothing
/// in a browser.
/// </summary>
internal static class MediaEndpoints
{
    public const string Root = "/media";

    /// <summary>Bytes of an upload that have arrived.</summary>
    public const string OffsetHeader = "Upload-Offset";

    /// <summary>Bytes an upload will have.</summary>
    public const string LengthHeader = "Upload-Length";

    private const string Sandbox = "default-src 'none'; sandbox";

    // Anything else is for saving, never for showing.
    private static readonly HashSet<string> _shown = new(StringComparer.Ordinal)
    {
        "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "video/mp4", "video/webm", "video/quicktime",
        "audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav",
    };

    public static void MapMedia(this IEndpointRouteBuilder app)
    {
        app.MapPut(MediaUrls.UploadPath + "/{key}", PutAsync).AllowAnonymous().ExcludeFromDescription();
        app.MapGet(MediaUrls.UploadPath + "/{key}", StandAsync).AllowAnonymous().ExcludeFromDescription();
        app.MapGet(MediaUrls.FilePath + "/{key}", GetAsync).AllowAnonymous().ExcludeFromDescription();
    }

    private static async Task<IResult> PutAsync(
        string key, HttpContext http, MediaUrls urls, MediaFiles files, IMediaStore kept, CancellationToken ct)
    {
        // Other stores take bytes at their own address.
        if (kept is not LocalMediaStore store) throw ProblemException.NotFound("upload");
        var size = await RequireUploadAsync(key, http, urls, files, ct);
        var (offset, length) = PartOf(http.Request, size);
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = length;
        try
        {
            var received = await store.AppendAsync(key, http.Request.Body, offset, offset + length, ct);
            http.Response.Headers[OffsetHeader] = Text(received);
            http.Response.Headers[LengthHeader] = Text(size);
            return received == offset + length
                ? TypedResults.NoContent()
                : throw ProblemException.Invalid(new Issue("", Rule.WrongFormat, "Fewer bytes came than were announced.",
                    Limit: length, Actual: received - offset, Unit: "bytes"));
        }
        catch (UploadOffsetException e)
        {
            http.Response.Headers[OffsetHeader] = Text(e.Received);
            throw new ProblemException(ProblemCode.Conflict, $"The upload goes on at byte {e.Received}.",
                extensions: new Dictionary<string, object?>
                {
                    ["currentStatus"] = "reserved",
                    ["actions"] = Array.Empty<string>(),
                    ["offset"] = e.Received,
                });
        }
        catch (UploadBusyException)
        {
            throw ProblemException.Conflict("The upload is being sent by another request.", "reserved", []);
        }
        catch (MediaTooLargeException)
        {
            throw TooLarge(size);
        }
    }

    // HEAD or GET: where to go on after a cut connection.
    private static async Task<IResult> StandAsync(
        string key, HttpContext http, MediaUrls urls, MediaFiles files, IMediaStore store, CancellationToken ct)
    {
        var size = await RequireUploadAsync(key, http, urls, files, ct);
        http.Response.Headers[OffsetHeader] = Text(await store.ReceivedAsync(key, ct) ?? 0);
        http.Response.Headers[LengthHeader] = Text(size);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.NoContent();
    }

    private static async Task<IResult> GetAsync(
        string key, HttpContext http, MediaUrls urls, MediaFiles files, IMediaStore store, CancellationToken ct)
    {
        var query = http.Request.Query;
        if (!urls.Holds(MediaGrant.Read, key, null, query["until"], query["signature"])
            || await files.FindAsync(key, ct) is not { } file)
            throw ProblemException.NotFound("file");
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = Sandbox;
        headers["Cross-Origin-Resource-Policy"] = "cross-origin";
        headers.CacheControl = "private, max-age=3600, immutable";
        headers.ContentDisposition = new ContentDispositionHeaderValue(
            _shown.Contains(file.MimeType) ? "inline" : "attachment") { FileNameStar = file.FileName }.ToString();
        if (await store.FindAsync(key, ct) is not { } stored) throw ProblemException.NotFound("file");
        return TypedResults.Stream(new StoredStream(store, key, stored.SizeBytes), file.MimeType, entityTag: new EntityTagHeaderValue($"\"{file.Sha256}\""),
            enableRangeProcessing: true);
    }

    private static async Task<long> RequireUploadAsync(
        string key, HttpContext http, MediaUrls urls, MediaFiles files, CancellationToken ct)
    {
        var query = http.Request.Query;
        if (!urls.Holds(MediaGrant.Upload, key, query["size"], query["until"], query["signature"]))
            throw ProblemException.NotFound("upload");
        if (!await files.IsOpenAsync(key, ct))
            throw ProblemException.Conflict("This upload has ended; start another.", "ended", []);
        return long.Parse(query["size"]!, CultureInfo.InvariantCulture);
    }

    // A whole file, or with Content-Range a piece of it.
    private static (long Offset, long Length) PartOf(HttpRequest request, long size)
    {
        var headers = request.GetTypedHeaders();
        if (request.ContentLength is not { } length)
            throw ProblemException.Invalid(new Issue("Content-Length", Rule.Required, "Say how many bytes you send."));
        if (!request.Headers.ContainsKey(HeaderNames.ContentRange))
        {
            if (length > size) throw TooLarge(size);
            return length == size
                ? (0, length)
                : throw ProblemException.Invalid(new Issue("Content-Length", Rule.OutOfRange,
                    "The whole file has another size; a piece of it needs Content-Range.", Limit: size, Actual: length,
                    Unit: "bytes"));
        }
        if (headers.ContentRange is not { Unit.Value: "bytes", From: { } from, To: { } to, Length: { } total })
            throw ProblemException.Invalid(new Issue("Content-Range", Rule.WrongFormat, $"Write bytes 0-99/{size}."));
        if (total != size || to >= size) throw TooLarge(size);
        return to - from + 1 == length
            ? (from, length)
            : throw ProblemException.Invalid(new Issue("Content-Range", Rule.OutOfRange,
                "The range and Content-Length do not agree.", Limit: to - from + 1, Actual: length, Unit: "bytes"));
    }

    private static ProblemException TooLarge(long size) => new(ProblemCode.PayloadTooLarge,
        $"This upload has exactly {size} bytes.",
        extensions: new Dictionary<string, object?> { ["limit"] = size, ["unit"] = "bytes" });

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
