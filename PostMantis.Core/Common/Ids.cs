namespace PostMantis.Core.Common;

/// <summary>Makes the ids of everything we store: UUIDv7 (RFC 9562), so that ids rise with time.</summary>
public static class Ids
{
    /// <summary>A new id whose first 48 bits are <paramref name="now"/> in milliseconds.</summary>
    public static Guid New(DateTimeOffset now) => Guid.CreateVersion7(now);
}
