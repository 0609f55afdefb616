using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.YouTube;

/// <summary>Where an upload stands.</summary>
internal abstract record YouTubeProgress
{
    /// <summary>All bytes are there and the film has an id.</summary>
    public sealed record Done(string VideoId) : YouTubeProgress;

    /// <summary>The next byte that is wanted.</summary>
    public sealed record Wanted(long Offset) : YouTubeProgress;

    /// <summary>The session is no more.</summary>
    public sealed record Gone : YouTubeProgress;

    /// <summary>Anything else.</summary>
    public sealed record Said(ProviderAnswer Answer) : YouTubeProgress;
}

/// <summary>The address of an upload and the size of what is uploaded, as a handle keeps them.</summary>
internal sealed record YouTubeSession(Uri Url, long Size)
{
    public string ToHandle() => string.Create(CultureInfo.InvariantCulture, $"{Size} {Url.AbsoluteUri}");

    public static YouTubeSession Of(string handle)
    {
        var words = handle.Split(' ', 2);
        return new YouTubeSession(new Uri(words[1]), long.Parse(words[0], CultureInfo.InvariantCulture));
    }
}

/// <summary>
/// Resumable uploads. The address of the session is the handle: asked with no bytes, it tells how far the upload came, and
/// after the last byte which film it became.
/// </summary>
internal sealed class YouTubeUploads(YouTubeClient client)
{
    private const int MostListed = 10;

    // YouTube tells whole seconds.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(6);

    /// <summary>Asks for a session; nothing is on the channel yet.</summary>
    public async Task<(YouTubeSession? Session, ProviderAnswer Answer)> StartAsync(PublishWork work, PublishFile film, CancellationToken ct)
    {
        var options = work.Content.Options;
        var notify = (options.Flag("notifySubscribers") ?? true) ? "true" : "false";
        using var request = ProviderClient.Request(HttpMethod.Post, client.At(
                $"/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status&notifySubscribers={notify}"),
            work.Tokens.AccessToken, ProviderClient.Json(Resource(work.Content)), new Dictionary<string, string>
            {
                ["X-Upload-Content-Length"] = film.SizeBytes.ToString(CultureInfo.InvariantCulture),
                ["X-Upload-Content-Type"] = TypeOf(film),
            });
        var answer = await client.SendAsync(request, work.Tokens.AllSecrets(), ct);
        return (answer.IsSuccess && ProviderText.Url(answer.Header("Location")) is { } url
            ? new YouTubeSession(new Uri(url), film.SizeBytes) : null, answer);
    }

    /// <summary>Sends one stretch of the film.</summary>
    public async Task<YouTubeProgress> SendAsync(
        YouTubeSession session, PublishFile film, long offset, long length, string token, CancellationToken ct)
    {
        var content = new FileSlice(film, offset, length, TypeOf(film));
        content.Headers.ContentRange = new(offset, offset + length - 1, session.Size);
        return await PutAsync(session, content, token, ct);
    }

    /// <summary>Asks how far the upload came, without sending anything of it.</summary>
    public Task<YouTubeProgress> ProbeAsync(YouTubeSession session, string token, CancellationToken ct)
    {
        var content = new ByteArrayContent([]);
        content.Headers.TryAddWithoutValidation(
            "Content-Range", string.Create(CultureInfo.InvariantCulture, $"bytes */{session.Size}"));
        return PutAsync(session, content, token, ct);
    }

    /// <summary>
    /// Looks for the film among the channel's uploads, newest first, private ones too: by its words, made since
    /// <paramref name="called"/>. Not found is told only of a listing read to that moment.
    /// </summary>
    public async Task<ReconcileOutcome> FindAsync(PublishTarget target, DeliveryContent content, GrantTokens tokens,
        DateTimeOffset called, IReadOnlySet<string> owned, CancellationToken ct)
    {
        if (!target.Facts.TryGetValue(YouTubeConsent.UploadsFact, out var playlist)) return new ReconcileOutcome.CannotTell();
        return await Listing.FindAsync(called, Skew, owned, MostListed, async (_, next) =>
        {
            var answer = await client.GetAsync("/youtube/v3/playlistItems?part=snippet,contentDetails&maxResults=50"
                + $"&playlistId={Uri.EscapeDataString(playlist)}" + (next is null ? "" : $"&pageToken={Uri.EscapeDataString(next)}"),
                tokens.AccessToken, ct);
            if (!answer.IsSuccess || answer.Body.Objects("items") is not { } items) return new ListingPage(answer, null);
            var ours = items.Where(item => item.Text("snippet", "title") == content.Options.Text("title")
                && (item.Text("snippet", "description") ?? "") == (content.Body ?? "")).Select(item => item.Id("contentDetails", "videoId") is { } id
                    ? ListedPost.Of(id, YouTubePublisher.Permalink(id), item.Moment("snippet", "publishedAt")) : null);
            return new ListingPage(answer, ours, answer.Body.Id("nextPageToken"))
            {
                ReadTo = items is [.., var last] ? last.Moment("snippet", "publishedAt") : null,
            };
        });
    }

    private static JsonObject Resource(DeliveryContent content)
    {
        var options = content.Options;
        var snippet = new JsonObject { ["title"] = options.Text("title"), ["description"] = content.Body ?? "" };
        if (options["tags"] is JsonArray tags) snippet["tags"] = tags.DeepClone();
        if (options.Text("categoryId") is { } category) snippet["categoryId"] = category;
        return new JsonObject
        {
            ["snippet"] = snippet,
            ["status"] = new JsonObject
            {
                // Always said: left out it has meant private and public in turn.
                ["privacyStatus"] = options.Text("privacyStatus") ?? "public",
                ["selfDeclaredMadeForKids"] = options.Flag("madeForKids") ?? false,
                ["containsSyntheticMedia"] = options.Flag("syntheticMedia") ?? false,
            },
        };
    }

    private static string TypeOf(PublishFile film) =>
        film.MimeType.StartsWith("video/", StringComparison.Ordinal) ? film.MimeType : "application/octet-stream";

    private async Task<YouTubeProgress> PutAsync(YouTubeSession session, HttpContent content, string token, CancellationToken ct) =>
        Read(await client.UploadAsync(HttpMethod.Put, session.Url, content, client.IsOurs(session.Url) ? token : null, ct), session.Size);

    private static YouTubeProgress Read(ProviderAnswer answer, long size) => answer.Status switch
    {
        HttpStatusCode.PermanentRedirect when answer.Header("Range") is not { } range => new YouTubeProgress.Wanted(0),
        HttpStatusCode.PermanentRedirect => long.TryParse(answer.Header("Range")!.Split('-')[^1], NumberStyles.None,
            CultureInfo.InvariantCulture, out var last) && last < size ? new YouTubeProgress.Wanted(last + 1) : new YouTubeProgress.Said(answer),
        HttpStatusCode.OK or HttpStatusCode.Created when answer.Body.Id("id") is { } id => new YouTubeProgress.Done(id),
        HttpStatusCode.NotFound or HttpStatusCode.Gone => new YouTubeProgress.Gone(),
        _ => new YouTubeProgress.Said(answer),
    };
}
