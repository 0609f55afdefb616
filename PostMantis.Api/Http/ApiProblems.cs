using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing.Template;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Api.Http;

/// <summary>
/// Answers every failure below <c>/api</c> as problem details (RFC 9457) with a stable code: what operations refuse, what
/// the server refuses before them, and what nobody foresaw (logged, never shown).
/// </summary>
internal sealed partial class ApiProblems(RequestDelegate next, ILogger<ApiProblems> logger)
{
    public const string ContentType = "application/problem+json";

    public async Task InvokeAsync(HttpContext context)
    {
        context.Response.Headers["X-Request-Id"] = TraceId(context);
        try
        {
            await next(context);
            await FillAsync(context);
        }
        catch (ProblemException problem)
        {
            await WriteAsync(context, problem);
        }
        catch (BadHttpRequestException bad)
        {
            await WriteAsync(context, Of(bad));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
        catch (CommitInDoubtException e)
        {
            DatabaseAway(logger, e.InnerException!.GetType().Name);
            await WriteAsync(context, InDoubt());
        }
        catch (Exception e) when (DatabaseTrouble.IsPassing(e))
        {
            DatabaseAway(logger, e.GetType().Name);
            await WriteAsync(context, Unavailable());
        }
        catch (Exception e)
        {
            Unforeseen(logger, e);
            Activity.Current?.SetStatus(ActivityStatusCode.Error, e.GetType().Name);
            await WriteAsync(context, new ProblemException(ProblemCode.Internal,
                "Something went wrong on our side. The traceId finds it in the logs."));
        }
    }

    /// <summary>The HTTP status of a code (contract §2).</summary>
    public static int StatusOf(ProblemCode code) => code switch
    {
        ProblemCode.InvalidRequest => 400,
        ProblemCode.Unauthorized => 401,
        ProblemCode.InsufficientPermission => 403,
        ProblemCode.NotFound => 404,
        ProblemCode.MethodNotAllowed => 405,
        ProblemCode.Conflict or ProblemCode.DuplicatePost or ProblemCode.IdempotencyInProgress => 409,
        ProblemCode.CursorExpired => 410,
        ProblemCode.PreconditionFailed => 412,
        ProblemCode.PayloadTooLarge => 413,
        ProblemCode.UnsupportedMediaType => 415,
        ProblemCode.IdempotencyMismatch => 422,
        ProblemCode.RateLimited => 429,
        ProblemCode.Unavailable => 503,
        _ => 500,
    };

    /// <summary>Writes a problem; nothing when the answer has begun already.</summary>
    public static async Task WriteAsync(HttpContext context, ProblemException problem)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        var status = StatusOf(problem.Code);
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        if (problem.Extensions.TryGetValue("retryAfterSeconds", out var seconds))
            response.Headers.RetryAfter = Convert.ToString(seconds, CultureInfo.InvariantCulture);
        if (status == StatusCodes.Status401Unauthorized) response.Headers.WWWAuthenticate = "Bearer realm=\"PostMantis\"";
        await response.WriteAsync(BodyOf(problem, TraceId(context)).ToJsonString(Json.Options), context.RequestAborted);
    }

    /// <summary>The problem as it is written.</summary>
    public static JsonObject BodyOf(ProblemException problem, string traceId)
    {
        var body = new JsonObject
        {
            ["type"] = $"/problems/{JsonNamingPolicy.KebabCaseLower.ConvertName(problem.Code.ToString())}",
            ["title"] = TitleOf(problem.Code),
            ["status"] = StatusOf(problem.Code),
            ["detail"] = problem.Message,
            ["code"] = CamelCase.Of(problem.Code),
            ["traceId"] = traceId,
            ["errors"] = JsonSerializer.SerializeToNode(problem.Issues, Json.Options),
        };
        foreach (var (name, value) in problem.Extensions) body[name] = JsonSerializer.SerializeToNode(value, Json.Options);
        return body;
    }

    public static ProblemException Unavailable() => new(ProblemCode.Unavailable,
        "PostMantis cannot reach its database at the moment. Nothing was accepted.",
        extensions: new Dictionary<string, object?> { ["retryAfterSeconds"] = 2 });

