using System.Net;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>A listing is searched by the network's clock, as its answers tell it.</summary>
public sealed class ListingTests
{
    private static readonly DateTimeOffset Called = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);
    private static readonly HashSet<string> Nobodys = [];

    [Theory]
    [InlineData(0, -4, true)]
    [InlineData(0, -7, false)]
    [InlineData(-3600, -3602, true)]
    [InlineData(-3600, -3610, false)]
    [InlineData(3600, 3600, true)]
    [InlineData(3600, 3590, false)]
    [InlineData(null, -599, true)]
    [InlineData(null, -610, false)]
    [InlineData(int.MaxValue, -599, true)]
    [InlineData(int.MinValue, -610, false)]
    public async Task A_post_counts_from_the_call_on_by_the_networks_clock(int? aheadSeconds, int madeSeconds, bool isFound)
    {
        var made = Called.AddSeconds(madeSeconds);
        var outcome = await Listing.FindAsync(Called, Skew, Nobodys, 1, (since, _) =>
            Task.FromResult(new ListingPage(Answer(aheadSeconds), since <= made ? [new ListedPost("1", null, made)] : [])));
        if (isFound) Assert.Equal("1", Assert.IsType<ReconcileOutcome.Found>(outcome).ProviderPostId);
        else Assert.IsType<ReconcileOutcome.NotListed>(outcome);
    }

    [Fact]
    public async Task The_first_after_the_call_is_ours_unless_another_delivery_owns_it()
    {
        ListedPost?[] posts = [Made("late", 9), Made("ours", 2), null, Made("owned", 1), Made("early", -60)];
        Assert.Equal("ours", Assert.IsType<ReconcileOutcome.Found>(await Listing.FindAsync(Called, Skew, new HashSet<string> { "owned" }, 5,
            (_, next) => Task.FromResult(new ListingPage(Answer(0), next is null ? posts[..2] : posts[2..], next is null ? "2" : null)))).ProviderPostId);
    }

    [Fact]
    public async Task Nothing_is_proven_by_a_page_that_is_missing()
    {
        Assert.Equal("listing_too_long", await CauseAsync(new ListingPage(Answer(0), [], "more")));
        Assert.Equal("no_answer", await CauseAsync(new ListingPage(Answer(0), [], null) { IsWhole = false }));
        Assert.Equal("no_answer", await CauseAsync(new ListingPage(Answer(0), null)));
        Assert.Equal("no_answer", await CauseAsync(new ListingPage(new ProviderAnswer(ProviderSilence.Lost), null)));
        Assert.IsType<ReconcileOutcome.NotListed>(await Listing.FindAsync(Called, Skew, Nobodys, 3,
            (_, _) => Task.FromResult(new ListingPage(Answer(0), [], "more") { ReadTo = Called.AddMinutes(-1) })));
    }

    private static async Task<string> CauseAsync(ListingPage page) => Assert.IsType<ReconcileOutcome.Inconclusive>(
        await Listing.FindAsync(Called, Skew, Nobodys, 3, (_, _) => Task.FromResult(page))).Cause;

    private static ListedPost Made(string id, int seconds) => new(id, null, Called.AddSeconds(seconds));

    // Asked an hour after the call.
    private static ProviderAnswer Answer(int? aheadSeconds)
    {
        var now = Called.AddHours(1);
        using var response = new HttpResponseMessage(HttpStatusCode.OK);
        if (aheadSeconds is { } ahead) response.Headers.Date = now.AddSeconds(ahead);
        return new ProviderAnswer(response, "{}"u8.ToArray(), _ => (null, null), [], now);
    }
}
