using System.Globalization;

namespace PostMantis.Core.Providers;

/// <summary>Moments and counts as the handles of an attempt keep them.</summary>
internal static class Handles
{
    /// <summary>A moment; null where none is kept.</summary>
    public static DateTimeOffset? MomentOf(this IReadOnlyDictionary<string, string> handles, string name) =>
        DateTimeOffset.TryParse(handles.GetValueOrDefault(name), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var at)
            ? at : null;

    /// <summary>Keeps a moment.</summary>
    public static Task SaveMomentAsync(this PublishWork work, string name, DateTimeOffset at, CancellationToken ct) =>
        work.SaveHandleAsync(name, at.ToString("O", CultureInfo.InvariantCulture), ct);

    /// <summary>A count; 0 where none is kept.</summary>
    public static long CountOf(this IReadOnlyDictionary<string, string> handles, string name) =>
        long.TryParse(handles.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0;

    /// <summary>Keeps a count.</summary>
    public static Task SaveCountAsync(this PublishWork work, string name, long count, CancellationToken ct) =>
        work.SaveHandleAsync(name, count.ToString(CultureInfo.InvariantCulture), ct);
}
