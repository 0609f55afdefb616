using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Idempotency;

namespace PostMantis.Api.Http;

/// <summary>What endpoints say of themselves.</summary>
internal static class EndpointConventions
{
    /// <summary>The POST may be repeated safely with an <c>Idempotency-Key</c>; replays ask for the same permission.</summary>
    public static RouteHandlerBuilder WithIdempotencyKey(
        this RouteHandlerBuilder endpoint, Func<JsonObject, Permission> needed) =>
        endpoint.AddEndpointFilter(new IdempotencyFilter(needed)).WithMetadata(new TakesIdempotencyKey());

    /// <inheritdoc cref="WithIdempotencyKey(RouteHandlerBuilder, Func{JsonObject, Permission})"/>
    public static RouteHandlerBuilder WithIdempotencyKey(this RouteHandlerBuilder endpoint, Permission needed) =>
        endpoint.WithIdempotencyKey(_ => needed);

    /// <summary>As above, for things other than posts: <paramref name="again"/> answers a replay.</summary>
    public static RouteHandlerBuilder WithIdempotencyKey(
        this RouteHandlerBuilder endpoint, Func<JsonObject, Permission> needed, ReplayAnswer again) =>
        endpoint.AddEndpointFilter(new IdempotencyFilter(needed, again)).WithMetadata(new TakesIdempotencyKey());

    /// <summary>Documents the body, which the operation reads itself.</summary>
    public static RouteHandlerBuilder Takes<TRequest>(this RouteHandlerBuilder endpoint,
        string contentType = "application/json", params string[] others)
        where TRequest : notnull =>
        endpoint.WithMetadata(new TakesBody(typeof(TRequest), [contentType, .. others]));

    /// <summary>As <see cref="Takes"/>, of a body that may be left out.</summary>
    public static RouteHandlerBuilder MayTake<TRequest>(this RouteHandlerBuilder endpoint)
        where TRequest : notnull =>
        endpoint.WithMetadata(new TakesBody(typeof(TRequest), ["application/json"], IsOptional: true));

    /// <summary>
    /// Says with every answer that this call will go: <c>Deprecation</c> (RFC 9745), <c>Sunset</c> (RFC 8594), and a link to
    /// what takes its place. It goes on working until then.
    /// </summary>
    /// <param name="sunset">At least 12 months after <paramref name="since"/>.</param>
    public static RouteHandlerBuilder Retires(
        this RouteHandlerBuilder endpoint, DateTimeOffset since, DateTimeOffset sunset, string successor) =>
        sunset < since.AddMonths(RetirementMonths)
            ? throw new ArgumentOutOfRangeException(nameof(sunset), sunset, "Callers are given 12 months.")
            : endpoint.WithMetadata(new Retired(since, sunset, successor)).AddEndpointFilter((context, next) =>
            {
                var headers = context.HttpContext.Response.Headers;
                headers["Deprecation"] = string.Create(CultureInfo.InvariantCulture, $"@{since.ToUnixTimeSeconds()}");
                headers["Sunset"] = sunset.ToString("R", CultureInfo.InvariantCulture);
                headers.Link = $"<{successor}>; rel=\"successor-version\", </changelog>; rel=\"deprecation\"; type=\"text/markdown\"";
                return next(context);
            });

    private const int RetirementMonths = 12;
}

/// <summary>Answers a repeated request, after asking again whether the caller may see what it is about.</summary>
internal delegate Task<ApiAnswer> ReplayAnswer(
    IServiceProvider services, Caller caller, IdempotencyKey first, CancellationToken ct);

/// <summary>The endpoint honours an Idempotency-Key.</summary>
internal sealed class TakesIdempotencyKey;

/// <summary>The endpoint's documented body.</summary>
internal sealed record TakesBody(Type Type, IReadOnlyList<string> ContentTypes, bool IsOptional = false);

/// <summary>The endpoint also takes a form: its documented body in one part, files in others.</summary>
/// <param name="Part">The name of the part with the body.</param>
internal sealed record TakesForm(string Part);

/// <summary>The endpoint will go.</summary>
internal sealed record Retired(DateTimeOffset Since, DateTimeOffset Sunset, string Successor);
