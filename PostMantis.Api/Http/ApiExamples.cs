using System.Text.Json.Nodes;
using PostMantis.Api.V1.Posts;
using PostMantis.Api.V1.Uploads;

namespace PostMantis.Api.Http;

/// <summary>Examples of bodies and answers that say more than their schemas do.</summary>
internal static class ApiExamples
{
    public static JsonNode? Of(Type request) => request.Name switch
    {
        nameof(CreatePostRequest) => JsonNode.Parse("""
            {"post": {"body": "The launch is live.", "scheduledAt": "2027-03-30T10:00:00Z", "externalId": "cms-42",
                      "metadata": {"campaign": "spring"}},
             "profiles": ["01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11"]}
            """),
        nameof(ValidatePostRequest) => JsonNode.Parse("""
            {"post": {"body": "The launch is live."}, "profiles": ["01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11"]}
            """),
        nameof(PublishPostRequest) => JsonNode.Parse("""{"scheduledAt": "2027-03-30T10:00:00Z"}"""),
        nameof(RetryDeliveryRequest) => JsonNode.Parse("""{"override": {"body": "Shorter"}}"""),
        nameof(ResolveDeliveryRequest) => JsonNode.Parse("""{"as": "published", "url": "https://example.com/p/1"}"""),
        nameof(CreateUploadRequest) =>
            JsonNode.Parse("""{"fileName": "card.png", "mimeType": "image/png", "fileSize": 48211}"""),
        nameof(CreateCompletionRequest) => JsonNode.Parse("""{"artifactId": "01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11"}"""),
        _ => null,
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
}
