using System.Security.Cryptography;
using PostMantis.Core.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Architecture;

/// <summary>No file of the repository holds a secret: keys and tokens of others, private keys, and ours by their form.</summary>
public sealed class SecretScanTests
{
    private static readonly string _rules = Path.Combine(NodeTools.Folder, "secretlint.json");

    [Fact]
    public async Task The_repository_holds_no_secret()
    {
        var (listed, names) = await Programs.RunAsync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ":!:*.png", ":!:*.webp"]);
        Assert.True(listed == 0, names);
        var files = names.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(name => File.Exists(Repository.File(name))).ToList();
        Assert.Contains("README.md", files);
        var (code, output) = await ScanAsync(Repository.Root, files);
        Assert.True(code == 0, output);
    }

    [Fact]
    public async Task What_is_planted_is_found()
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-secrets");
        using var key = RSA.Create(2048);
        Dictionary<string, string> planted = new()
        {
            ["ours.txt"] = $"export KEY={ApiKeyText.Create(Guid.CreateVersion7(), testMode: false).Reveal()}",
            ["webhook.json"] = $$"""{"secret": "whsec_{{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}}"}""",
            ["GitHub.cs"] = $"var token = \"ghp_{RandomNumberGenerator.GetString("abcdefXYZ0123456789", 36)}\";",
            ["server.pem"] = key.ExportRSAPrivateKeyPem(),
            ["login.md"] = $"https://ada:{RandomNumberGenerator.GetHexString(12)}@files.example.com/",
        };
        foreach (var (name, text) in planted)
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, name), text + "\n", TestContext.Current.CancellationToken);
        var (code, output) = await ScanAsync(folder.FullName, planted.Keys);
        Assert.Equal(1, code);
        Assert.All(planted.Keys, name => Assert.Contains($"/{name}", output, StringComparison.Ordinal));
        folder.Delete(recursive: true);
    }

    private static Task<(int Code, string Output)> ScanAsync(string folder, IEnumerable<string> files) =>
        NodeTools.RunAsync("secretlint", ["--secretlintrc", _rules, "--maskSecrets", .. files], null, folder);
}
