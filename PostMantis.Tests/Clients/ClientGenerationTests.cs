using System.Text.Json.Nodes;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Clients;

/// <summary>The clients' generated halves are what the committed document makes.</summary>
public sealed class ClientGenerationTests
{
    private static readonly string _document = Repository.File("docs/openapi/v1.json");

    [Fact]
    public async Task The_dotnet_calls_are_made_from_the_document() =>
        await CompareAsync("clients/dotnet/PostMantis.Client/Generated/PostMantisApi.cs",
            await ClientGenerator.MakeAsync(JsonNode.Parse(await File.ReadAllTextAsync(_document))!.AsObject()));

    [Fact]
    public async Task The_typescript_types_are_made_from_the_document()
    {
        var made = Path.Combine(Directory.CreateTempSubdirectory("types").FullName, "schema.ts");
        var (code, output) = await NodeTools.RunAsync("openapi-typescript", _document, "-o", made);
        Assert.True(code == 0, output);
        await CompareAsync("clients/typescript/src/schema.ts", await File.ReadAllTextAsync(made));
    }

    private static async Task CompareAsync(string path, string made)
    {
        var kept = Repository.File(path);
        if (Environment.GetEnvironmentVariable("POSTMANTIS_UPDATE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(kept)!);
            await File.WriteAllTextAsync(kept, made);
        }
        Assert.True(made == await File.ReadAllTextAsync(kept),
            $"{path} is not what the document makes: POSTMANTIS_UPDATE=1 ./test --filter-class '*ClientGenerationTests', and commit.");
    }
}