    private static ProblemException InDoubt() => new(ProblemCode.Unavailable,
        "PostMantis lost its database while it stored this; it may have been accepted. Send it again with the same "
            + "Idempotency-Key, or look before you send it again.",
        extensions: new Dictionary<string, object?> { ["retryAfterSeconds"] = 2 });

    /// <summary>What finds the request in logs and traces.</summary>
    public static string TraceId(HttpContext context) =>
        Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier;

    // Answers the framework makes without a body, such as an unknown route or a method that is not there.
    private static async Task FillAsync(HttpContext context)
    {
        var response = context.Response;
        if (response.HasStarted || response.StatusCode < 400 || response.ContentLength > 0) return;
        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed && HttpMethods.IsOptions(context.Request.Method))
        {
            response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        if (response.StatusCode == StatusCodes.Status404NotFound
            && context.Request.Path.StartsWithSegments(ApiSetup.BasePath, StringComparison.OrdinalIgnoreCase)
            && MethodsAt(context) is { Count: > 0 } methods)
        {
            response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            response.Headers.Allow = string.Join(", ", methods);
        }
        var problem = response.StatusCode switch
        {
            401 => new ProblemException(ProblemCode.Unauthorized, "Send a valid key as Authorization: Bearer pm_…."),
            403 => new ProblemException(ProblemCode.InsufficientPermission, "This key may not do that."),
            404 => new ProblemException(ProblemCode.NotFound, "There is nothing at this address."),
            405 => new ProblemException(ProblemCode.MethodNotAllowed, $"Allowed here: {response.Headers.Allow}."),
            413 => new ProblemException(ProblemCode.PayloadTooLarge, "The request body is too large."),
            415 => new ProblemException(ProblemCode.UnsupportedMediaType, "Send application/json."),
            _ => null,
        };
        if (problem is not null) await WriteAsync(context, problem);
    }

    // A GET where only other methods are is answered by the pages, whose address for what is missing takes every path.
    private static List<string> MethodsAt(HttpContext context) =>
    [
        .. context.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText?.TrimStart('/').StartsWith("api/", StringComparison.Ordinal) == true
                && new TemplateMatcher(new RouteTemplate(e.RoutePattern), []).TryMatch(context.Request.Path, []))
            .SelectMany(e => e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []).Distinct().Order(),
    ];

    private static ProblemException Of(BadHttpRequestException bad) => bad.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => new ProblemException(ProblemCode.PayloadTooLarge,
            "The request body is too large."),
        StatusCodes.Status415UnsupportedMediaType => new ProblemException(ProblemCode.UnsupportedMediaType,
            "Send application/json."),
        _ => new ProblemException(ProblemCode.InvalidRequest, "The request could not be read."),
    };

    /// <summary>What a code is called.</summary>
    public static string TitleOf(ProblemCode code) => code switch
    {
        ProblemCode.InvalidRequest => "The request is not valid",
        ProblemCode.Unauthorized => "No valid key",
        ProblemCode.InsufficientPermission => "The key may not do this",
        ProblemCode.NotFound => "Not found",
        ProblemCode.MethodNotAllowed => "Method not allowed",
        ProblemCode.Conflict => "The state forbids it",
        ProblemCode.DuplicatePost => "The same content again",
        ProblemCode.IdempotencyInProgress => "The first request still runs",
        ProblemCode.CursorExpired => "The cursor is too old",
        ProblemCode.PreconditionFailed => "It has changed",
        ProblemCode.PayloadTooLarge => "The body is too large",
        ProblemCode.UnsupportedMediaType => "Unsupported media type",
        ProblemCode.IdempotencyMismatch => "The key was used for another request",
        ProblemCode.RateLimited => "Too many requests",
        ProblemCode.Unavailable => "Unavailable for a moment",
        _ => "Internal error",
    };

    [LoggerMessage(LogLevel.Error, "A request failed in a way nobody foresaw.")]
    private static partial void Unforeseen(ILogger logger, Exception exception);

    [LoggerMessage(LogLevel.Warning, "The database could not be reached: {Kind}.")]
    private static partial void DatabaseAway(ILogger logger, string kind);
}
