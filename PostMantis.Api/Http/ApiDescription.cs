using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using PostMantis.Core.Common;
using Scalar.AspNetCore;

namespace PostMantis.Api.Http;

/// <summary>The OpenAPI 3.1 document at <c>/openapi/v1.json</c> and its pages at <c>/scalar</c>.</summary>
internal static class ApiDescription
{
    public const string DocumentName = "v1";

    /// <summary>Carries the name of an inlined type to <see cref="ApiDocument"/>, which takes it away.</summary>
    public const string NameExtension = "x-name";

    /// <summary>Says of an inlined type that its place may be null; taken away likewise.</summary>
    public const string NullableExtension = "x-may-be-null";

    private const string Address = $"/openapi/{DocumentName}.json";
    private const string KeyScheme = "apiKey";

    // What every call with a key can answer, besides its own.
    private static readonly ProblemCode[] Common =
    [
        ProblemCode.InvalidRequest, ProblemCode.Unauthorized, ProblemCode.RateLimited, ProblemCode.Internal,
        ProblemCode.Unavailable,
    ];

    /// <summary>What a request for an upload is one of.</summary>
    public static readonly Type[] Uploads = [typeof(V1.Uploads.SendUploadRequest), typeof(V1.Uploads.ImportUploadRequest)];

    private static readonly string[] Suffixes = ["Resource", "Response", "Request"];

