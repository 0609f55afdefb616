using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using PostMantis.Core.Common;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Posts;

/// <summary>What the composer's script asks for while somebody writes: the networks' word on it, and keeping it as a draft.</summary>
internal static class ComposerForms
{
    public static void MapComposerForms(this IEndpointRouteBuilder app)
    {
        var posts = app.MapGroup("/posts").RequireAuthorization().ExcludeFromDescription();
        posts.MapPost("/check", CheckAsync);
        posts.MapPost("/autosave", SaveAsync);
        posts.MapGet("/options/{profileId:guid}", OptionsAsync);
    }

    private static async Task<IResult> CheckAsync(
        [FromForm] IFormCollection form, [FromQuery] Guid? post, HttpContext http, ComposerDesk desk, CancellationToken ct)
    {
        var caller = PersonSession.CallerOf(http)!;
        try
        {
            var model = await desk.OpenAsync(http, caller, post, form, asksNetworks: false, ct);
            await desk.LookAsync(model, caller, ct);
            return new RazorComponentResult<ComposerParts>(new { Model = model });
        }
        catch (ProblemException problem) when (problem.Code == ProblemCode.NotFound)
        {
            return Results.NotFound();
        }
    }

    private static async Task<IResult> SaveAsync(
        [FromForm] IFormCollection form, [FromQuery] Guid? post, HttpContext http, ComposerDesk desk, CancellationToken ct)
    {
        var caller = PersonSession.CallerOf(http)!;
        try
        {
            var model = await desk.OpenAsync(http, caller, post, form, asksNetworks: false, ct);
            if (!model.IsDraft) return Results.Conflict();
            model.Form.Keep(model.Now);
            var saved = await desk.SaveAsync(model, caller, ct);
            return saved is null
                ? Results.Json(new { message = model.Errors.First }, Json.Options, statusCode: StatusCodes.Status400BadRequest)
                : Results.Json(new { saved.Id, saved.Revision, said = $"Draft saved {LocalMoment.Clock(model.Now, model.Form.Zone)}" }, Json.Options);
        }
        catch (ProblemException problem) when (problem.Code == ProblemCode.NotFound)
        {
            return Results.NotFound();
        }
    }

    private static async Task<IResult> OptionsAsync(
        Guid profileId, HttpContext http, Core.Deliveries.ComposerProfiles profiles, CancellationToken ct)
    {
        var offered = await profiles.ListAsync(PersonSession.CallerOf(http)!, [], [profileId], ct);
        return offered.FirstOrDefault(p => p.Id == profileId) is { } profile
            ? new RazorComponentResult<OptionParts>(new { Profile = profile })
            : Results.NotFound();
    }
}
