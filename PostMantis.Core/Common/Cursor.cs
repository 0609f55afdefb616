using System.Buffers.Text;
using System.Buffers.Binary;

namespace PostMantis.Core.Common;

/// <summary>
/// Where a list goes on: the sort it belongs to and the last row's position. Opaque to callers; it carries nothing that
/// they may not see, so it is not signed.
/// </summary>
/// <param name="Sort">The list's order, so that a cursor of one order is refused by another.</param>
/// <param name="At">The last row's sort time.</param>
/// <param name="Id">The last row's id, which breaks ties.</param>
public sealed record Cursor(string Sort, DateTimeOffset At, Guid Id)
{
    private const int FixedLength = sizeof(long) + 16;
    private const int MostSortLength = 40;

    /// <summary>The text callers hand back.</summary>
    public override string ToString()
    {
        var bytes = new byte[FixedLength + Sort.Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, At.UtcTicks);
        Id.TryWriteBytes(bytes.AsSpan(sizeof(long)), bigEndian: true, out _);
        System.Text.Encoding.ASCII.GetBytes(Sort, bytes.AsSpan(FixedLength));
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>Reads a cursor of the order <paramref name="sort"/>; null stays null.</summary>
    /// <exception cref="ProblemException">invalidRequest: malformed, or made by another order.</exception>
    public static Cursor? Parse(string? text, string sort)
    {
        if (text is null) return null;
        if (text.Length <= 4 * (FixedLength + MostSortLength) / 3 + 1 && Base64Url.IsValid(text))
        {
            var bytes = Base64Url.DecodeFromChars(text);
            if (bytes.Length > FixedLength
                && System.Text.Encoding.ASCII.GetString(bytes, FixedLength, bytes.Length - FixedLength) == sort
                && BinaryPrimitives.ReadInt64BigEndian(bytes) is >= 0 and var ticks
                && ticks <= DateTimeOffset.MaxValue.UtcTicks)
            {
                return new Cursor(sort, new DateTimeOffset(ticks, TimeSpan.Zero),
                    new Guid(bytes.AsSpan(sizeof(long), 16), bigEndian: true));
            }
        }
        throw ProblemException.Invalid(new Issue("cursor", Rule.WrongFormat,
            "This is not a cursor of this list in this order.", Fix: "Use nextCursor as it came, with the same sort."));
    }
}
