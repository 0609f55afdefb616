using Asp.Versioning;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.ResponseCompression;
using PostMantis.Api.Documents;
using PostMantis.Api.Mcp;
using PostMantis.Api.Media;
using PostMantis.Api.V1.Events;
using PostMantis.Api.V1.Health;
using PostMantis.Api.V1.Keys;
using PostMantis.Api.V1.Posts;
using PostMantis.Api.V1.Profiles;
using PostMantis.Api.V1.Providers;
using PostMantis.Api.V1.Uploads;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>Sets up everything below <c>/api</c> and its description.</summary>
internal static class ApiSetup
{
    public const string BasePath = "/api/v1";

    /// <summary>Who may call the API: holders of a key.</summary>
    public const string Policy = "api";

    public static void AddPostMantisApi(this IServiceCollection services)
    {
        services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(
            ApiKeyAuthentication.SchemeName, null);
        services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy
            .AddAuthenticationSchemes(ApiKeyAuthentication.SchemeName).RequireAuthenticatedUser());
        services.AddHttpContextAccessor();
        services.AddScoped(provider => provider.GetRequiredService<IHttpContextAccessor>().HttpContext
            ?.Features.Get<Caller>() ?? throw new InvalidOperationException("Nobody is asking."));
        services.ConfigureHttpJsonOptions(options => Json.Configure(options.SerializerOptions));
        services.AddApiVersioning(options =>
        {
            options.DefaultApiVersion = new ApiVersion(1, 0);
            options.ApiVersionReader = new UrlSegmentApiVersionReader();
        }).AddApiExplorer(options =>
        {
            options.GroupNameFormat = "'v'V";
            options.SubstituteApiVersionInUrl = true;
        });
        services.AddResponseCompression(options =>
        {
            options.EnableForHttps = true;
            options.MimeTypes = [.. ResponseCompressionDefaults.MimeTypes, ApiProblems.ContentType];
        });
        services.AddApiDescription();
        services.AddPostMantisMcp();
    }

    /// <summary>Comes first: problems wrap everything, and HEAD is a GET whose body the server keeps back.</summary>
    public static void UsePostMantisApi(this WebApplication app) => app.UseWhen(IsApi, api =>
    {
        api.UseResponseCompression();
        api.Use((context, next) =>
        {
            if (HttpMethods.IsHead(context.Request.Method)) context.Request.Method = HttpMethods.Get;
            return next(context);
        });
        api.UseMiddleware<ApiProblems>();
    });

    /// <summary>Comes after authorization: only who may call is counted.</summary>
    public static void UseApiRateLimits(this WebApplication app) =>
        app.UseWhen(IsApi, api => api.UseMiddleware<RateLimitMiddleware>());

    public static void MapPostMantisApi(this WebApplication app)
    {
        var v1 = app.NewVersionedApi().MapGroup("/api/v{version:apiVersion}").HasApiVersion(1, 0);
        v1.MapHealth();
        var keyed = v1.MapGroup("").RequireAuthorization(Policy);
        keyed.MapKey();
        keyed.MapProviders();
        keyed.MapProfiles();
        keyed.MapPosts();
        keyed.MapEvents();
        keyed.MapUploads();
        app.MapMedia();
        app.MapDocuments();
        app.MapPostMantisMcp();
        app.MapClientDocuments();
        app.MapApiDescription();
    }

    /// <summary>Reads an id of the address; what is no id is not there.</summary>
    public static Guid IdOf(string text, string what) =>
        Guid.TryParseExact(text, "D", out var id) ? id : throw ProblemException.NotFound(what);

    private static bool IsApi(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        || context.Request.Path.StartsWithSegments(McpSetup.Path, StringComparison.OrdinalIgnoreCase)
        || context.Request.Path.StartsWithSegments(MediaEndpoints.Root, StringComparison.OrdinalIgnoreCase);
}
