using PostMantis.Api.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Outbox;

namespace PostMantis.Api.V1.Events;

internal static class EventEndpoints
{
    public static void MapEvents(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/events", FollowAsync).WithName("ListEvents").WithTags("Events").WithSummary("Every event, oldest first")
            .WithDescription("The shape webhooks carry. Remember the last sequence you have handled and ask again after it: "
                + "nothing appears later below a sequence that was read. Events are kept for 30 days; an older afterSequence "
                + "is refused (410 cursorExpired) with oldestSequence.")
            .Produces<Several<EventResource>>();
        v1.MapGet("/publish/logs", LogAsync).WithName("ListPublishLogs").WithTags("Events")
            .WithSummary("What happened to posts and deliveries, newest first")
            .WithDescription("The same events, post.* and delivery.* only. Filters narrow; several values of one filter widen "
                + "it. after is inclusive, before exclusive.")
            .Produces<Several<EventResource>>();
    }

    private static async Task<ApiAnswer> FollowAsync(
        HttpContext http, Caller caller, EventReader reader, CancellationToken ct)
    {
        var query = new QueryReader(http.Request.Query);
        var after = query.Sequence("afterSequence");
        var asked = new EventQuery(query.OneOf("types", EventTypes.All));
        var slice = query.Page();
        query.Exclude("afterSequence", "cursor", "Use afterSequence to begin and cursor to go on.");
        query.Finish();
        return ApiAnswer.List(await reader.FollowAsync(caller, after, asked, slice, ct));
    }

    private static async Task<ApiAnswer> LogAsync(HttpContext http, Caller caller, EventReader reader, CancellationToken ct)
    {
        var query = new QueryReader(http.Request.Query);
        var asked = new EventQuery(query.OneOf("type", EventTypes.OfPublishing), query.Ids("postId"),
            query.Ids("profileId"), query.Texts("provider"), query.Time("after"), query.Time("before"));
        var slice = query.Page();
        query.Finish();
        return ApiAnswer.List(await reader.LogAsync(caller, asked, slice, ct));
    }
}
