using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using PostMantis.Core.Common;
using Scalar.AspNetCore;

namespace PostMantis.Api.Http;

/// <summary>The OpenAPI 3.1 document at <c>/openapi/v1.json</c> and its pages at <c>/scalar</c>.</summary>
internal static class ApiDescription
{
    private const string DocumentName = "v1";
    private const string KeyScheme = "apiKey";
    private const string ProblemSchema = "Problem";

    // What every call with a key can answer, besides its own.
    private static readonly ProblemCode[] Common =
    [
        ProblemCode.InvalidRequest, ProblemCode.Unauthorized, ProblemCode.InsufficientPermission, ProblemCode.RateLimited,
        ProblemCode.Internal, ProblemCode.Unavailable,
    ];

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi(DocumentName, options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddDocumentTransformer(DescribeAsync);
        options.AddOperationTransformer(DescribeAsync);
    });

    public static void MapApiDescription(this WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        app.MapScalarApiReference("/scalar", options => options
            .WithTitle("PostMantis API")
            .WithOpenApiRoutePattern("/openapi/{documentName}.json")
            .AddDocument(DocumentName)
            .DisableAgent()
            .DisableDefaultFonts()
            .DisableTelemetry()).AllowAnonymous();
    }

    private static async Task DescribeAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken ct)
    {
        document.Info.Title = "PostMantis API";
        document.Info.Version = DocumentName;
        document.Info.Description = "Publish to the social accounts that people have connected. 202 means stored durably; "
            + "what became of each delivery is read from the post or told by webhooks.";
        document.Servers = [];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
        document.Components.SecuritySchemes[KeyScheme] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "A key from the dashboard: pm_live_… or, for the sandbox only, pm_test_….",
        };
        document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        document.Components.Schemas[ProblemSchema] =
            await context.GetOrCreateSchemaAsync(typeof(ProblemResponse), null, ct);
    }

    private static async Task DescribeAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken ct)
    {
        var endpoint = context.Description.ActionDescriptor.EndpointMetadata;
        var method = context.Description.HttpMethod;
        var isOpen = endpoint.OfType<Microsoft.AspNetCore.Authorization.IAllowAnonymous>().Any();
        if (endpoint.OfType<TakesBody>().SingleOrDefault() is { } body)
        {
            var schema = await context.GetOrCreateSchemaAsync(body.Type, null, ct);
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = body.Type.Name.StartsWith("Create", StringComparison.Ordinal),
                Content = body.ContentTypes.ToDictionary(type => type, type => new OpenApiMediaType
                {
                    Schema = schema,
                    Example = ApiExamples.Of(body.Type),
                }),
            };
        }
        operation.Parameters ??= [];
        foreach (var parameter in ApiExamples.QueryOf(operation.OperationId)) operation.Parameters.Add(parameter);
        if (endpoint.OfType<TakesIdempotencyKey>().Any())
            operation.Parameters.Add(Header("Idempotency-Key", "1–255 printable ASCII characters. The same key and request "
                + "within 24 hours give the first answer again, with Idempotency-Replayed: true."));
        if (method is "PATCH" or "DELETE" || operation.OperationId is "PublishPost" or "CancelPost")
            operation.Parameters.Add(Header("If-Match", "The post's ETag: refuses with 412 when it has changed."));
        if (isOpen) return;

        operation.Security = [new OpenApiSecurityRequirement
        {
            [new OpenApiSecuritySchemeReference(KeyScheme, context.Document)] = [],
        }];
        var codes = Common.ToList();
        if (context.Description.RelativePath?.Contains('{', StringComparison.Ordinal) == true) codes.Add(ProblemCode.NotFound);
        if (method == "POST")
            codes.AddRange([ProblemCode.Conflict, ProblemCode.IdempotencyInProgress, ProblemCode.IdempotencyMismatch]);
        if (operation.OperationId is "CreatePost" or "PublishPost" or "RetryDelivery") codes.Add(ProblemCode.DuplicatePost);
        if (method is "PATCH" or "DELETE") codes.Add(ProblemCode.Conflict);
        if (method is "PATCH" or "DELETE" or "POST") codes.Add(ProblemCode.PreconditionFailed);
        if (method is "PATCH" or "POST") codes.AddRange([ProblemCode.PayloadTooLarge, ProblemCode.UnsupportedMediaType]);
        if (operation.OperationId == "ListEvents") codes.Add(ProblemCode.CursorExpired);
        operation.Responses ??= [];
        if (ApiExamples.AnswerOf(operation.OperationId) is { } example
            && operation.Responses.TryGetValue("200", out var ok) && ok.Content?["application/json"] is { } answer)
        {
            answer.Example = example;
        }
        foreach (var group in codes.GroupBy(ApiProblems.StatusOf).OrderBy(g => g.Key))
        {
            operation.Responses[group.Key.ToString(System.Globalization.CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = string.Join(", ", group.Distinct().Select(CamelCase.Of)),
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [ApiProblems.ContentType] = new OpenApiMediaType
                    {
                        Schema = new OpenApiSchemaReference(ProblemSchema, context.Document),
                    },
                },
            };
        }
    }

    private static OpenApiParameter Header(string name, string description) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };
}
