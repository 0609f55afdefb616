using System.Text.RegularExpressions;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>Every curl line of the README and the pages does what its page says: it is run as it stands there.</summary>
public sealed partial class CurlLineTests(ContractInstance instance) : IClassFixture<ContractInstance>
{
    public static TheoryData<string> Pages() => [.. ((string[])["README.md", .. Directory.GetFiles(Repository.File("docs"), "*.md")
            .Select(path => $"docs/{Path.GetFileName(path)}")]).Where(page => Blocks(page).Count > 0)];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task The_curl_lines_of_a_page_run(string page)
    {
        var blocks = string.Join('\n', Blocks(page));
        var script = "set -euo pipefail\ncurl() { command curl --fail-with-body --silent --show-error \"$@\"; echo; }\n"
            + $"export KEY={instance.Api.Key} API={instance.Host.Address.AbsoluteUri}api/v1\n"
            + Placeholder().Replace(Given().Replace(blocks, ""), gap => Fill(gap.Value));
        var folder = Directory.CreateTempSubdirectory("postmantis-curl");
        await File.WriteAllBytesAsync(Path.Combine(folder.FullName, "card.png"), ContractInstance.Dot, TestContext.Current.CancellationToken);
        var (code, output) = await Programs.RunAsync("bash", ["-c", script], folder: folder.FullName);
        folder.Delete(recursive: true);
        Assert.True(code == 0, $"{page}: {output}");
        Assert.Contains("\"data\"", output, StringComparison.Ordinal);
    }

    private string Fill(string gap)
    {
        var delivery = instance.Posts[0].Deliveries[0];
        return gap switch
        {
            _ when gap.Contains("profile", StringComparison.Ordinal) => delivery.ProfileId.ToString(),
            _ when gap.Contains("delivery", StringComparison.Ordinal) => delivery.Id.ToString(),
            _ when gap.Contains("draft", StringComparison.Ordinal) => instance.Posts.Single(p => p.Status == Core.Posts.PostStatus.Draft).Id.ToString(),
            _ when gap.Contains("post", StringComparison.Ordinal) || gap.Contains("id it answered", StringComparison.Ordinal) =>
                instance.Posts[0].Id.ToString(),
            _ => throw new InvalidOperationException($"Nobody knows what {gap} stands for."),
        };
    }

    private static List<string> Blocks(string page) =>
        [.. Block().Matches(File.ReadAllText(Repository.File(page))).Select(match => match.Groups[1].Value)
            .Where(block => block.Contains("curl ", StringComparison.Ordinal))];

    [GeneratedRegex(@"```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    // The reader's own key and address.
    [GeneratedRegex(@"^export KEY=.*$", RegexOptions.Multiline)]
    private static partial Regex Given();

    [GeneratedRegex(@"<[a-z][^>\n]*>")]
    private static partial Regex Placeholder();
}
