using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.YouTube;

/// <summary>
/// Resumable uploads. The address of the session is the handle: asked with no bytes, it tells how far the upload came, and
/// after the last byte which film it became.
/// </summary>
internal sealed class YouTubeUploads(YouTubeClient client, YouTubeSettings settings)
{
    private const int MostListed = 10;

    // YouTube tells whole seconds.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(6);

    /// <summary>Asks for a session; nothing is on the channel yet.</summary>
    public async Task<(UploadPlace? Session, ProviderAnswer Answer)> StartAsync(PublishWork work, PublishFile film, CancellationToken ct)
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
            ? new UploadPlace(new Uri(url), film.SizeBytes) : null, answer);
    }

    /// <summary>Sends the film from an offset on.</summary>
    public Task<UploadProgress> SendAsync(PublishWork work, UploadPlace session, PublishFile film, long offset, CancellationToken ct) =>
        new UploadInStretches(client, _ => (long)settings.ChunkGrains * YouTubeSettings.Grain, (answer, _) => Read(answer, session.Size))
            .SendAsync(work, session, film, offset, TokenFor(session, work.Tokens), ct, TypeOf(film));

    /// <summary>Asks how far the upload came, without sending anything of it.</summary>
    public async Task<UploadProgress> ProbeAsync(UploadPlace session, GrantTokens tokens, CancellationToken ct)
    {
        var nothing = new ByteArrayContent([]);
        nothing.Headers.TryAddWithoutValidation(
            "Content-Range", string.Create(CultureInfo.InvariantCulture, $"bytes */{session.Size}"));
        return Read(await client.UploadAsync(HttpMethod.Put, session.Url, nothing, TokenFor(session, tokens), ct), session.Size);
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

    private string? TokenFor(UploadPlace session, GrantTokens tokens) => client.IsOurs(session.Url) ? tokens.AccessToken : null;

    private static UploadProgress Read(ProviderAnswer answer, long size) => answer.Status switch
    {
        HttpStatusCode.PermanentRedirect when answer.Header("Range") is not { } range => new UploadProgress.Wanted(0),
        HttpStatusCode.PermanentRedirect => long.TryParse(answer.Header("Range")!.Split('-')[^1], NumberStyles.None,
            CultureInfo.InvariantCulture, out var last) && last < size ? new UploadProgress.Wanted(last + 1) : new UploadProgress.Said(answer),
        HttpStatusCode.OK or HttpStatusCode.Created when answer.Body.Id("id") is { } id => new UploadProgress.Done(id),
        HttpStatusCode.NotFound or HttpStatusCode.Gone => new UploadProgress.Gone(),
        _ => new UploadProgress.Said(answer),
    };
}
