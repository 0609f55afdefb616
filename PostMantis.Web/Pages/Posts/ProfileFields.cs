namespace PostMantis.Web.Pages.Posts;

/// <summary>What the composer's form says for one profile alone.</summary>
internal sealed class ProfileFields
{
    /// <summary>The profile's own text; empty: the post's.</summary>
    public string Body { get; set; } = "";

    /// <summary>Its own day and time; empty: the post's.</summary>
    public string Moment { get; set; } = "";

    /// <summary>Which of the two, where the hour comes twice.</summary>
    public string Fold { get; set; } = "";

    /// <summary>Whether it gets <see cref="Files"/> instead of the post's.</summary>
    public bool OwnFiles { get; set; }

    public HashSet<Guid> Files { get; init; } = [];

    /// <summary>Whether what files show is left out, for a network that does not take it.</summary>
    public bool WithoutAlt { get; set; }

    /// <summary>Options of its network by name, as a form sends them.</summary>
    public Dictionary<string, IReadOnlyList<string>> Options { get; init; } = [];

    /// <summary>Whether anything is said at all.</summary>
    public bool Any => Body.Length + Moment.Length > 0 || OwnFiles || WithoutAlt;
}

/// <summary>A file in the composer.</summary>
/// <param name="Alt">What it shows.</param>
/// <param name="Cover">The second of a film whose picture is its cover, as it was written.</param>
/// <param name="Everywhere">Whether every profile gets it; otherwise only those that choose it.</param>
/// <param name="Pads">White borders where a network does not take the picture's shape.</param>
internal sealed record FormMedia(Guid Id, string Alt, string Cover = "", bool Everywhere = true, bool Pads = false);
