using PostMantis.Web.Shared;

namespace PostMantis.Tests.Web;

/// <summary>Days and times as people write them, where clocks change.</summary>
public sealed class LocalMomentTests
{
    private const string Vienna = "Europe/Vienna";
    private static readonly DateTimeOffset _winter = new(2027, 1, 10, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("2027-02-01T09:00", "", "2027-02-01T08:00:00Z")]
    [InlineData("2027-07-01T09:00", "", "2027-07-01T07:00:00Z")]
    [InlineData("2027-10-31T02:30", LocalMoment.First, "2027-10-31T00:30:00Z")]
    [InlineData("2027-10-31T02:30", LocalMoment.Second, "2027-10-31T01:30:00Z")]
    public void A_time_is_read_in_its_zone_and_written_back_the_same(string text, string fold, string utc)
    {
        var read = LocalMoment.Read(text, Vienna, fold, _winter);
        Assert.Null(read.Problem);
        Assert.Equal(DateTimeOffset.Parse(utc, null), read.At);
        Assert.Equal((text, fold), LocalMoment.Write(read.At, Vienna));
    }

    [Fact]
    public void An_hour_that_is_skipped_is_named_with_the_next_that_is_there()
    {
        var read = LocalMoment.Read("2027-03-28T02:30", Vienna, "", _winter);
        Assert.Null(read.At);
        Assert.Equal("There is no 02:30 on 28 March 2027 in Europe/Vienna: clocks go forward and skip it. 03:30 is there.", read.Problem);
    }

    [Fact]
    public void An_hour_that_comes_twice_is_asked_about()
    {
        var read = LocalMoment.Read("2027-10-31T02:30", Vienna, "", _winter);
        Assert.Null(read.At);
        Assert.Contains("comes twice on 31 October 2027", read.Problem, StringComparison.Ordinal);
        Assert.Equal([TimeSpan.FromHours(2), TimeSpan.FromHours(1)], read.Offsets);
    }

    [Fact]
    public void A_change_of_clocks_between_now_and_then_is_told()
    {
        Assert.Contains("change before then, from UTC+01:00 to UTC+02:00. It stays 09:00 there.",
            LocalMoment.Read("2027-07-01T09:00", Vienna, "", _winter).Note, StringComparison.Ordinal);
        Assert.Null(LocalMoment.Read("2027-02-01T09:00", Vienna, "", _winter).Note);
    }

    [Theory]
    [InlineData("", Vienna)]
    [InlineData("tomorrow", Vienna)]
    [InlineData("2027-02-01T09:00", "Europe/Nowhere")]
    public void What_cannot_be_read_is_said(string text, string zone) => Assert.NotNull(LocalMoment.Read(text, zone, "", _winter).Problem);
}
