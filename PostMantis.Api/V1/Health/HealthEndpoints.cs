using PostMantis.Api.Http;

namespace PostMantis.Api.V1.Health;

internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder v1) =>
        v1.MapGet("/health", (HttpContext http) =>
            {
                new QueryReader(http.Request.Query).Finish();
                return ApiAnswer.Data(new HealthResponse("health", "ok"));
            })
            .WithName("GetHealth").WithTags("Health").AllowAnonymous()
            .WithSummary("The API answers")
            .WithDescription("Needs no key. Whether the instance is ready to publish is asked at /health of the root.")
            .Produces<Single<HealthResponse>>();
}

/// <summary>The API answers.</summary>
/// <param name="Status">Always <c>ok</c>.</param>
internal sealed record HealthResponse(string Object, string Status);
