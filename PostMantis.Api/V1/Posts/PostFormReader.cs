using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using PostMantis.Api.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Media;
using PostMantis.Core.Posts;

namespace PostMantis.Api.V1.Posts;

/// <summary>The body of POST /posts: JSON that was read, or a form that will be.</summary>
/// <param name="Json">Null for a form.</param>
internal sealed record SentPost(JsonBody? Json)
{
    public static async ValueTask<SentPost> BindAsync(HttpContext context) =>
        new(PostFormReader.IsForm(context.Request) ? null : await JsonBody.BindAsync(context));
}

/// <summary>A post that came with its files: what it says, and the bytes, which are in the store.</summary>
internal sealed record PostWithFiles(JsonObject Payload, IReadOnlyList<ReceivedFile> Files)
{
    /// <summary>What makes another file another request.</summary>
    public IEnumerable<string> Digests =>
        Files.OrderBy(f => f.Name, StringComparer.Ordinal).Select(f => $"{f.Name}\n{f.FileName}\n{f.MimeType}\n{f.Sha256}");

    /// <summary>The payload as JSON alone would say it.</summary>
    public JsonObject Named()
    {
        var named = (JsonObject)Payload.DeepClone();
        var ids = Files.ToDictionary(f => f.Name, f => f.Id);
        foreach (var (_, item) in PostFormReader.Items(named))
        {
            if ((string?)item["file"] is not { } name) continue;
            item.Remove("file");
            item["artifactId"] = ids[name].ToString();
        }
        if (!named.ContainsKey("media") && !PostFormReader.Items(Payload).Any(i => i.Item.ContainsKey("file")))
            named["media"] = new JsonArray([.. Files.Select(f => (JsonNode)new JsonObject { ["artifactId"] = f.Id.ToString() })]);
        return named;
    }
}

/// <summary>
/// Reads multipart/form-data: the part <c>payload</c> first, the create body as JSON, then files, which go straight into
/// the store. A media item names a file by the name of its part: <c>{"file": "card"}</c>; where none is named, all of them
/// are the post's media in their order.
/// </summary>
internal static class PostFormReader
{
    /// <summary>Longest form in bytes.</summary>
    public const long MostBytes = 25L << 20;

    /// <summary>Longest name of a part.</summary>
    public const int MostName = 100;

