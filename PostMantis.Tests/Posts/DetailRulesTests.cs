using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Posts;

public sealed class DetailRulesTests
{
    private static readonly Guid _picture = Guid.Parse("00000000-0000-7000-8000-000000000001");
    private static readonly Guid _film = Guid.Parse("00000000-0000-7000-8000-000000000002");

    private static readonly ProviderRules _strict = new(500, TextUnit.CodePoints, null, false, 5, true, 3, true, true)
    {
        Media = new MediaRules([new MediaRule(MediaKind.Image, []), new MediaRule(MediaKind.Video, []) { AltText = false }]),
        MaxHashtags = 3,
        AdvisedHashtags = 1,
        MaxMentions = 1,
        MaxLinks = 2,
    };

    private static readonly DeliveryContent _nothing = new(null, null, [], [], null, new JsonObject());

    [Theory]
    [InlineData("#a", null)]
    [InlineData("#a #b and C# 1#2", Severity.Warning)]
    [InlineData("#a #b #ç #日", Severity.Error)]
    [InlineData("@a mail@example.com", null)]
    [InlineData("@a @b", Severity.Error)]
    [InlineData("https://a.io https://b.io https://a.io", null)]
    [InlineData("https://a.io https://b.io https://c.io", Severity.Error)]
    public void Tags_names_and_links_are_counted(string text, Severity? severity)
    {
        var issues = Check(_nothing with { Body = text });
        if (severity is { } wanted) Assert.Equal((wanted, "/post/body"), (Assert.Single(issues).Severity, issues[0].Pointer));
        else Assert.Empty(issues);
        Assert.Equal(severity is null ? [] : ["/post/thread/0/body"],
            Check(_nothing with { Thread = [new PartContent(text, [])] }).Select(issue => issue.Pointer));
    }

    [Fact]
    public void A_link_card_counts_as_a_link()
    {
        var card = _nothing with { Link = new LinkCard("https://c.io") };
        Assert.Empty(Check(card with { Body = "https://a.io https://c.io" }));
        Assert.Equal(Rule.TooMany, Assert.Single(Check(card with { Body = "https://a.io https://b.io" })).Rule);
    }

    [Fact]
    public void What_is_said_about_files_is_checked_by_their_kind()
    {
        Assert.Empty(Check(_nothing with { Media = [new MediaItem(_picture, "a door"), new MediaItem(_film)] }));
        Assert.Equal(["/media/0/coverAtMs", "/media/1/alt"], Check(_nothing with
        {
            Media = [new MediaItem(_picture, "a door", 5), new MediaItem(_film, "film", 5)],
        }).Select(issue => issue.Pointer));
        Assert.Equal(["/post/thread/0/media/0/coverAtMs"], Check(_nothing with
        {
            Thread = [new PartContent("", [new MediaItem(_picture, null, 5)])],
        }).Select(issue => issue.Pointer));
    }

    private static List<Issue> Check(DeliveryContent content) =>
        [.. DetailRules.Check("Strict", content, _strict, "/post/body", "/media",
            id => new MediaFacts(id == _film ? MediaKind.Video : MediaKind.Image, "", 1, ""))];
}
