using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>Writes the events of posts and deliveries, with the state at that moment (contract §5).</summary>
public sealed class PostEvents(EventWriter events, TimeProvider time)
{
    /// <summary>Longest event data in bytes of JSON; beyond it metadata and parts are left empty.</summary>
    public const int MostBytes = 20_000;

    public void Add(Post post, string type)
    {
        ArgumentNullException.ThrowIfNull(post);
        events.Add(post.UserId, type, Data(post, null), post.TestMode, post.Id, traceparent: post.Traceparent);
    }

    public void Add(Post post, Delivery delivery, string type, string? traceparent = null)
    {
        ArgumentNullException.ThrowIfNull(post);
        ArgumentNullException.ThrowIfNull(delivery);
        events.Add(post.UserId, type, Data(post, delivery), post.TestMode, post.Id, delivery.Id, delivery.ProfileId,
            delivery.Provider, traceparent ?? post.Traceparent);
    }

    private JsonObject Data(Post post, Delivery? delivery)
    {
        var data = new JsonObject
        {
            ["post"] = new JsonObject
            {
                ["id"] = post.Id,
                ["status"] = CamelCase.Of(post.Status),
                ["outcome"] = post.Outcome is { } outcome ? CamelCase.Of(outcome) : null,
                ["revision"] = post.Revision,
                ["externalId"] = post.ExternalId,
                ["metadata"] = JsonSerializer.SerializeToNode(post.Metadata, Json.Options),
            },
        };
        if (delivery is not null)
        {
            var resource = DeliveryResource.From(post, delivery, Caller.Person(post.UserId, null), time.GetUtcNow());
            var shown = JsonSerializer.SerializeToNode(resource, Json.Options)!.AsObject();
            shown.Remove("content");
            data["delivery"] = shown;
        }
        if (Encoding.UTF8.GetByteCount(data.ToJsonString(Json.Options)) >= MostBytes)
        {
            data["post"]!["metadata"] = new JsonObject();
            if (data["delivery"] is { } large) large["parts"] = new JsonArray();
        }
        return data;
    }
}