    private const string Payload = "payload";
    public static bool IsForm(HttpRequest request) => MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="ProblemException">
    /// invalidRequest: the form, its payload or a name is wrong; payloadTooLarge; insufficientPermission. No bytes stay then.
    /// </exception>
    public static async Task<PostWithFiles> ReadAsync(
        HttpContext http, Caller caller, Core.Media.Uploads uploads, CancellationToken ct)
    {
        if (http.Request.ContentLength > MostBytes) throw TooLarge();
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = MostBytes;
        var boundary = HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(http.Request.ContentType).Boundary).Value;
        if (string.IsNullOrEmpty(boundary)) throw Malformed("The content type names no boundary.");
        List<ReceivedFile> files = [];
        try
        {
            var reader = new MultipartReader(boundary, http.Request.Body) { BodyLengthLimit = MostBytes };
            var payload = await PayloadAsync(await reader.ReadNextSectionAsync(ct), ct);

            // Whoever may not post sends no files either.
            caller.Require(PostAcceptor.NeededBy(payload));
            var places = PlacesOf(payload);
            while (await reader.ReadNextSectionAsync(ct) is { } section)
                files.Add(await FileAsync(section, places, files, uploads, ct));
            var missing = places.Where(p => files.TrueForAll(f => f.Name != p.Key)).ToList();
            if (missing.Count > 0)
                throw ProblemException.Invalid(missing.Select(p => new Issue(p.Value, Rule.NotFound,
                    "The form has no file of this name.", Fix: "Send a part with this name and a file name.")));
            return new PostWithFiles(payload, files);
        }
        catch (Exception e)
        {
            await uploads.DiscardAsync(files, CancellationToken.None);
            throw e switch
            {
                BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } or MediaTooLargeException => TooLarge(),
                InvalidDataException or IOException and not BadHttpRequestException => Malformed("The form cannot be read."),
                _ => e,
            };
        }
    }

    /// <summary>Every media item of a create body that is an object, with its pointer.</summary>
    public static IEnumerable<(string Pointer, JsonObject Item)> Items(JsonObject body)
    {
        IEnumerable<(string, JsonObject)> In(JsonNode? owner, string at) => owner?["media"] is JsonArray list
            ? list.Select((item, i) => ($"{at}/media/{i}", item as JsonObject)).Where(i => i.Item2 is not null)
                .Select(i => (i.Item1, i.Item2!))
            : [];
        var post = body["post"] as JsonObject;
        var thread = post?["thread"] as JsonArray ?? [];
        var overrides = body["overrides"] as JsonObject ?? [];
        return In(body, "")
            .Concat(thread.SelectMany((part, i) => In(part as JsonObject, $"/post/thread/{i}")))
            .Concat(overrides.SelectMany(o => In(o.Value as JsonObject, $"/overrides/{o.Key}")));
    }

    private static async Task<JsonObject> PayloadAsync(MultipartSection? section, CancellationToken ct)
    {
        if (section is null || NameOf(section) is not (Payload, null))
            throw ProblemException.Invalid(new Issue($"/{Payload}", Rule.Required, "The first part of the form is payload.",
                Fix: "Send the create body as JSON in a part named payload, before the files."));
        return (await JsonBody.ReadAsync(section.Body, ct)).Value;
    }

    // Where each file is named first.
    private static Dictionary<string, string> PlacesOf(JsonObject payload)
    {
        Dictionary<string, string> places = [];
        List<Issue> issues = [];
        foreach (var (pointer, item) in Items(payload))
        {
            if (!item.TryGetPropertyValue("file", out var node)) continue;
            if (node is not JsonValue value || !value.TryGetValue<string>(out var name))
                issues.Add(new Issue(pointer + "/file", Rule.WrongType, "Must be the name of a part."));
            else if (item.ContainsKey("artifactId") || item.ContainsKey("url"))
                issues.Add(new Issue(pointer, Rule.Required, "Give one of file, artifactId and url."));
            else places.TryAdd(name, pointer + "/file");
        }
        return issues.Count == 0 ? places : throw ProblemException.Invalid(issues);
    }

    private static async Task<ReceivedFile> FileAsync(MultipartSection section, Dictionary<string, string> places,
        List<ReceivedFile> before, Core.Media.Uploads uploads, CancellationToken ct)
    {
        var (name, fileName) = NameOf(section);
        if (name is not { Length: >= 1 and <= MostName } || fileName is null)
            throw Malformed("Every part after payload is a file with a name and a file name.");
        if (before.Exists(f => f.Name == name)) throw Malformed("Each part has a name of its own.");
        if (before.Count == PostInput.MostMedia) throw Malformed($"At most {PostInput.MostMedia} files are allowed.");
        if (places.Count > 0 && !places.ContainsKey(name))
            throw ProblemException.Invalid(new Issue("/media", Rule.UnknownField, "A file of the form is named by no media item.",
                Fix: "Name each file in a media item, or none at all."));
        return await uploads.ReceiveAsync(name, places.GetValueOrDefault(name, $"/media/{before.Count}"), fileName,
            section.ContentType ?? "", section.Body, MostBytes, ct);
    }

    private static (string? Name, string? FileName) NameOf(MultipartSection section)
    {
        if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)) return (null, null);
        var fileName = disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName;
        return (HeaderUtilities.RemoveQuotes(disposition.Name).Value,
            fileName.HasValue ? HeaderUtilities.RemoveQuotes(fileName).Value : null);
    }

    private static ProblemException Malformed(string message) =>
        ProblemException.Invalid(new Issue("", Rule.WrongFormat, message));

    private static ProblemException TooLarge() => new(ProblemCode.PayloadTooLarge,
        $"A form has at most {MostBytes} bytes; larger files go through POST /uploads.",
        extensions: new Dictionary<string, object?> { ["limit"] = MostBytes, ["unit"] = "bytes" });
}
