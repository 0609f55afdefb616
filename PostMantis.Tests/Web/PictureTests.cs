using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>The pictures of the pages in <c>docs/images</c>.</summary>
public sealed class PictureTests
{
    [Fact]
    public async Task Every_page_has_pictures_in_both_themes_at_both_widths_and_none_is_left_over()
    {
        await using var host = await PostMantisHost.StartAsync();
        var folder = Repository.File("docs/images");
        var list = await File.ReadAllTextAsync(Path.Combine(folder, "README.md"), TestContext.Current.CancellationToken);
        var rows = list.Split('\n').Where(line => line.StartsWith("| `/", StringComparison.Ordinal)).ToList();
        Assert.All(PageList.RoutesOf(host), route => Assert.Contains(rows, row => row.StartsWith($"| `{route}` |", StringComparison.Ordinal)));

        var named = System.Text.RegularExpressions.Regex.Matches(list, @"\]\((?<file>[^)]+\.webp)\)").Select(m => m.Groups["file"].Value).ToList();
        Assert.Equal(rows.Count * 4, named.Count);
        string[] beside = ["sandbox-consent.webp", "sandbox-feed.webp", "scalar.webp"];
        Assert.Equal(named.Concat(beside).Append("README.md").Order(StringComparer.Ordinal),
            Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
    }
}
