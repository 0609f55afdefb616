using System.Collections.Concurrent;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Meta;

/// <summary>A post that is being prepared.</summary>
internal sealed class Container
{
    public required string Id { get; init; }
    public required Account Owner { get; init; }
    public required string Kind { get; init; }
    public required MetaCall Call { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ReadyAt { get; set; }
    public List<PublishedFile> Files { get; init; } = [];
    public string? Error { get; set; }
    public string? MediaId { get; set; }
    public DateTimeOffset PublishedAt { get; set; }
    public string Shortcode { get; } = Grants.Secret(6);
    public bool IsChild => Call.Is("is_carousel_item");

    public string Status(DateTimeOffset now) =>
        MediaId is not null ? "PUBLISHED"
        : now - CreatedAt >= TimeSpan.FromHours(24) ? "EXPIRED"
        : now < ReadyAt ? "IN_PROGRESS"
        : Error is not null ? "ERROR" : "FINISHED";
}

/// <summary>All containers of a network, and what became of them.</summary>
internal sealed class ContainerBook(Simulation sim)
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private readonly ConcurrentDictionary<string, Container> _all = new();
    private readonly Lock _gate = new();

    public Container? Find(string? id, Account owner) =>
        id is not null && _all.TryGetValue(id, out var container) && container.Owner == owner ? container : null;

    public Container? FindMedia(string id, Account owner) =>
        _all.Values.FirstOrDefault(container => container.MediaId == id && container.Owner == owner);

    public void Add(Container container) => _all[container.Id] = container;

    public int Created(Account owner) =>
        _all.Values.Count(container => container.Owner == owner && container.CreatedAt > sim.Now - Day);

    /// <summary>Posts, or replies, of the last 24 hours.</summary>
    public int Used(Account owner, bool replies = false) => _all.Values.Count(container => container.Owner == owner
        && container.MediaId is not null && container.PublishedAt > sim.Now - Day
        && container.Call["reply_to_id"] is not null == replies);

    /// <summary>Publishes once; false when it was public already.</summary>
    public bool Publish(Container container, string mediaId)
    {
        lock (_gate)
        {
            if (container.MediaId is not null) return false;
            container.PublishedAt = sim.Now;
            container.MediaId = mediaId;
            return true;
        }
    }

    /// <summary>What listings show, the newest first.</summary>
    public IEnumerable<Container> Published(Account owner, double lagSeconds) => _all.Values
        .Where(container => container.Owner == owner && container.MediaId is not null
            && container.PublishedAt + TimeSpan.FromSeconds(lagSeconds) <= sim.Now)
        .OrderByDescending(container => container.PublishedAt).ThenByDescending(container => container.MediaId);
}
