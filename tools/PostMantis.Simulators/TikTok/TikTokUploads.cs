using System.Globalization;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.TikTok;

/// <summary>The upload server: chunks in order, each of the agreed size, the last with the remainder.</summary>
internal sealed class TikTokUploads(TikTokNetwork network)
{
    private static readonly TimeSpan UrlLife = TimeSpan.FromHours(1);

    private static readonly HashSet<string> Types = ["video/mp4", "video/quicktime", "video/webm"];

    public void Map(IEndpointRouteBuilder routes) => routes.On("PUT", "/video", PutAsync);

    private async Task<IResult> PutAsync(HttpContext context)
    {
        var request = context.Request;
        var post = network.Posts.ByUpload(request.Query["upload_id"].ToString(),
            request.Query["upload_token"].ToString());
        if (post is null) return Results.NotFound();
        if (post.StartedAt + UrlLife <= network.Sim.Now) return Results.StatusCode(403);
        if (post.FailReason is not null) return Results.NotFound();
        var declared = request.Headers.ContentRange.ToString();
        if (!Types.Contains(request.ContentType ?? "") || request.ContentLength is not { } length || length == 0
            || Range(declared) is not var (first, last, total) || last - first + 1 != length || total != post.Size)
            return Results.StatusCode(400);
        if (first != post.Received.Length || post.ArrivedAt is not null)
        {
            Tell(context, post);
            return Results.StatusCode(416);
        }
        var isLast = first / post.ChunkSize == post.Chunks - 1;
        if (isLast ? last != total - 1 : length != post.ChunkSize) return Results.StatusCode(400);
        var bytes = await request.Body.BytesAsync();
        if (bytes.Length != length) return Results.StatusCode(400);
        post.Received.Write(bytes);
        Tell(context, post);
        if (post.Received.Length < post.Size) return Results.StatusCode(206);
        network.Posts.Arrived(post, [post.Received.ToArray()]);
        return Results.StatusCode(201);
    }

    private static void Tell(HttpContext context, TikTokPost post) => context.Response.Headers.ContentRange =
        string.Create(CultureInfo.InvariantCulture, $"bytes 0-{Math.Max(0, post.Received.Length - 1)}/{post.Size}");

    private static (long First, long Last, long Total)? Range(string header)
    {
        if (!header.StartsWith("bytes ", StringComparison.Ordinal)) return null;
        var parts = header[6..].Split('-', '/');
        return parts.Length == 3 && Whole(parts[0], out var first) && Whole(parts[1], out var last)
            && Whole(parts[2], out var total) && last >= first && last < total ? (first, last, total) : null;
    }

    private static bool Whole(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
