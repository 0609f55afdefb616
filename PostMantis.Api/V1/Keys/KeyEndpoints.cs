using Microsoft.Extensions.Options;
using PostMantis.Api.Http;
using PostMantis.Core.Access;

namespace PostMantis.Api.V1.Keys;

internal static class KeyEndpoints
{
    public static void MapKey(this IEndpointRouteBuilder v1) =>
        v1.MapGet("/key", (HttpContext http, IOptions<ApiRateLimitOptions> limits) =>
            {
                new QueryReader(http.Request.Query).Finish();
                return ApiAnswer.Data(KeyResponse.From(http.Features.Get<ApiKey>()!, limits.Value));
            })
            .WithName("GetKey").WithTags("Key").WithSummary("What this key may do")
            .Produces<Single<KeyResponse>>();
}

/// <summary>What the key of the request may do.</summary>
/// <param name="Prefix">Its visible beginning; the secret is never shown again.</param>
/// <param name="Permission">The rung: each includes the ones below.</param>
/// <param name="Providers">Empty: every provider. The same for brands and profiles.</param>
/// <param name="Limits">Requests a minute.</param>
internal sealed record KeyResponse(
    string Object,
    Guid Id,
    string Name,
    string Prefix,
    bool TestMode,
    Permission Permission,
    IReadOnlyList<Grant> Grants,
    IReadOnlyList<string> Providers,
    IReadOnlyList<Guid> Brands,
    IReadOnlyList<Guid> Profiles,
    KeyRules Rules,
    KeyLimits Limits,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt)
{
    public static KeyResponse From(ApiKey key, ApiRateLimitOptions limits) => new("key", key.Id, key.Name, key.Prefix,
        key.TestMode, key.Permission, key.Grants, key.Providers, key.BrandIds, key.ProfileIds, key.Rules,
        new KeyLimits(limits.Read, limits.Write, limits.Upload), key.CreatedAt, key.ExpiresAt);
}

/// <summary>Requests a minute by kind.</summary>
internal sealed record KeyLimits(int Read, int Write, int Upload);
