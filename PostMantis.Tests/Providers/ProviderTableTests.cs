using System.Globalization;
using System.Reflection;
using System.Text;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>The table of the contract's cases by network in docs/providers/README.md is what the tests are.</summary>
public sealed class ProviderTableTests
{
    private const string Begin = "<!-- cases: made by ProviderTableTests; POSTMANTIS_WRITE=1 writes it -->\n";
    private const string End = "<!-- /cases -->";

    [Fact]
    public void The_table_of_cases_by_network_is_up_to_date()
    {
        var path = Path.Combine(Root(), "docs", "providers", "README.md");
        var page = File.ReadAllText(path);
        var (from, to) = (page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, page.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("POSTMANTIS_WRITE") == "1")
            File.WriteAllText(path, page[..from] + Table() + page[to..]);
        else Assert.Equal(Table(), page[from..to]);
    }

    [Fact]
    public void Every_adapter_has_a_suite_and_a_page()
    {
        var adapters = typeof(IProviderSetup).Assembly.GetTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IProviderSetup)))
            .Select(type => type.Namespace!.Split('.')[^1]).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(adapters.Where(name => name != "Sandbox"), Suites().Select(suite => suite.Name));
        Assert.All(Suites(), suite => Assert.True(
            File.Exists(Path.Combine(Root(), "docs", "providers", $"{suite.Name.ToLowerInvariant()}.md")), $"{suite.Name} has no page"));
    }

    private static string Table()
    {
        var suites = Suites();
        var table = new StringBuilder("| Case |").AppendJoin("", suites.Select(suite => $" {suite.Name} |")).Append('\n')
            .Append("|---|").AppendJoin("", suites.Select(_ => "---|")).Append('\n');
        List<string> reasons = [];
        foreach (var name in Cases())
        {
            table.Append("| ").Append(name.Replace('_', ' ')).Append(" |");
            foreach (var (_, suite) in suites)
            {
                var reason = DoesNotApplyAttribute.Reason(suite, name);
                if (reason is not null && !reasons.Contains(reason)) reasons.Add(reason);
                table.Append(reason is null ? " ✓ |" : string.Create(CultureInfo.InvariantCulture, $" –{reasons.IndexOf(reason) + 1} |"));
            }
            table.Append('\n');
        }
        if (reasons.Count > 0) table.Append('\n').AppendJoin("; ", reasons.Select((reason, at) => $"–{at + 1}: {reason}")).Append(".\n");
        return table.ToString();
    }

    private static List<(string Name, Type Suite)> Suites() =>
        [.. typeof(SimulatorContract).Assembly.GetTypes()
            .Where(type => !type.IsAbstract && type.IsSubclassOf(typeof(SimulatorContract)))
            .Select(type => (type.Name.Replace("ContractTests", "", StringComparison.Ordinal), type))
            .OrderBy(suite => suite.Item1, StringComparer.Ordinal)];

    private static IEnumerable<string> Cases() =>
        ((Type[])[typeof(ProviderContract), typeof(SimulatorContract)]).SelectMany(type => type
            .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(method => method.GetCustomAttributes<FactAttribute>().Any())
            .OrderBy(method => method.MetadataToken).Select(method => method.Name));

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "PostMantis.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
