using Microsoft.AspNetCore.Http;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>What the pages' script is answered: the result, or in words what speaks against it.</summary>
internal static class ScriptAnswer
{
    public static async Task<IResult> OfAsync(Func<Task<IResult>> work)
    {
        try
        {
            return await work();
        }
        catch (ProblemException problem)
        {
            return Results.Json(new { message = problem.Issues.Count > 0 ? problem.Issues[0].Message : problem.Message },
                Json.Options, statusCode: StatusCodes.Status400BadRequest);
        }
    }
}
