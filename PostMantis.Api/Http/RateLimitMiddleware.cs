using System.Globalization;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>Holds each key to its requests a minute and says how many are left (draft-ietf-httpapi-ratelimit-headers).</summary>
internal sealed class RateLimitMiddleware(RequestDelegate next, ApiRateLimits limits)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<Caller>() is not { } caller)
        {
            await next(context);
            return;
        }
        var bucket = context.GetEndpoint()?.Metadata.GetMetadata<CountsAs>() is { } counts ? counts.Bucket
            : HttpMethods.IsGet(context.Request.Method) || context.GetEndpoint()?.Metadata.GetMetadata<CountsAsRead>() is not null
            ? ApiBucket.Read
            : ApiBucket.Write;
        var verdict = await limits.TakeAsync(caller.ActorId, bucket, context.RequestAborted);
        var (name, seconds) = (CamelCase.Of(bucket), (int)Math.Ceiling(verdict.ResetsIn.TotalSeconds));
        var headers = context.Response.Headers;
        headers["RateLimit-Policy"] = string.Create(CultureInfo.InvariantCulture, $"\"{name}\";q={verdict.Limit};w=60");
        headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"{name}\";r={verdict.Left};t={seconds}");
        if (!verdict.IsAllowed)
            throw new ProblemException(ProblemCode.RateLimited, $"At most {verdict.Limit} such requests a minute.",
                extensions: new Dictionary<string, object?> { ["bucket"] = name, ["retryAfterSeconds"] = seconds });
        await next(context);
    }
}

/// <summary>Names the bucket of an endpoint.</summary>
internal sealed record CountsAs(ApiBucket Bucket);

/// <summary>Marks an endpoint that changes nothing though it is a POST.</summary>
internal sealed class CountsAsRead;
