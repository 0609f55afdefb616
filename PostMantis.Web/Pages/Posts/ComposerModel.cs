using PostMantis.Core.Deliveries;
using PostMantis.Core.Media;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Posts;

/// <summary>Everything the composer shows: what was written, where it can go, and what the networks say to it.</summary>
public sealed class ComposerModel
{
    internal PostForm Form { get; set; } = null!;

    /// <summary>The post that is edited; null: a new one.</summary>
    internal PostResource? Post { get; init; }

    internal int Revision { get; set; }

    internal IReadOnlyList<ComposerProfile> Profiles { get; init; } = [];

    internal IReadOnlyDictionary<Guid, ArtifactResource> Artifacts { get; set; } = new Dictionary<Guid, ArtifactResource>();

    internal FormErrors Errors { get; set; } = FormErrors.None;

    internal bool IsDuplicate { get; set; }

    /// <summary>What it would come to; null while nobody asked.</summary>
    internal PostCheck? Check { get; set; }

    internal DateTimeOffset Now { get; init; }

    /// <summary>Whether it can still be kept without being sent.</summary>
    internal bool IsDraft => Post is null or { Status: Core.Posts.PostStatus.Draft };

    internal ProfileCheck? CheckOf(Guid profileId) => Check?.Profiles.FirstOrDefault(p => p.ProfileId == profileId);

    /// <summary>The profiles that are chosen, in the order they are shown.</summary>
    internal IEnumerable<ComposerProfile> Chosen => Profiles.Where(p => Form.Profiles.Contains(p.Id));
}
