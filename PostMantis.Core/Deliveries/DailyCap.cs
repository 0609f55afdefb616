using System.Buffers.Binary;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Deliveries;

/// <summary>Holds a key to its daily cap: posts accepted per UTC day, exact under concurrency.</summary>
internal sealed class DailyCap(PostMantisDb db, TimeProvider time)
{
    private const string Bucket = "dailyCap";

    /// <summary>Whether it is the cap that refused.</summary>
    public static bool Is(ProblemException? refused) =>
        refused?.Extensions.TryGetValue("bucket", out var bucket) == true && bucket is Bucket;

    /// <summary>When the UTC day of a moment began.</summary>
    public static DateTimeOffset DayOf(DateTimeOffset moment) => new(moment.UtcDateTime.Date, TimeSpan.Zero);

    /// <exception cref="ProblemException">rateLimited, bucket <c>dailyCap</c>, until midnight UTC.</exception>
    public async Task CheckAsync(Caller caller, CancellationToken ct)
    {
        if (caller.Rules.DailyCap is not { } cap || caller.ActorType != ActorType.ApiKey) return;
        Span<byte> id = stackalloc byte[16];
        caller.ActorId.TryWriteBytes(id);
        var key = BinaryPrimitives.ReadInt64BigEndian(id[8..]);
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({key})", ct);

        var now = time.GetUtcNow();
        var today = DayOf(now);
        var used = await db.Posts.CountAsync(p => p.IsCapped && p.AcceptedById == caller.ActorId
            && p.AcceptedAt >= today, ct);
        if (used < cap) return;
        throw new ProblemException(ProblemCode.RateLimited, $"This key may publish {cap} posts a day.",
            extensions: new Dictionary<string, object?>
            {
                ["bucket"] = Bucket,
                ["retryAfterSeconds"] = (int)Math.Ceiling((today.AddDays(1) - now).TotalSeconds),
            });
    }
}
