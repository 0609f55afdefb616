using System.Text.Json.Nodes;
using PostMantis.Api.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Posts;

namespace PostMantis.Api.V1.Posts;

internal static class PostEndpoints
{
    private const string Tag = "Posts";

    /// <summary>What a summary leaves out.</summary>
    public static readonly string[] Bulky =
        ["body", "link", "thread", "firstComment", "media", "overrides", "providerOptions", "deliveries"];

    public static void MapPosts(this IEndpointRouteBuilder v1)
    {
        var posts = v1.MapGroup("/posts").WithTags(Tag);
        posts.MapPost("/", CreateAsync).WithName("CreatePost").WithMetadata(new TakesIdempotencyKey())
            .WithSummary("Store a draft or accept a post")
            .WithDescription("202 means stored durably, not sent. One error on one profile refuses the whole post. "
                + "Drafts are stored despite issues (201) and return them. As multipart/form-data, the part payload comes "
                + "first, then files, at most 25 MiB in all; a media item names a file by the name of its part.")
            .Takes<CreatePostRequest>().WithMetadata(new TakesForm("payload"))
            .Produces<SingleWithWarnings<PostResource>>(StatusCodes.Status201Created)
            .Produces<SingleWithWarnings<PostResource>>(StatusCodes.Status202Accepted);
        posts.MapPost("/validate", ValidateAsync).WithName("ValidatePost").WithMetadata(new CountsAsRead())
            .WithSummary("Say what a post would come to, and change nothing")
            .WithDescription("A create body, or an edit's body with postId. Always 200: valid, and for each profile what "
                + "speaks against it, what would be sent, how long it is, what would become of its media, and what its budget "
                + "will hold. Any key may ask.")
            .Takes<ValidatePostRequest>()
            .Produces<Single<PostCheck>>();
        posts.MapGet("/", ListAsync).WithName("ListPosts").WithSummary("List posts")
            .WithDescription("Filters narrow; several values of one filter widen it. …After is inclusive, …Before "
                + "exclusive. metadata[name]=value may be given for several names. view=summary leaves out body, media "
                + "and deliveries.")
            .Produces<Several<PostResource>>();
        posts.MapGet("/{id}", GetAsync).WithName("GetPost").WithSummary("Read one post")
            .Produces<Single<PostResource>>();
        posts.MapPatch("/{id}", UpdateAsync).WithName("UpdatePost").WithSummary("Edit a post by JSON Merge Patch")
            .WithDescription("In the shape it is created by; arrays are replaced whole. Drafts can always be edited, "
                + "accepted posts while no delivery has started. An edit never publishes.")
            .Takes<CreatePostRequest>("application/merge-patch+json", "application/json")
            .Produces<Single<PostResource>>();
        posts.MapDelete("/{id}", DeleteAsync).WithName("DeletePost").WithSummary("Delete a draft")
            .Produces(StatusCodes.Status204NoContent);
        posts.MapPost("/{id}/publish", PublishAsync).WithName("PublishPost").WithIdempotencyKey(Permission.Publish)
            .WithSummary("Publish a draft, or move a scheduled post")
            .WithDescription("Now without a body, else at scheduledAt.")
            .MayTake<PublishPostRequest>()
            .Produces<SingleWithWarnings<PostResource>>(StatusCodes.Status202Accepted);
        posts.MapPost("/{id}/cancel", CancelAsync).WithName("CancelPost").WithIdempotencyKey(Permission.Publish)
            .WithSummary("Cancel what has not started")
            .WithDescription("Every delivery in phase waiting, deferred or retrying; 409 only if there is none.")
            .Produces<SingleWithWarnings<PostResource>>(StatusCodes.Status202Accepted);
        posts.MapGet("/{id}/deliveries/{deliveryId}/attempts", AttemptsAsync).WithName("ListAttempts")
            .WithSummary("The ledger of one delivery")
            .Produces<Several<AttemptResource>>();
        posts.MapPost("/{id}/deliveries/{deliveryId}/cancel", CancelDeliveryAsync).WithName("CancelDelivery")
            .WithIdempotencyKey(Permission.Publish).WithSummary("Cancel one delivery")
            .Produces<SingleWithWarnings<PostResource>>(StatusCodes.Status202Accepted);
        posts.MapPost("/{id}/deliveries/{deliveryId}/retry", RetryAsync).WithName("RetryDelivery")
            .WithIdempotencyKey(Permission.Publish).WithSummary("Send a failed delivery again")
            .WithDescription("An incomplete one resumes at its failed part. A failed one may take an override.")
            .MayTake<RetryDeliveryRequest>()
            .Produces<SingleWithWarnings<PostResource>>(StatusCodes.Status202Accepted);
        posts.MapPost("/{id}/deliveries/{deliveryId}/resolve", ResolveAsync).WithName("ResolveDelivery")
            .WithIdempotencyKey(Permission.Read).WithSummary("Say what became of an unknown delivery")
            .WithDescription("Needs the grant resolve.")
            .Takes<ResolveDeliveryRequest>()
            .Produces<SingleWithWarnings<PostResource>>(StatusCodes.Status202Accepted);
    }

