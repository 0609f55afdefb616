using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.TikTok;

/// <summary>A post on its way: from init to the public, or to its end.</summary>
internal sealed class TikTokPost
{
    public required string PublishId { get; init; }
    public required Grant Grant { get; init; }
    public required bool IsDraft { get; init; }
    public required bool IsPhoto { get; init; }
    public required string Title { get; init; }
    public required string Description { get; init; }
    public required string Privacy { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Addresses to pull from; empty when the file is pushed.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    public string? UploadToken { get; init; }
    public long Size { get; init; }
    public long ChunkSize { get; init; }
    public long Chunks { get; init; }
    public MemoryStream Received { get; } = new();
    public List<byte[]> Files { get; } = [];
    public Task? Pull { get; set; }

    /// <summary>When all bytes are there; processing starts here.</summary>
    public DateTimeOffset? ArrivedAt { get; set; }

    public string? FailReason { get; set; }
    public DateTimeOffset? PublishedAt { get; set; }
    public long PostId { get; set; }
    public bool Inbox { get; set; }

    public bool IsOver => FailReason is not null || PublishedAt is not null || Inbox;
}
