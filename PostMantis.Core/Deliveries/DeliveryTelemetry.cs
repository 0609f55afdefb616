using System.Diagnostics;
using System.Diagnostics.Metrics;
using PostMantis.Core.Common;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>What is measured of posts and deliveries. Tags are few and bounded; ids go on spans only.</summary>
public sealed class DeliveryTelemetry
{
    public const string PostsName = "PostMantis.Posts";
    public const string Name = "PostMantis.Deliveries";

    /// <summary>Spans of claim, publish, settle and reconcile.</summary>
    public static readonly ActivitySource Source = new(Name);

    private readonly Counter<long> _accepted;

    public DeliveryTelemetry(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _accepted = meters.Create(PostsName).CreateCounter<long>("postmantis.posts.accepted", "{post}",
            "Posts taken for publishing.");
    }

    /// <summary>A post was accepted.</summary>
    internal void Accepted(Post post) =>
        _accepted.Add(1, new KeyValuePair<string, object?>("test_mode", post.TestMode),
            new KeyValuePair<string, object?>("created_by", CamelCase.Of(post.CreatedByType)));
}
