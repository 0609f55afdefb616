using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Architecture;

/// <summary>A network stays small: what several share has a room of its own (docs/providers/README.md).</summary>
public sealed class AdapterSizeTests
{
    private const int Most = 600;

    [Fact]
    public void Every_adapter_is_under_600_lines()
    {
        var sizes = ProvidersSetup.Setups.Select(setup => setup.Namespace!.Split('.')[^1])
            .Select(network => (Network: network, Lines: LinesOf(network))).ToList();
        Assert.Equal(12, sizes.Count);
        Assert.All(sizes, size => Assert.InRange(size.Lines, 100, Most - 1));
    }

    // As they stand: blank lines, comments, rules and schemas count too.
    private static int LinesOf(string network) =>
        Directory.GetFiles(Path.Combine(Repository.Root, "PostMantis.Core", "Providers", network), "*.cs", SearchOption.AllDirectories)
            .Sum(file => File.ReadLines(file).Count());
}
