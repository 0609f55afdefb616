namespace PostMantis.Core.Posts;

/// <summary>A create or merged edit request, read and well-formed; whether its content fits is asked later.</summary>
/// <param name="Profiles">In the caller's order, each once.</param>
public sealed record PostInput(
    PostContent Content,
    bool Draft,
    DateTimeOffset? ScheduledAt,
    int? MaxLatenessSeconds,
    string? ExternalId,
    Dictionary<string, string> Metadata,
    IReadOnlyList<Guid> Profiles,
    bool AllowDuplicate)
{
    public const int MostProfiles = 50;
    public const int MostMedia = 20;
    public const int MostThreadParts = 100;
    public const int MostText = 100_000;
    public const int MostAlt = 5_000;
    public const int MostUrl = 2_000;
    public const int MostMetadata = 50;
    public const int MostMetadataName = 40;
    public const int MostMetadataValue = 500;
    public const int MostExternalId = 200;
    public const int MostLatenessSeconds = 365 * 24 * 3600;

    /// <summary>At most this far ahead.</summary>
    public static TimeSpan Furthest { get; } = TimeSpan.FromDays(731);

    /// <summary>Where each of a request's fields is, for issues found later.</summary>
    public static class Pointers
    {
        public const string Body = "/post/body";
        public const string ScheduledAt = "/post/scheduledAt";
        public const string Profiles = "/profiles";
        public const string Media = "/media";
        public const string CommentMedia = "/post/firstComment/media";

        /// <summary>The media of one part of the thread.</summary>
        public static string ThreadMedia(int part) => $"/post/thread/{part}/media";

        /// <summary>A field of one profile's override.</summary>
        public static string Override(Guid profileId, string field) => $"/overrides/{profileId}/{field}";
    }
}
