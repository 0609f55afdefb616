using System.Text.Json.Nodes;
using PostMantis.Core.Outbox;

namespace PostMantis.Api.Http;

/// <summary>What webhooks carry, as the <c>webhooks</c> of the document: a schema and an example for each type of event.</summary>
internal static class WebhookDocument
{
    private const string Tag = "Webhooks";
    private const string Schemas = "#/components/schemas/";

    /// <summary>The tag of its operations.</summary>
    public static (string Name, string Description) Tagged { get; } =
        (Tag, "What is sent to your endpoints: verify the signature, answer 2xx, do each event once.");

    /// <summary>Adds the schemas and the webhooks.</summary>
    public static void AddTo(JsonObject document, JsonObject schemas)
    {
        AddSchemas(schemas);
        document["webhooks"] = new JsonObject(EventTypes.All.Select(type => KeyValuePair.Create(type, (JsonNode?)Describe(type, schemas))));
    }

    private static void AddSchemas(JsonObject schemas)
    {
        var post = schemas["Post"]!["properties"]!.AsObject();
        string[] ofPost = ["id", "status", "outcome", "revision", "externalId", "metadata"];
        schemas["EventPost"] = Object("Where the post stood at that moment.", ofPost.Select(name =>
            KeyValuePair.Create(name, post[name]?.DeepClone())));
        var delivery = (JsonObject)schemas["Delivery"]!.DeepClone();
        delivery["description"] = "The delivery at that moment, as GET shows it, without its content.";
        delivery["properties"]!.AsObject().Remove("content");
        var required = delivery["required"]!.AsArray();
        required.Remove(required.Single(name => (string?)name == "content"));
        schemas["EventDelivery"] = delivery;
        schemas["EventProfile"] = Object("The profile at that moment; id, network, name and status are always there.",
            schemas["Profile"]!["properties"]!.AsObject().Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())),
            ["id", "provider", "name", "status"]);
        schemas["DeliveryAtRisk"] = Object("A scheduled delivery that cannot go out as things stand.",
            [new("id", Typed("string", "uuid")), new("postId", Typed("string", "uuid")), new("scheduledAt", Typed("string", "date-time"))]);
        schemas["EventEndpoint"] = Object("An endpoint that was disabled, and why.",
        [
            new("id", Typed("string", "uuid")), new("name", Typed("string")), new("url", Typed("string")),
            new("reason", new JsonObject { ["type"] = "string", ["enum"] = new JsonArray("gone", "failing") }),
            new("disabledAt", Typed("string", "date-time")), new("failingSince", Nullable("date-time")), new("lastError", Nullable()),
        ]);
        schemas["PostEventData"] = Object("Of post.*.", [new("post", Reference("EventPost"))]);
        schemas["DeliveryEventData"] = Object("Of delivery.*.",
            [new("post", Reference("EventPost")), new("delivery", Reference("EventDelivery"))]);
        schemas["ProfileEventData"] = Object("Of profile.*.",
        [
            new("profile", Reference("EventProfile")),
            new("deliveriesAtRisk", new JsonObject { ["type"] = "array", ["items"] = Reference("DeliveryAtRisk") }),
            new("reason", Nullable()),
        ], ["profile"]);
        schemas["ArtifactEventData"] = Object("Of artifact.*.", [new("artifact", Reference("Artifact"))]);
        schemas["EndpointEventData"] = Object("Of endpoint.disabled.", [new("endpoint", Reference("EventEndpoint"))]);
        schemas["TestEventData"] = Object("Of webhook.test.",
            [new("endpoint", Object("The endpoint that is tested.", [new("id", Typed("string", "uuid")), new("name", Typed("string"))]))]);
    }

    private static JsonObject Describe(string type, JsonObject schemas)
    {
        var (summary, data) = About(type);
        var operation = string.Concat(type.Split('.').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
        return new JsonObject
        {
            ["post"] = new JsonObject
            {
                ["tags"] = new JsonArray(Tag),
                ["summary"] = summary,
                ["description"] = $"{summary}. Verify the signature before parsing; read on at /docs/webhooks.md.",
                ["operationId"] = $"On{operation}",
                ["security"] = new JsonArray(),
                ["parameters"] = new JsonArray(
                    Header("webhook-id", "The event's id: the same on every retry, resend and replay.", Typed("string", "uuid")),
                    Header("webhook-timestamp", "Unix seconds of this attempt.", Typed("integer", "int64")),
                    Header("webhook-signature", "v1,<base64 HMAC-SHA256 of id.timestamp.body>; two with a space between them while a "
                        + "secret is rotated.", Typed("string")),
                    Header("traceparent", "The trace of what it is about.", Typed("string"), isRequired: false)),
                ["requestBody"] = new JsonObject
                {
                    ["required"] = true,
                    ["content"] = new JsonObject
                    {
                        ["application/json"] = new JsonObject
                        {
                            ["schema"] = new JsonObject
                            {
                                ["allOf"] = new JsonArray(Reference("Event"), new JsonObject
                                {
                                    ["type"] = "object",
                                    ["properties"] = new JsonObject
                                    {
                                        ["type"] = new JsonObject { ["type"] = "string", ["const"] = type },
                                        ["data"] = Reference(data),
                                    },
                                }),
                            },
                            ["example"] = Example(type, data, schemas),
                        },
                    },
                },
                ["responses"] = new JsonObject
                {
                    ["200"] = new JsonObject { ["description"] = "Taken; any 2xx within 15 seconds." },
                    ["410"] = new JsonObject { ["description"] = "Gone: the endpoint is disabled at once." },
                    ["default"] = new JsonObject { ["description"] = "Failed: tried again later, after Retry-After if that is given." },
                },
            },
        };
    }

    private static (string Summary, string Data) About(string type) => type switch
    {
        EventTypes.PostCreated => ("A post was stored", "PostEventData"),
        EventTypes.PostUpdated => ("A post was edited", "PostEventData"),
        EventTypes.PostScheduled => ("A post waits for its moment", "PostEventData"),
        EventTypes.PostCompleted => ("Every delivery of a post is settled; its outcome tells how", "PostEventData"),
        EventTypes.PostCanceled => ("Every delivery of a post was canceled", "PostEventData"),
        EventTypes.DeliveryPublished => ("It is public", "DeliveryEventData"),
        EventTypes.DeliveryIncomplete => ("The root is public, a part of its thread failed", "DeliveryEventData"),
        EventTypes.DeliveryFailed => ("It was not published; its error says what to do", "DeliveryEventData"),
        EventTypes.DeliveryDeferred => ("It waits, and nothing was sent", "DeliveryEventData"),
        EventTypes.DeliveryUnknown => ("The network may have taken it; it is looked into and never blindly sent again", "DeliveryEventData"),
        EventTypes.DeliveryCanceled => ("It was canceled", "DeliveryEventData"),
        EventTypes.DeliveryPartFailed => ("A first comment or another side part failed", "DeliveryEventData"),
        EventTypes.ProfileConnected => ("A profile was connected", "ProfileEventData"),
        EventTypes.ProfileExpiring => ("A profile must be connected again before long", "ProfileEventData"),
        EventTypes.ProfileReauthRequired => ("A profile must be connected again", "ProfileEventData"),
        EventTypes.ProfileDisconnected => ("A profile was disconnected", "ProfileEventData"),
        EventTypes.ArtifactVerified => ("A file is ready for posts", "ArtifactEventData"),
        EventTypes.ArtifactFailed => ("A file cannot be used; its error says why", "ArtifactEventData"),
        EventTypes.EndpointDisabled => ("Another endpoint of yours is disabled", "EndpointEventData"),
        EventTypes.WebhookTest => ("Sent by hand from the dashboard", "TestEventData"),
        _ => throw new InvalidOperationException($"The event type {type} is not described."),
    };

    private static JsonObject Example(string type, string data, JsonObject schemas)
    {
        var example = SchemaExample.Of(Reference("Event"), schemas)!.AsObject();
        var shown = SchemaExample.Of(Reference(data), schemas)!.AsObject();
        example["type"] = type;
        example["apiVersion"] = EventResource.Version;
        example["sequence"] = 4711;
        example["data"] = shown;
        if (shown.ContainsKey("post"))
        {
            var post = SchemaExample.Of(Reference("Post"), schemas)!.AsObject();
            foreach (var (name, _) in shown["post"]!.AsObject().ToList()) shown["post"]![name] = post[name]?.DeepClone();
            var status = type switch
            {
                EventTypes.PostCreated => "pending",
                EventTypes.PostUpdated or EventTypes.PostScheduled => "scheduled",
                EventTypes.PostCompleted => "completed",
                EventTypes.PostCanceled => "canceled",
                _ => "publishing",
            };
            shown["post"]!["status"] = status;
            if (status != "completed") shown["post"]!["outcome"] = null;
        }
        if (shown.ContainsKey("delivery")) shown["delivery"] = Delivery(type, schemas);
        if (type == EventTypes.ArtifactFailed)
        {
            var artifact = shown["artifact"]!.AsObject();
            foreach (var name in (string[])["kind", "mimeType", "sha256", "width", "height", "durationMs", "url", "urlExpiresAt"])
                artifact[name] = null;
            artifact["status"] = "failed";
            artifact["error"] = SchemaExample.Of(Reference("ArtifactError"), schemas);
        }
        if (type is EventTypes.ProfileReauthRequired or EventTypes.ProfileExpiring)
        {
            if (type == EventTypes.ProfileReauthRequired) shown["profile"]!["status"] = "reauthRequired";
            shown["deliveriesAtRisk"] = new JsonArray(SchemaExample.Of(Reference("DeliveryAtRisk"), schemas));
        }
        return example;
    }

    private static JsonObject Delivery(string type, JsonObject schemas)
    {
        var delivery = SchemaExample.Of(Reference("Delivery"), schemas)!.AsObject();
        delivery.Remove("content");
        if (type is EventTypes.DeliveryPublished or EventTypes.DeliveryPartFailed) return delivery;
        foreach (var name in (string[])["publishedAt", "providerPostId", "url", "latenessMs"]) delivery[name] = null;
        delivery["parts"] = new JsonArray();
        var (status, phase, code, step) = type switch
        {
            EventTypes.DeliveryIncomplete => ("incomplete", null, "contentRejected", "editAndRetry"),
            EventTypes.DeliveryFailed => ("failed", null, "contentRejected", "editAndRetry"),
            EventTypes.DeliveryDeferred => ("pending", "deferred", "budgetExhausted", "wait"),
            EventTypes.DeliveryUnknown => ("unknown", "reconciling", "outcomeUnknown", "wait"),
            _ => ("canceled", (string?)null, (string?)null, ""),
        };
        (delivery["status"], delivery["phase"]) = (status, phase);
        if (code is not null)
        {
            var error = SchemaExample.Of(Reference("DeliveryError"), schemas)!.AsObject();
            (error["code"], error["nextStep"], error["message"]) = (code, step, "What went wrong, in a sentence.");
            delivery["error"] = error;
        }
        if (type == EventTypes.DeliveryFailed) delivery["failedAt"] = "2027-03-30T10:00:02.114Z";
        return delivery;
    }

    private static JsonObject Object(string description, IEnumerable<KeyValuePair<string, JsonNode?>> properties,
        IEnumerable<string>? required = null)
    {
        var members = new JsonObject(properties);
        return new JsonObject
        {
            ["type"] = "object",
            ["description"] = description,
            ["properties"] = members,
            ["required"] = new JsonArray([.. (required ?? members.Select(m => m.Key)).Select(name => (JsonNode)name)]),
        };
    }

    private static JsonObject Reference(string name) => new() { ["$ref"] = Schemas + name };

    private static JsonObject Typed(string type, string? format = null)
    {
        var schema = new JsonObject { ["type"] = type };
        if (format is not null) schema["format"] = format;
        return schema;
    }

    private static JsonObject Nullable(string? format = null)
    {
        var schema = new JsonObject { ["type"] = new JsonArray("null", "string") };
        if (format is not null) schema["format"] = format;
        return schema;
    }

    private static JsonObject Header(string name, string description, JsonObject schema, bool isRequired = true) => new()
    {
        ["name"] = name,
        ["in"] = "header",
        ["required"] = isRequired,
        ["description"] = description,
        ["schema"] = schema,
    };
}
