using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using PostMantis.Api.V1.Posts;
using PostMantis.Api.V1.Uploads;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Posts;

namespace PostMantis.Api.Http;

/// <summary>Examples of bodies, and the query parameters that endpoints read themselves.</summary>
internal static class ApiExamples
{
    public static JsonNode? Of(Type request) => request.Name switch
    {
        nameof(CreatePostRequest) => JsonNode.Parse("""
            {"post": {"body": "The launch is live.", "scheduledAt": "2027-03-30T10:00:00Z", "externalId": "cms-42",
                      "metadata": {"campaign": "spring"}},
             "profiles": ["01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11"]}
            """),
        nameof(PublishPostRequest) => JsonNode.Parse("""{"scheduledAt": "2027-03-30T10:00:00Z"}"""),
        nameof(RetryDeliveryRequest) => JsonNode.Parse("""{"override": {"body": "Shorter"}}"""),
        nameof(ResolveDeliveryRequest) => JsonNode.Parse("""{"as": "published", "url": "https://example.com/p/1"}"""),
        nameof(CreateUploadRequest) =>
            JsonNode.Parse("""{"fileName": "card.png", "mimeType": "image/png", "fileSize": 48211}"""),
        nameof(CreateCompletionRequest) => JsonNode.Parse("""{"artifactId": "01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11"}"""),
        _ => null,
    };

    public static IEnumerable<IOpenApiParameter> QueryOf(string? operation) => operation switch
    {
        "ListPosts" =>
        [
            Enum<PostStatus>("status"), Enum<DeliveryStatus>("deliveryStatus"), Enum<PostOutcome>("outcome"),
            Text("profileIds", "Repeatable."), Text("providers", "Repeatable."), Text("brandId", "Repeatable."),
            Text("externalId", "Repeatable."), Text("metadata[name]", "All of the given names must match."),
            Time("scheduledAfter"), Time("scheduledBefore"), Time("createdAfter"), Time("createdBefore"),
            Time("updatedAfter"), Time("updatedBefore"), Sort<PostSort>(),
            Text("view", "summary leaves out body, media and deliveries."), .. Page(),
        ],
        "ListProfiles" =>
        [
            Text("provider", "Repeatable."), Text("status", "active (default), reauthRequired or disconnected. Repeatable."),
            Text("brandId", "Repeatable."), Text("externalId", "Repeatable."), .. Page(),
        ],
        "ListEvents" =>
        [
            Of("afterSequence", "The last sequence you have handled; absent starts with the oldest event that is kept.",
                JsonSchemaType.Integer, "int64"),
            Text("types", $"Repeatable. {string.Join(", ", EventTypes.All)}."), .. Page(),
        ],
        "ListPublishLogs" =>
        [
            Text("postId", "Repeatable."), Text("profileId", "Repeatable."), Text("provider", "Repeatable."),
            Text("type", $"Repeatable. {string.Join(", ", EventTypes.OfPublishing)}."),
            Of("after", "RFC 3339, inclusive.", JsonSchemaType.String, "date-time"),
            Of("before", "RFC 3339, exclusive.", JsonSchemaType.String, "date-time"), .. Page(),
        ],
        _ => [],
    };

    /// <summary>What a call answers, by example.</summary>
    public static JsonNode? AnswerOf(string? operation) => operation is "ListEvents" or "ListPublishLogs"
        ? JsonNode.Parse("""
            {"data": [
              {"id": "01981d2e-9c11-7b0e-8f3a-5f2f4c1d2e3a", "type": "delivery.failed", "apiVersion": "v1",
               "timestamp": "2027-03-30T10:00:02.114Z", "sequence": 4711, "testMode": false,
               "data": {
                 "post": {"id": "01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11", "status": "publishing", "outcome": null,
                          "revision": 7, "externalId": "cms-42", "metadata": {"campaign": "spring"}},
                 "delivery": {"object": "delivery", "id": "01981d2e-7f3b-7a10-b2c4-66d0f1a29b77",
                              "profileId": "01981d2e-1111-7c55-9a41-0c2f6f0f8f11", "profileName": "Studio Page",
                              "provider": "mastodon", "status": "failed",
                              "error": {"code": "contentRejected", "message": "The network refused the text.",
                                        "nextStep": "editAndRetry", "retryable": true}}}}],
             "pagination": {"nextCursor": "4711", "hasMore": true}}
            """)
        : null;

    private static IEnumerable<IOpenApiParameter> Page() =>
    [
        Number("limit", "1–100, 20 by default."), Text("cursor", "nextCursor of the answer before."),
        Number("page", "From 0; instead of cursor, and then with a total."), Number("perPage", "1–100."),
    ];

    private static OpenApiParameter Enum<TEnum>(string name)
        where TEnum : struct, System.Enum =>
        Text(name, $"Repeatable. {string.Join(", ", System.Enum.GetValues<TEnum>().Select(CamelCase.Of))}.");

    private static OpenApiParameter Sort<TEnum>()
        where TEnum : struct, System.Enum =>
        Text("sort", $"{string.Join(", ", System.Enum.GetValues<TEnum>().Select(CamelCase.Of))}; - first for descending.");

    private static OpenApiParameter Time(string name) => Of(name, name.EndsWith("After", StringComparison.Ordinal)
        ? "RFC 3339, inclusive." : "RFC 3339, exclusive.", JsonSchemaType.String, "date-time");

    private static OpenApiParameter Number(string name, string description) =>
        Of(name, description, JsonSchemaType.Integer, "int32");

    private static OpenApiParameter Text(string name, string description) =>
        Of(name, description, JsonSchemaType.String, null);

    private static OpenApiParameter Of(string name, string description, JsonSchemaType type, string? format) => new()
    {
        Name = name,
        In = ParameterLocation.Query,
        Description = description,
        Schema = new OpenApiSchema { Type = type, Format = format },
    };
}
