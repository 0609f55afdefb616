using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
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

    private static readonly JsonSerializerOptions Shape = ShapeOf();
    private static readonly Caller Owner = Caller.Person(Guid.Empty, null);
    private static readonly Dictionary<string, string> Nothing = [];

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

    private string Data(Post post, Delivery? delivery)
    {
        var about = new About(post.Id, post.Status, post.Outcome, post.Revision, post.ExternalId, post.Metadata);
        var resource = delivery is null ? null : DeliveryResource.From(post, delivery, Owner, time.GetUtcNow());
        var data = Write(about, resource);
        if (Encoding.UTF8.GetByteCount(data) < MostBytes) return data;
        return Write(about with { Metadata = Nothing }, resource is null ? null : resource with { Parts = [] });
    }

    private static string Write(About post, DeliveryResource? delivery) => delivery is null
        ? JsonSerializer.Serialize(new { post }, Shape)
        : JsonSerializer.Serialize(new { post, delivery }, Shape);

    // As in GET, without the content.
    private static JsonSerializerOptions ShapeOf()
    {
        var resolver = new DefaultJsonTypeInfoResolver();
        resolver.Modifiers.Add(type =>
        {
            if (type.Type != typeof(DeliveryResource)) return;
            type.Properties.Remove(type.Properties.Single(p => p.Name == "content"));
        });
        return new JsonSerializerOptions(Json.Options) { TypeInfoResolver = resolver };
    }

    private sealed record About(Guid Id, PostStatus Status, PostOutcome? Outcome, int Revision, string? ExternalId,
        IReadOnlyDictionary<string, string> Metadata);
}
