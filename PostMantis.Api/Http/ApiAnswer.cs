using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Idempotency;

namespace PostMantis.Api.Http;

/// <summary>A successful answer, written out already, so that an idempotency key can remember exactly what was sent.</summary>
internal sealed class ApiAnswer : IResult
{
    private ApiAnswer(int status, string? body) => (Status, Body) = (status, body);

    public int Status { get; }

    public string? Body { get; }

    public string? Location { get; private init; }

    public int? Revision { get; private init; }

    /// <summary>What the answer is about: a replay asks again whether the caller may see it.</summary>
    public Guid? ResourceId { get; private init; }

    public bool IsReplayed { get; private init; }

    /// <summary>The same answer, marked as given once more.</summary>
    public ApiAnswer AsReplay() => new(Status, Body) { Location = Location, ResourceId = ResourceId, IsReplayed = true };

    /// <summary><c>{"data": …}</c>.</summary>
    public static ApiAnswer Data<T>(T data) => new(StatusCodes.Status200OK, Write(new JsonObject { ["data"] = Node(data) }));

    /// <summary><c>{"data": …}</c> of a thing that a replay finds by its id.</summary>
    public static ApiAnswer Of<T>(T data, int status, string? location, Guid resourceId) =>
        new(status, Write(new JsonObject { ["data"] = Node(data) })) { Location = location, ResourceId = resourceId };

    /// <summary>One post with its ETag.</summary>
    public static ApiAnswer Post(PostResource post) => Post(post, StatusCodes.Status200OK, null, null);

    /// <summary>An accepted command on a post: 201 for a draft, 202 otherwise.</summary>
    public static ApiAnswer Accepted(AcceptedPost accepted, bool created = false)
    {
        var isDraft = accepted.Post.Status == Core.Posts.PostStatus.Draft;
        return Post(accepted.Post,
            isDraft ? created ? StatusCodes.Status201Created : StatusCodes.Status200OK : StatusCodes.Status202Accepted,
            created ? $"{ApiSetup.BasePath}/posts/{accepted.Post.Id}" : null, accepted.Warnings);
    }

    /// <summary>A slice of a list.</summary>
    public static ApiAnswer List<T>(Page<T> page, Func<JsonObject, JsonObject>? shape = null)
    {
        var pagination = new JsonObject { ["nextCursor"] = page.NextCursor, ["hasMore"] = page.HasMore };
        if (page.Total is { } total)
        {
            pagination["total"] = total;
            pagination["totalIsCapped"] = page.TotalIsCapped;
        }
        var items = page.Items.Select(item => Node(item)!.AsObject()).Select(item => shape?.Invoke(item) ?? item);
        return new ApiAnswer(StatusCodes.Status200OK,
            Write(new JsonObject { ["data"] = new JsonArray([.. items]), ["pagination"] = pagination }));
    }

    public static ApiAnswer NoContent() => new(StatusCodes.Status204NoContent, null);

    /// <summary>The answer that was stored with an idempotency key, marked when it is given once more.</summary>
    public static ApiAnswer Stored(IdempotencyKey first, bool isReplayed) => new(first.StatusCode, first.Body)
    {
        Location = first.Location,
        ResourceId = first.ResourceId,
        IsReplayed = isReplayed,
    };

    /// <summary>What an idempotency key remembers of it.</summary>
    public KeyedAnswer Keyed() => new(Status, Location, Body, ResourceId);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        if (Location is not null) response.Headers.Location = Location;
        if (Revision is { } revision) response.Headers.ETag = Preconditions.Tag(revision);
        if (IsReplayed) response.Headers["Idempotency-Replayed"] = "true";
        response.Headers.CacheControl = "no-store";
        if (Body is null) return;
        var bytes = Encoding.UTF8.GetBytes(Body);
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, httpContext.RequestAborted);
    }

    private static ApiAnswer Post(PostResource post, int status, string? location, IReadOnlyList<Issue>? warnings)
    {
        var body = new JsonObject { ["data"] = Node(post) };
        if (warnings is not null) body["warnings"] = Node(warnings);
        return new ApiAnswer(status, Write(body)) { Location = location, Revision = post.Revision, ResourceId = post.Id };
    }

    private static JsonNode? Node<T>(T value) => JsonSerializer.SerializeToNode(value, Json.Options);

    private static string Write(JsonObject body) => body.ToJsonString(Json.Options);
}
