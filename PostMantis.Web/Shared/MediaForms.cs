using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using PostMantis.Core.Common;
using PostMantis.Core.Media;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Providers;

namespace PostMantis.Web.Shared;

/// <summary>What the pages' script needs to send files with a progress bar, and the small pictures that pages show.</summary>
internal static class MediaForms
{
    /// <summary>Longest side of a small picture.</summary>
    private const int ThumbSide = 320;

    private static readonly HashSet<string> _shown =
        new(StringComparer.Ordinal) { "image/jpeg", "image/png", "image/gif", "image/webp" };

    public static void MapMediaForms(this IEndpointRouteBuilder app)
    {
        var library = app.MapGroup("/library").RequireAuthorization().ExcludeFromDescription();
        library.MapPost("/uploads", ReserveAsync);
        library.MapPost("/uploads/{id:guid}", CompleteAsync);
        library.MapGet("/thumbs/{id:guid}", ThumbAsync);
    }

    /// <summary>The address of a small picture of an image.</summary>
    public static string ThumbOf(Guid artifactId) => $"/library/thumbs/{artifactId}";

    private static Task<IResult> ReserveAsync(HttpContext http, Uploads uploads, IMediaStore store,
        [FromForm] string? fileName, [FromForm] string? mimeType, [FromForm] long fileSize, CancellationToken ct) => ScriptAnswer.OfAsync(async () =>
    {
        var reserved = await uploads.StartAsync(PersonSession.CallerOf(http)!, new JsonObject
        {
            ["fileName"] = fileName,
            ["mimeType"] = string.IsNullOrEmpty(mimeType) ? "application/octet-stream" : mimeType,
            ["fileSize"] = fileSize,
        }, ct);
        var ticket = reserved.Ticket!;

        // A page is shown under any of our names; what we take ourselves is taken under the same one.
        var url = store is LocalMediaStore ? new Uri(ticket.UploadUrl).PathAndQuery : ticket.UploadUrl;
        return Results.Json(new { ticket.ArtifactId, url, ticket.UploadMethod, ticket.RequiredHeaders }, Json.Options);
    });

    private static Task<IResult> CompleteAsync(
        Guid id, HttpContext http, Uploads uploads, [FromForm] bool done, CancellationToken ct) => ScriptAnswer.OfAsync(async () =>
    {
        if (!done) return Results.BadRequest();
        var artifact = await uploads.CompleteAsync(PersonSession.CallerOf(http)!, new JsonObject { ["artifactId"] = id.ToString() }, ct);
        return Results.Json(new
        {
            artifact.Id,
            isVerified = artifact.Status == ArtifactStatus.Verified,
            message = artifact.Error?.Message,
            facts = MediaWords.Facts(artifact),
            thumb = artifact.Kind == MediaKind.Image ? ThumbOf(artifact.Id) : null,
        }, Json.Options);
    });

    private static async Task<IResult> ThumbAsync(Guid id, HttpContext http, ArtifactReader reader, MediaVersions versions,
        MediaUrls urls, CancellationToken ct)
    {
        var caller = PersonSession.CallerOf(http)!;
        var artifact = (await reader.FindAsync(caller, [id], ct)).GetValueOrDefault(id);
        if (artifact?.Facts is not { Kind: MediaKind.Image, Width: { } width, Height: { } height } facts) return Results.NotFound();
        var key = artifact.Key;
        var scale = Math.Min(1, ThumbSide / (double)Math.Max(width, height));
        if (!facts.IsAnimated && (scale < 1 || !_shown.Contains(facts.MimeType)))
        {
            var recipe = new MediaRecipe("image/webp")
            {
                Width = Math.Max(1, (int)(width * scale)), Height = Math.Max(1, (int)(height * scale)),
            };
            if ((await versions.EnsureAsync(artifact, recipe, null, ct)).Version is not { } small) return Results.NotFound();
            key = small.Key;
        }
        http.Response.Headers.CacheControl = "private, max-age=600";
        return Results.LocalRedirect(urls.Read(key).Url.PathAndQuery);
    }
}