    public static void AddApiDescription(this IServiceCollection services)
    {
        services.AddOpenApi(DocumentName, options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.CreateSchemaReferenceId = ReferenceOf;
            options.AddSchemaTransformer(DescribeAsync);
            options.AddDocumentTransformer(DescribeAsync);
            options.AddOperationTransformer(DescribeAsync);
        });
        services.AddSingleton<ApiDocument>();
    }

    public static void MapApiDescription(this WebApplication app)
    {
        app.MapMethods(Address, [HttpMethods.Get, HttpMethods.Head], async (ApiDocument document, CancellationToken ct) =>
        {
            var served = await document.GetAsync(ct);
            return TypedResults.Bytes(served.Bytes, "application/json; charset=utf-8", entityTag: served.Tag);
        }).AllowAnonymous().ExcludeFromDescription();
        app.MapScalarApiReference("/scalar", options => options
            .WithTitle("PostMantis API")
            .WithOpenApiRoutePattern("/openapi/{documentName}.json")
            .AddDocument(DocumentName)
            .DisableAgent()
            .DisableDefaultFonts()
            .DisableTelemetry()).AllowAnonymous();
    }

    /// <summary>What callers know a type as: <c>Post</c>, <c>PostList</c>, <c>PostAnswer</c>, <c>CreatePost</c>.</summary>
    public static string NameOf(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsGenericType)
        {
            var name = NameOf(type.GetGenericArguments()[0]);
            return type.GetGenericTypeDefinition() switch
            {
                var shape when shape == typeof(Single<>) => name + "Answer",
                var shape when shape == typeof(SingleWithWarnings<>) => "Accepted" + name,
                _ => name + "List",
            };
        }
        return Suffixes.FirstOrDefault(s => type.Name.EndsWith(s, StringComparison.Ordinal)) is { } suffix
            ? type.Name[..^suffix.Length]
            : type.Name;
    }

    private static string? ReferenceOf(JsonTypeInfo info) =>
        info.Type == typeof(JsonObject) || OpenApiOptions.CreateDefaultSchemaReferenceId(info) is null ? null : NameOf(info.Type);

    private static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken ct)
    {
        var type = context.JsonTypeInfo.Type;
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        var isNullable = (context.JsonPropertyInfo?.PropertyType ?? type) is { } declared
            && Nullable.GetUnderlyingType(declared) is not null;
        if (plain == typeof(DateTimeOffset))
            (schema.Type, schema.Format) = (JsonSchemaType.String | (isNullable ? JsonSchemaType.Null : 0), "date-time");
        if (plain == typeof(TimeOnly))
        {
            // RFC 3339 times of day have an offset, and ours are UTC without one.
            (schema.Format, schema.Pattern) = (null, @"^\d{2}:\d{2}:\d{2}(\.\d+)?$");
        }
        if (plain == typeof(JsonObject))
            schema.Type = JsonSchemaType.Object | (schema.Type is { } known ? known & JsonSchemaType.Null : 0);
        if (schema.Properties?.TryGetValue("object", out var named) == true && named is OpenApiSchema kind)
            kind.Const = (string?)plain.GetField("Kind")?.GetRawConstantValue();
        if (plain.Namespace?.StartsWith("PostMantis", StringComparison.Ordinal) == true)
        {
            schema.Extensions ??= new Dictionary<string, IOpenApiExtension>();
            schema.Extensions[NameExtension] = new JsonNodeExtension(JsonValue.Create(NameOf(plain)));
            if (context.JsonPropertyInfo?.IsGetNullable == true)
                schema.Extensions[NullableExtension] = new JsonNodeExtension(JsonValue.Create(true));
        }
        return Task.CompletedTask;
    }

    private static async Task DescribeAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken ct)
    {
        document.Info.Title = "PostMantis API";
        document.Info.Version = DocumentName;
        document.Info.Description = "Publish to the social accounts that people have connected. 202 means stored durably; "
            + "what became of each delivery is read from the post or told by webhooks. Read on at /docs/api.md.";
        document.Info.Contact = new OpenApiContact { Name = "Whoever operates this instance" };
        document.Servers = [new OpenApiServer { Url = "/", Description = "This instance" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
        document.Components.SecuritySchemes[KeyScheme] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "A key from the dashboard: pm_live_… or, for the sandbox only, pm_test_….",
        };
        document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        foreach (var type in (Type[])[typeof(ProblemResponse), .. Uploads])
            document.Components.Schemas[NameOf(type)] = await context.GetOrCreateSchemaAsync(type, null, ct);
    }

    private static async Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken ct)
    {
        var endpoint = context.Description.ActionDescriptor.EndpointMetadata;
        var method = context.Description.HttpMethod;
        operation.Parameters ??= [];
        operation.Deprecated = endpoint.OfType<Retired>().Any();
        if (endpoint.OfType<TakesBody>().SingleOrDefault() is { } body)
        {
            var schema = await context.GetOrCreateSchemaAsync(body.Type, null, ct);
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = !body.IsOptional,
                Content = body.ContentTypes.ToDictionary(type => type, type => new OpenApiMediaType
                {
                    Schema = schema,
                    Example = ApiExamples.Of(body.Type),
                }),
            };
        }
        if (endpoint.OfType<TakesForm>().SingleOrDefault() is { } form
            && operation.RequestBody?.Content?.TryGetValue("application/json", out var json) == true)
        {
            operation.RequestBody.Content["multipart/form-data"] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Required = new HashSet<string> { form.Part },
                    Properties = new Dictionary<string, IOpenApiSchema> { [form.Part] = json.Schema! },
                    AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
                },
            };
        }
        foreach (var parameter in ApiParameters.QueryOf(operation.OperationId)) operation.Parameters.Add(parameter);
        if (endpoint.OfType<TakesIdempotencyKey>().Any())
            operation.Parameters.Add(Header("Idempotency-Key", "1–255 printable ASCII characters. The same key and request "
                + "within 24 hours give the first answer again, with Idempotency-Replayed: true.", 255));
        var isConditional = HonoursIfMatch(operation, method);
        if (isConditional)
            operation.Parameters.Add(Header("If-Match", "The post's ETag as it came, or *: refuses with 412 when it has changed."));
        if (operation.OperationId == "GetPost")
            operation.Parameters.Add(Header("If-None-Match", "ETags that are known already: answers 304 when one is current."));
        if (endpoint.OfType<IAllowAnonymous>().Any())
        {
            operation.Security = [];
            Add(operation, context, [ProblemCode.InvalidRequest, ProblemCode.Internal]);
            return;
        }

        operation.Security = [new OpenApiSecurityRequirement
        {
            [new OpenApiSecuritySchemeReference(KeyScheme, context.Document)] = [],
        }];
        var codes = Common.ToList();
        var reads = method == "GET" || endpoint.OfType<CountsAsRead>().Any();
        if (!reads) codes.Add(ProblemCode.InsufficientPermission);
        if (context.Description.RelativePath?.Contains('{', StringComparison.Ordinal) == true) codes.Add(ProblemCode.NotFound);
        if (endpoint.OfType<TakesIdempotencyKey>().Any())
            codes.AddRange([ProblemCode.IdempotencyInProgress, ProblemCode.IdempotencyMismatch]);
        if (operation.OperationId is "CreatePost" or "PublishPost" or "RetryDelivery" or "UpdatePost")
            codes.Add(ProblemCode.DuplicatePost);
        if (!reads) codes.Add(ProblemCode.Conflict);
        if (isConditional) codes.Add(ProblemCode.PreconditionFailed);
        if (method is "PATCH" or "POST") codes.AddRange([ProblemCode.PayloadTooLarge, ProblemCode.UnsupportedMediaType]);
        if (operation.OperationId == "ListEvents") codes.Add(ProblemCode.CursorExpired);
        Add(operation, context, codes);
        if (operation.OperationId == "GetPost")
            operation.Responses!["304"] = new OpenApiResponse { Description = "The post is as the caller knows it." };
        if (ApiExamples.AnswerOf(operation.OperationId) is { } example
            && operation.Responses!.TryGetValue("200", out var ok) && ok.Content?["application/json"] is { } answer)
        {
            answer.Example = example;
        }
    }

    private static bool HonoursIfMatch(OpenApiOperation operation, string? method) => method is "PATCH" or "DELETE"
        || operation.OperationId is "PublishPost" or "CancelPost" or "CancelDelivery" or "RetryDelivery" or "ResolveDelivery";

    private static void Add(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, IEnumerable<ProblemCode> codes)
    {
        operation.Responses ??= [];
        foreach (var group in codes.GroupBy(ApiProblems.StatusOf).OrderBy(g => g.Key))
        {
            operation.Responses[group.Key.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = string.Join(", ", group.Distinct().Select(CamelCase.Of)),
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [ApiProblems.ContentType] = new OpenApiMediaType
                    {
                        Schema = new OpenApiSchemaReference(NameOf(typeof(ProblemResponse)), context.Document),
                    },
                },
            };
        }
    }

    private static OpenApiParameter Header(string name, string description, int? most = null) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = most },
    };
}
