using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Api.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Api.Mcp;

/// <summary>A request to an operation of the API, by its name.</summary>
/// <param name="Method">In lower case.</param>
/// <param name="Body">Null for an operation without one.</param>
internal sealed record OperationRequest(string Operation, string Method, IReadOnlyDictionary<string, string> Route,
    QueryString Query, IReadOnlyDictionary<string, string> Headers, JsonObject? Body);

/// <summary>What the operation answered.</summary>
/// <param name="Body">Null without content.</param>
internal sealed record OperationAnswer(int Status, JsonObject? Body);

/// <summary>
/// Sends a request to an endpoint of the API in this process, as the caller of the outer request: the same binding,
/// idempotency, refusals and answer as over HTTP. What counts as a write is counted as one; the outer request was a read.
/// </summary>
internal sealed class OperationCaller(EndpointDataSource endpoints, ApiRateLimits limits, ILogger<ApiProblems> logger)
{
    public async Task<OperationAnswer> CallAsync(HttpContext outer, OperationRequest asked, CancellationToken ct)
    {
        var endpoint = endpoints.Endpoints.OfType<RouteEndpoint>().Single(e =>
            e.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName == asked.Operation);
        using var answer = new MemoryStream();
        var context = new DefaultHttpContext
        {
            RequestServices = outer.RequestServices,
            RequestAborted = ct,
            User = outer.User,
            TraceIdentifier = outer.TraceIdentifier,
        };
        context.Connection.RemoteIpAddress = outer.Connection.RemoteIpAddress;
        context.Features.Set(outer.Features.Get<Caller>());
        context.Features.Set(outer.Features.Get<ApiKey>());
        context.SetEndpoint(endpoint);
        context.Response.Body = answer;
        var request = context.Request;
        (request.Method, request.Scheme, request.Host) = (asked.Method.ToUpperInvariant(), outer.Request.Scheme, outer.Request.Host);
        request.QueryString = asked.Query;
        request.Path = ApiSetup.BasePath + PathOf(endpoint, asked.Route);
        foreach (var (name, value) in asked.Route) request.RouteValues[name] = value;
        foreach (var (name, value) in asked.Headers) request.Headers[name] = value;
        if (asked.Body is { } body)
        {
            var bytes = Encoding.UTF8.GetBytes(body.ToJsonString(Json.Options));
            (request.Body, request.ContentLength, request.ContentType) = (new MemoryStream(bytes), bytes.Length, "application/json");
        }
        var run = endpoint.RequestDelegate!;
        var isRead = HttpMethods.IsGet(request.Method) || endpoint.Metadata.GetMetadata<CountsAsRead>() is not null;
        await new ApiProblems(isRead ? run : new RateLimitMiddleware(run, limits).InvokeAsync, logger).InvokeAsync(context);
        return new OperationAnswer(context.Response.StatusCode,
            answer.Length == 0 ? null : JsonNode.Parse(answer.ToArray())!.AsObject());
    }

    private static string PathOf(RouteEndpoint endpoint, IReadOnlyDictionary<string, string> route)
    {
        var path = endpoint.RoutePattern.RawText!.Split('}', 2)[1].TrimEnd('/');
        foreach (var (name, value) in route)
            path = path.Replace($"{{{name}}}", Uri.EscapeDataString(value), StringComparison.Ordinal);
        return path;
    }
}
