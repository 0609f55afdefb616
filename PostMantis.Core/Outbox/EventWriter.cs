using System.Diagnostics;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Outbox;

/// <summary>Adds events to the change that causes them: they commit together, unnumbered.</summary>
public sealed class EventWriter(PostMantisDb db, PendingRows rows, TimeProvider time)
{
    /// <summary>Name of the loop that numbers events, for its wake-up.</summary>
    public const string Loop = "Events";

    /// <summary>Adds one event to the open unit of work; the caller saves.</summary>
    /// <param name="type">One of <see cref="EventTypes"/>.</param>
    /// <param name="data">The state at this moment, in the API's JSON, under 20 kB.</param>
    /// <param name="traceparent">The trace it belongs to; the current one when null.</param>
    public void Add(Guid userId, string type, JsonObject data, bool testMode, Guid? postId = null,
        Guid? deliveryId = null, Guid? profileId = null, string? provider = null, string? traceparent = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        Add(userId, type, data.ToJsonString(Json.Options), testMode, postId, deliveryId, profileId, provider, traceparent);
    }

    /// <summary>As above, with the data written out already.</summary>
    public void Add(Guid userId, string type, string data, bool testMode, Guid? postId = null,
        Guid? deliveryId = null, Guid? profileId = null, string? provider = null, string? traceparent = null)
    {
        var now = time.GetUtcNow();
        var happened = new Event
        {
            Id = Ids.New(now),
            UserId = userId,
            Type = type,
            TestMode = testMode,
            PostId = postId,
            DeliveryId = deliveryId,
            ProfileId = profileId,
            Provider = provider,
            Data = rows.IsOpen ? [] : JsonNode.Parse(data)!.AsObject(),
            Traceparent = traceparent ?? Activity.Current?.Id,
            CreatedAt = now,
        };
        if (rows.IsOpen)
        {
            rows.Add(happened, data);
            return;
        }
        db.Events.Add(happened);
        db.UnnumberedEvents.Add(new UnnumberedEvent { EventId = happened.Id, UserId = userId });
    }
}
