namespace PostMantis.Core.Common;

/// <summary>Which slice of a list is wanted: after a cursor, or by number.</summary>
/// <param name="Limit">1–100.</param>
/// <param name="Cursor">Opaque, from an earlier answer.</param>
/// <param name="Page">From 0; asking by number also gives a total.</param>
/// <param name="PerPage">1–100; only with <paramref name="Page"/>.</param>
public sealed record PageRequest(int Limit = PageRequest.DefaultLimit, string? Cursor = null, int? Page = null,
    int? PerPage = null)
{
    public const int DefaultLimit = 20;
    public const int MostItems = 100;

    /// <summary>Totals are exact up to here.</summary>
    public const int MostCounted = 10_000;

    /// <summary>Whether the slice is asked for by number.</summary>
    public bool IsNumbered => Page.HasValue || PerPage.HasValue;

    /// <summary>How many items the slice holds at most.</summary>
    public int Size => IsNumbered ? PerPage ?? Limit : Limit;

    /// <summary>How many items come before a numbered slice.</summary>
    public int Skip => IsNumbered ? checked((Page ?? 0) * Size) : 0;
}

/// <summary>One slice of a list.</summary>
/// <param name="Total">Only when asked for by number; exact to <see cref="PageRequest.MostCounted"/>.</param>
public sealed record Page<T>(
    IReadOnlyList<T> Items, string? NextCursor, bool HasMore, int? Total = null, bool? TotalIsCapped = null)
{
    /// <summary>
    /// A slice of <paramref name="rows"/>, which were read with one more than the slice holds; the cursor goes on after the
    /// last item.
    /// </summary>
    /// <param name="total">How many there are, counted to one beyond <see cref="PageRequest.MostCounted"/>.</param>
    public static Page<T> Of<TRow>(IReadOnlyList<TRow> rows, PageRequest slice, int? total, Func<TRow, Cursor> cursorOf,
        Func<TRow, T> map) =>
        Of(rows, slice, total, row => cursorOf(row).ToString(), map);

    /// <summary>As <see cref="Of{TRow}(IReadOnlyList{TRow}, PageRequest, int?, Func{TRow, Cursor}, Func{TRow, T})"/>, for a
    /// list whose cursor is no moment.</summary>
    public static Page<T> Of<TRow>(IReadOnlyList<TRow> rows, PageRequest slice, int? total, Func<TRow, string> cursorOf,
        Func<TRow, T> map)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(slice);
        ArgumentNullException.ThrowIfNull(cursorOf);
        var items = rows.Take(slice.Size).ToList();
        var hasMore = rows.Count > slice.Size;
        return new Page<T>(items.ConvertAll(row => map(row)),
            hasMore && !slice.IsNumbered ? cursorOf(items[^1]) : null, hasMore,
            total is { } counted ? Math.Min(counted, PageRequest.MostCounted) : null,
            total is null ? null : total > PageRequest.MostCounted);
    }

    /// <summary>The same slice with its items turned into something else.</summary>
    public Page<TOther> Select<TOther>(Func<T, TOther> map) =>
        new([.. Items.Select(map)], NextCursor, HasMore, Total, TotalIsCapped);
}
