using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>
/// What goes wrong in a page ends in a page, the same in development and production. Programs get problem details from
/// the API's own handlers.
/// </summary>
internal sealed partial class PageErrors(RequestDelegate next, ILogger<PageErrors> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        if (http.Features.Get<IStatusCodeReExecuteFeature>() is not null)
        {
            // The answer to a refused form post is a page, which must not take the post for a form of its own.
            http.Request.Method = HttpMethods.Get;
            await next(http);
            return;
        }
        if (!IsForPeople(http))
        {
            if (http.Features.Get<IStatusCodePagesFeature>() is { } pages) pages.Enabled = false;
            await next(http);
            return;
        }
        try
        {
            await next(http);
        }
        catch (BadHttpRequestException exception) when (!http.Response.HasStarted)
        {
            Answer(http, exception.StatusCode);
        }
        catch (ProblemException exception) when (!http.Response.HasStarted)
        {
            Answer(http, exception.Code switch
            {
                ProblemCode.NotFound => StatusCodes.Status404NotFound,
                ProblemCode.InsufficientPermission => StatusCodes.Status403Forbidden,
                ProblemCode.RateLimited => StatusCodes.Status429TooManyRequests,
                ProblemCode.Internal or ProblemCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
                _ => StatusCodes.Status400BadRequest,
            });
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
        catch (Exception exception) when (!http.Response.HasStarted)
        {
            LogPageFailed(exception);
            Answer(http, StatusCodes.Status500InternalServerError);
        }
    }

    // A page that had begun has said what it would be; what is told in its place is another page.
    private static void Answer(HttpContext http, int status) =>
        (http.Response.ContentType, http.Response.StatusCode) = (null, status);

    private static bool IsForPeople(HttpContext http) =>
        !http.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase) &&
        !http.Request.Path.StartsWithSegments("/media", StringComparison.OrdinalIgnoreCase) &&
        !http.Request.Path.StartsWithSegments("/mcp", StringComparison.OrdinalIgnoreCase) &&
        http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    [LoggerMessage(LogLevel.Error, "A page failed")]
    private partial void LogPageFailed(Exception exception);
}
