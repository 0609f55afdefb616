using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PostMantis.Client;

/// <summary>
/// The PostMantis API with a key: every operation as a method, repeated safely, and what takes several calls. A refusal is a
/// <see cref="PostMantisException{Problem}"/> whose <c>Result</c> says what is wrong and how to mend it.
/// </summary>
public sealed class PostMantisClient : PostMantisApi, IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private readonly HttpClient _http;
    private readonly PostMantisClientOptions _options;

    /// <param name="key"><c>pm_live_…</c> or <c>pm_test_…</c>, made in the dashboard.</param>
    /// <param name="address">Of the instance, such as <c>https://postmantis.example</c>.</param>
    /// <param name="inner">What sends; an own handler where none is given.</param>
    public PostMantisClient(
        string key, Uri address, PostMantisClientOptions? options = null, HttpMessageHandler? inner = null)
        : this(Create(key, address, options ??= new PostMantisClientOptions(), inner), options)
    {
    }

    private PostMantisClient(HttpClient http, PostMantisClientOptions options)
        : base(http) => (_http, _options) = (http, options);

    /// <summary>Edits a post by a JSON Merge Patch, where <c>null</c> removes.</summary>
    /// <param name="revision">The revision that was seen: the edit is refused when it has changed since.</param>
    public async Task<Post> PatchPostAsync(Guid id, JsonObject patch, int? revision = null, CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"api/v1/posts/{id}")
        {
            Content = JsonContent.Create(patch, new MediaTypeHeaderValue("application/merge-patch+json")),
        };
        if (revision is { } seen) request.Headers.TryAddWithoutValidation("If-Match", $"\"{seen}\"");
        return (await SendAsync<PostAnswer>(request, ct)).Data;
    }

    /// <summary>Has a media file fetched from a public address; <c>artifact.verified</c> or <c>artifact.failed</c> tells its end.</summary>
    public async Task<Artifact> ImportAsync(Uri url, CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/uploads")
        {
            Content = JsonContent.Create(new { url }),
        };
        return (await SendAsync<ArtifactAnswer>(request, ct)).Data;
    }

    /// <summary>Sends a media file and says what it is: verified, or failed with the reason.</summary>
    public async Task<Artifact> UploadAsync(string fileName, string mimeType, ReadOnlyMemory<byte> content, CancellationToken ct = default)
    {
        var ticket = (await CreateUploadAsync(new CreateUpload { FileName = fileName, MimeType = mimeType, FileSize = content.Length },
            cancellationToken: ct)).Data;
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(ticket.UploadMethod), ticket.UploadUrl)
        {
            Content = new ReadOnlyMemoryContent(content),
        };
        foreach (var (name, value) in ticket.RequiredHeaders)
            if (!request.Content.Headers.TryAddWithoutValidation(name, value)) request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await http.SendAsync(request, ct);
        answer.EnsureSuccessStatusCode();
        return (await CompleteUploadAsync(new CreateCompletion { ArtifactId = ticket.ArtifactId }, cancellationToken: ct)).Data;
    }

    /// <summary>The post now and after each change, until nothing changes by itself.</summary>
    public async IAsyncEnumerable<Post> WatchAsync(Guid postId, [EnumeratorCancellation] CancellationToken ct = default)
    {
        int? seen = null;
        while (true)
        {
            var post = (await GetPostAsync(postId, cancellationToken: ct)).Data;
            if (post.Revision != seen) yield return post;
            seen = post.Revision;
            if (post.NextCheckAt is not { } next) yield break;
            var wait = next - _options.Time.GetUtcNow();
            await Task.Delay(wait < TimeSpan.Zero ? TimeSpan.Zero : wait < LongestPause ? wait : LongestPause, _options.Time, ct);
        }
    }

    /// <summary>Every event after a number, oldest first, and then each new one.</summary>
    /// <param name="afterSequence">The last one that was handled; null starts with the oldest that is kept.</param>
    /// <param name="types">Such as <c>delivery.published</c>; all when none is named.</param>
    /// <param name="every">How long to wait before looking for new ones.</param>
    public async IAsyncEnumerable<Event> FollowEventsAsync(long? afterSequence = null, IEnumerable<string>? types = null,
        TimeSpan? every = null, [EnumeratorCancellation] CancellationToken ct = default)
    {
        var wanted = types?.ToList();
        while (true)
        {
            var page = await ListEventsAsync(afterSequence: afterSequence, types: wanted, limit: 100, cancellationToken: ct);
            foreach (var one in page.Data)
            {
                yield return one;
                afterSequence = one.Sequence;
            }
            if (page.Pagination.HasMore)
            {
                // A page may be short, even empty, and still lead on.
                afterSequence = long.Parse(page.Pagination.NextCursor!, System.Globalization.CultureInfo.InvariantCulture);
                continue;
            }
            await Task.Delay(every ?? TimeSpan.FromSeconds(2), _options.Time, ct);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    private async Task<T> SendAsync<T>(HttpRequestMessage request, CancellationToken ct)
    {
        using var response = await _http.SendAsync(request, ct);
        var text = await response.Content.ReadAsStringAsync(ct);
        if (response.IsSuccessStatusCode) return JsonSerializer.Deserialize<T>(text, JsonSerializerSettings)!;
        var headers = response.Headers.ToDictionary(h => h.Key, h => h.Value);
        throw new PostMantisException<Problem>(response.ReasonPhrase ?? "Refused", (int)response.StatusCode, text, headers,
            JsonSerializer.Deserialize<Problem>(text, JsonSerializerSettings)!, null);
    }

    private static HttpClient Create(string key, Uri address, PostMantisClientOptions options, HttpMessageHandler? inner)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(address);
        var http = new HttpClient(new RepeatingHandler(options, inner ?? new SocketsHttpHandler { AllowAutoRedirect = false }))
        {
            BaseAddress = new Uri(address.AbsoluteUri.TrimEnd('/') + "/"),
        };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("postmantis-dotnet", "1.0"));
        return http;
    }
}

public partial class PostMantisApi
{
    // What is null stays away: in an edit it would remove. PatchPostAsync says null in so many words.
    static partial void UpdateJsonSerializerSettings(JsonSerializerOptions settings) =>
        settings.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
}
