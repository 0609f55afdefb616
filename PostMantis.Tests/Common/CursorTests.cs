using CsCheck;
using PostMantis.Core.Common;

namespace PostMantis.Tests.Common;

public sealed class CursorTests
{
    private static readonly Gen<Cursor> _cursors =
        from sort in Gen.OneOf(Gen.Const("createdAt"), Gen.Const("-createdAt"), Gen.Const("scheduledAt"))
        from ticks in Gen.Long[0, DateTimeOffset.MaxValue.UtcTicks]
        from id in Gen.Guid
        select new Cursor(sort, new DateTimeOffset(ticks, TimeSpan.Zero), id);

    [Fact]
    public void A_cursor_reads_back_as_what_was_written() =>
        _cursors.Sample(cursor => Assert.Equal(cursor, Cursor.Parse(cursor.ToString(), cursor.Sort)));

    [Fact]
    public void A_cursor_of_another_order_is_refused() => _cursors.Sample(cursor =>
        Assert.Throws<ProblemException>(() => Cursor.Parse(cursor.ToString(), cursor.Sort + "x")));

    [Fact]
    public void Whatever_else_is_handed_in_is_refused_and_breaks_nothing() => Gen.String[0, 120].Sample(text =>
    {
        try
        {
            Cursor.Parse(text, "createdAt");
        }
        catch (ProblemException refused)
        {
            Assert.Equal(ProblemCode.InvalidRequest, refused.Code);
        }
    });
}
