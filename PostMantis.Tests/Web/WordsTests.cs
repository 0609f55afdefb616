using PostMantis.Core.Common;
using PostMantis.Web.Shared;

namespace PostMantis.Tests.Web;

/// <summary>Words of the pages.</summary>
public sealed class WordsTests
{
    [Theory]
    [InlineData("Never lost, never sent twice.", 40, "Never lost, never sent twice.")]
    [InlineData("Never lost, never sent twice.", 22, "Never lost, never sent…")]
    [InlineData("Never lost, never sent twice.", 13, "Never lost…")]
    [InlineData("https://example.com/a/long/address", 20, "https://example.com/…")]
    [InlineData("aaaaaaaaa😀b", 10, "aaaaaaaaa…")]
    public void An_excerpt_ends_behind_a_word_where_one_ends_near(string text, int length, string excerpt) =>
        Assert.Equal(excerpt, Words.Excerpt(text, length));

    [Fact]
    public void No_remedy_on_a_page_speaks_of_calls_and_fields()
    {
        foreach (var rule in Enum.GetValues<Rule>())
        {
            foreach (var limit in (double?[])[null, 4])
            {
                var said = IssueWords.Of(new Issue("/post", rule, "Something is wrong.", Limit: limit));
                Assert.DoesNotMatch("Send|POST|PATCH|allowDuplicate|artifactId|message and decide", said);
            }
        }
        Assert.Equal("It waits until Mon 30 Nov 2026, 11:30 (UTC+01:00). Choose a later moment, or let it wait.",
            IssueWords.Of(new Issue("/profiles/0", Rule.TooMany, "It waits until 2026-11-30T10:30:00.000Z.", Severity.Warning,
                "Choose a later moment, or let it wait."), "Europe/Vienna"));
    }
}
