using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Calendar;

/// <summary>Moves posts to another moment, for the calendar's form and for what is dragged in it.</summary>
internal sealed class CalendarDesk(PostEditor editor, PostReader posts, TimeProvider time)
{
    /// <summary>Gives a post another moment; whether it goes out at all stays as it was.</summary>
    /// <exception cref="ProblemException">notFound; invalidRequest, such as a time in the past; preconditionFailed; conflict.</exception>
    public async Task MoveAsync(Caller caller, Guid postId, DateTimeOffset at, int revision, CancellationToken ct) =>
        await editor.UpdateAsync(caller, postId, new JsonObject
        {
            ["post"] = new JsonObject { ["scheduledAt"] = UtcMillisecondsConverter.Format(at) },
        }, revision, ct);

    /// <summary>What a drag asks: the same time on another day.</summary>
    public static void MapCalendarForms(IEndpointRouteBuilder app) =>
        app.MapPost("/calendar/move", DropAsync).RequireAuthorization().ExcludeFromDescription();

    private static async Task<IResult> DropAsync([FromForm] Guid post, [FromForm] int revision, [FromForm] string day,
        [FromForm] string zone, HttpContext http, CalendarDesk desk, CancellationToken ct)
    {
        var caller = PersonSession.CallerOf(http)!;
        try
        {
            var before = await desk.ReadAsync(caller, post, ct);
            var clock = LocalMoment.Write(before, zone).Text;
            var moment = LocalMoment.Read($"{day}T{(clock.Length > 0 ? clock[11..] : "12:00")}", zone, LocalMoment.First, desk.Now);
            if (moment.At is not { } at) return Said(moment.Problem, StatusCodes.Status400BadRequest);
            await desk.MoveAsync(caller, post, at, revision, ct);
            return Said($"Moved to {LocalMoment.Words(at, zone)}.", StatusCodes.Status200OK);
        }
        catch (ProblemException problem)
        {
            return Said(problem.Issues.Count > 0 ? IssueWords.Of(problem.Issues[0], zone) : problem.Message,
                problem.Code == ProblemCode.NotFound ? StatusCodes.Status404NotFound : StatusCodes.Status400BadRequest);
        }
    }

    private DateTimeOffset Now => time.GetUtcNow();

    private async Task<DateTimeOffset?> ReadAsync(Caller caller, Guid post, CancellationToken ct) =>
        (await posts.GetAsync(caller, post, ct)).ScheduledAt;

    private static IResult Said(string? message, int status) =>
        Results.Json(new { message }, Json.Options, statusCode: status);
}