    private static async Task<ApiAnswer> CreateAsync(SentPost body, Caller caller, PostIntake intake,
        Core.Media.Uploads uploads, HttpContext http, CancellationToken ct)
    {
        NoQuery(http);
        return body.Json is { } json
            ? await StoreAsync(json.Value, IdempotentRequest.KeyOf(http.Request, caller, json.Value), caller, intake, http, ct)
            : await CreateWithFilesAsync(caller, intake, uploads, http, ct);
    }

    private static Task<ApiAnswer> StoreAsync(
        JsonObject body, KeyUse? use, Caller caller, PostIntake intake, HttpContext http, CancellationToken ct) =>
        IdempotentRequest.RunAsync(http.RequestServices, caller, use, async token =>
        {
            ApiAnswer? answer = null;
            var (accepted, first) = await intake.CreateAsync(caller, body, use, post =>
                (answer = ApiAnswer.Accepted(post, created: true)).Keyed(), token);
            if (accepted is not null) answer ??= ApiAnswer.Accepted(accepted, created: true);
            return (answer, first);
        }, ct);

    // The files become artifacts before the post is taken, and go again when it is not.
    private static async Task<ApiAnswer> CreateWithFilesAsync(
        Caller caller, PostIntake intake, Core.Media.Uploads uploads, HttpContext http, CancellationToken ct)
    {
        var sent = await PostFormReader.ReadAsync(http, caller, uploads, ct);
        ApiAnswer? answer = null;
        try
        {
            var use = IdempotentRequest.KeyOf(http.Request, caller, sent.Payload, sent.Digests);
            answer = use is null ? null : await IdempotentRequest.FirstAsync(http.RequestServices, caller, use, ct);
            if (answer is not null) return answer;
            await uploads.TakeAsync(caller, sent.Files, ct);
            answer = await StoreAsync(sent.Named(), use, caller, intake, http, ct);
            return answer;
        }
        finally
        {
            if (answer is null or { IsReplayed: true }) await uploads.DiscardAsync(sent.Files, CancellationToken.None);
        }
    }

    private static async Task<ApiAnswer> ValidateAsync(
        JsonBody body, HttpContext http, Caller caller, PostValidator validator, CancellationToken ct)
    {
        NoQuery(http);
        return ApiAnswer.Data(await validator.CheckAsync(caller, body.Value, ct));
    }

    private static async Task<ApiAnswer> ListAsync(
        HttpContext http, Caller caller, PostReader reader, CancellationToken ct)
    {
        var query = new QueryReader(http.Request.Query);
        var (sort, descending) = query.Sort(PostSort.CreatedAt);
        var asked = new PostQuery(
            query.OneOf<PostStatus>("status"),
            query.OneOf<DeliveryStatus>("deliveryStatus"),
            query.OneOf<PostOutcome>("outcome"),
            query.Ids("profileIds"),
            query.Texts("providers"),
            query.Ids("brandId"),
            query.Texts("externalId"),
            query.Map("metadata"),
            query.Time("scheduledAfter"),
            query.Time("scheduledBefore"),
            query.Time("createdAfter"),
            query.Time("createdBefore"),
            query.Time("updatedAfter"),
            query.Time("updatedBefore"),
            Sort: sort,
            Descending: descending);
        var isSummary = query.OneOf<View>("view")?[0] == View.Summary;
        var slice = query.Page();
        query.Finish();
        var page = await reader.ListAsync(caller, asked, slice, ct);
        return ApiAnswer.List(page, isSummary ? Summarize : null);
    }

