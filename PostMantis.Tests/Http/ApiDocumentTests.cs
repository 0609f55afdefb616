using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>The OpenAPI document: the committed copy, and what linters of others say of it.</summary>
public sealed class ApiDocumentTests(ContractInstance instance) : IClassFixture<ContractInstance>
{
    private static readonly string _committed = Repository.File("docs/openapi/v1.json");

    [Fact]
    public async Task The_committed_document_is_the_one_that_is_served()
    {
        var served = await instance.Host.Client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative));
        if (Environment.GetEnvironmentVariable("POSTMANTIS_UPDATE") == "1") await File.WriteAllTextAsync(_committed, served);
        Assert.True(served == await File.ReadAllTextAsync(_committed),
            "The contract has changed. If it was meant to: POSTMANTIS_UPDATE=1 ./test --filter-class '*ApiDocumentTests', and commit.");
    }

    [Fact]
    public async Task Spectral_has_nothing_to_say()
    {
        var (code, output) = await NodeTools.RunAsync("spectral", "lint", "--ruleset", "spectral.yaml", "--fail-severity", "hint",
            await SavedAsync());
        Assert.True(code == 0, output);
        Assert.Contains("No results", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redocly_has_nothing_to_say()
    {
        var (code, output) = await NodeTools.RunAsync("redocly", "lint", "--config", "redocly.yaml", "--format", "json",
            "--max-problems", "1000", await SavedAsync());
        Assert.True(code == 0, output);
        Assert.Matches("\"problems\": *\\[\\s*\\]", output);
    }

    private async Task<string> SavedAsync()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("contract").FullName, "v1.json");
        await File.WriteAllTextAsync(path, await instance.Host.Client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative)));
        return path;
    }
}