    private static async Task<IResult> GetAsync(
        string id, HttpContext http, Caller caller, PostReader reader, CancellationToken ct)
    {
        NoQuery(http);
        var post = await reader.GetAsync(caller, ApiSetup.IdOf(id, "post"), ct);
        if (!Preconditions.IsKnown(http.Request, post.Revision)) return ApiAnswer.Post(post);
        http.Response.Headers.ETag = Preconditions.Tag(post.Revision);
        return TypedResults.StatusCode(StatusCodes.Status304NotModified);
    }

    private static async Task<ApiAnswer> UpdateAsync(
        string id, JsonBody patch, HttpContext http, Caller caller, PostEditor editor, CancellationToken ct)
    {
        NoQuery(http);
        return ApiAnswer.Post((await editor.UpdateAsync(
            caller, ApiSetup.IdOf(id, "post"), patch.Value, Preconditions.IfMatch(http.Request), ct)).Post);
    }

    private static async Task<ApiAnswer> DeleteAsync(
        string id, HttpContext http, Caller caller, PostEditor editor, CancellationToken ct)
    {
        NoQuery(http);
        await editor.DeleteAsync(caller, ApiSetup.IdOf(id, "post"), Preconditions.IfMatch(http.Request), ct);
        return ApiAnswer.NoContent();
    }

    private static async Task<ApiAnswer> PublishAsync(
        string id, JsonBody body, HttpContext http, Caller caller, PostEditor editor, CancellationToken ct)
    {
        NoQuery(http);
        return ApiAnswer.Accepted(await editor.PublishAsync(
            caller, ApiSetup.IdOf(id, "post"), body.Value, Preconditions.IfMatch(http.Request), ct));
    }

    private static async Task<ApiAnswer> CancelAsync(
        string id, JsonBody body, HttpContext http, Caller caller, PostEditor editor, CancellationToken ct)
    {
        NoQuery(http);
        body.RequireEmpty();
        return ApiAnswer.Accepted(await editor.CancelAsync(
            caller, ApiSetup.IdOf(id, "post"), Preconditions.IfMatch(http.Request), ct));
    }

    private static async Task<ApiAnswer> AttemptsAsync(
        string id, string deliveryId, HttpContext http, Caller caller, PostReader reader, CancellationToken ct)
    {
        NoQuery(http);
        var attempts = await reader.AttemptsAsync(
            caller, ApiSetup.IdOf(id, "post"), ApiSetup.IdOf(deliveryId, "delivery"), ct);
        return ApiAnswer.List(new Page<AttemptResource>(attempts, null, false));
    }

    private static async Task<ApiAnswer> CancelDeliveryAsync(string id, string deliveryId, JsonBody body,
        HttpContext http, Caller caller, PostEditor editor, CancellationToken ct)
    {
        NoQuery(http);
        body.RequireEmpty();
        return ApiAnswer.Accepted(await editor.CancelDeliveryAsync(caller, ApiSetup.IdOf(id, "post"),
            ApiSetup.IdOf(deliveryId, "delivery"), Preconditions.IfMatch(http.Request), ct));
    }

    private static async Task<ApiAnswer> RetryAsync(string id, string deliveryId, JsonBody body,
        HttpContext http, Caller caller, PostEditor editor, CancellationToken ct)
    {
        NoQuery(http);
        return ApiAnswer.Accepted(await editor.RetryAsync(caller, ApiSetup.IdOf(id, "post"),
            ApiSetup.IdOf(deliveryId, "delivery"), body.Value, Preconditions.IfMatch(http.Request), ct));
    }

    private static async Task<ApiAnswer> ResolveAsync(string id, string deliveryId, JsonBody body,
        HttpContext http, Caller caller, PostEditor editor, CancellationToken ct)
    {
        NoQuery(http);
        return ApiAnswer.Accepted(await editor.ResolveAsync(caller, ApiSetup.IdOf(id, "post"),
            ApiSetup.IdOf(deliveryId, "delivery"), body.Value, Preconditions.IfMatch(http.Request), ct));
    }

    private static JsonObject Summarize(JsonObject post)
    {
        foreach (var name in Bulky) post.Remove(name);
        return post;
    }

    private static void NoQuery(HttpContext http) => new QueryReader(http.Request.Query).Finish();

    private enum View
    {
        Full,
        Summary,
    }
}
