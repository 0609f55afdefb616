using System.Globalization;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Operations;

/// <summary>What <c>dotnet publish -r linux-x64</c> makes runs as nobody in particular, on a tree that nobody may write.</summary>
public sealed class PublishedOutputTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Nobody = 65534;
    private const double MostMegabytes = 150;
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task The_published_output_runs_without_root_on_a_read_only_tree()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("POSTMANTIS_FULL") == "1", "Publishes: ops/drill published, or ./test --full.");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can become somebody else.");
        var parent = Directory.CreateTempSubdirectory("postmantis-published-").FullName;
        var (tree, data) = (Path.Combine(parent, "app"), Path.Combine(parent, "data"));
        try
        {
            var (code, said) = await Programs.RunAsync("dotnet",
                ["publish", "PostMantis.Api", "-c", "Release", "-r", "linux-x64", "-o", tree, "-v:q", "-nologo"]);
            Assert.True(code == 0, said);

            // One platform's native libraries, and no others.
            Assert.False(Directory.Exists(Path.Combine(tree, "runtimes")));
            var natives = Directory.GetFiles(tree).Select(Path.GetFileName).Where(f => f!.Contains(".so", StringComparison.Ordinal)
                || f.EndsWith(".dylib", StringComparison.Ordinal)).ToList();
            Assert.Equal(["Magick.Native-Q8-x64.dll.so"], natives);

            Directory.CreateDirectory(data);
            await ChildServer.RunAsync("chmod", ["-R", "a-w,a+rX", parent]);
            await ChildServer.RunAsync("chown", [$"{Nobody}:{Nobody}", data]);
            await ChildServer.RunAsync("chmod", ["700", data]);
            var files = new DirectoryInfo(tree).GetFiles("*", SearchOption.AllDirectories);
            var (before, megabytes) = (files.Length, files.Sum(file => file.Length) / 1e6);
            Assert.True(megabytes <= MostMegabytes, $"{megabytes} MB");
            var address = new Uri($"http://127.0.0.1:{PostgresServer.FreePort()}");
            await using var server = ChildServer.Start("setpriv",
                ["--reuid", Id, "--regid", Id, "--clear-groups", "--pdeathsig", "KILL", "dotnet", Path.Combine(tree, "PostMantis.Api.dll")],
                new Dictionary<string, string?>
                {
                    ["ASPNETCORE_URLS"] = address.AbsoluteUri,
                    ["ASPNETCORE_ENVIRONMENT"] = "Production",
                    ["DOTNET_ENVIRONMENT"] = "Production",
                    ["DOTNET_EnableDiagnostics"] = "0",
                    ["HOME"] = "/nonexistent",
                    ["ConnectionStrings__postmantis"] = await postgres.CreateDatabaseAsync(),
                    ["PublicUrl"] = "https://social.example.com",
                    ["DataDirectory"] = data,
                    ["Vault__MasterKeys__0__Id"] = "test",
                    ["Vault__MasterKeys__0__Value"] = Convert.ToBase64String(new byte[32]),
                });
            using var client = new HttpClient { BaseAddress = address };
            await UntilHealthyAsync(client, server);
            Assert.NotEmpty(await client.GetByteArrayAsync(new Uri("/css/postmantis.css", UriKind.Relative), TestContext.Current.CancellationToken));
            Assert.NotEmpty(await client.GetByteArrayAsync(new Uri("/openapi/v1.json", UriKind.Relative), TestContext.Current.CancellationToken));
            var status = await File.ReadAllTextAsync($"/proc/{server.ProcessId}/status", TestContext.Current.CancellationToken);
            Assert.Contains($"Uid:\t{Id}\t{Id}\t{Id}\t{Id}", status, StringComparison.Ordinal);
            await server.StopAsync();
            Assert.Equal(before, Directory.GetFiles(tree, "*", SearchOption.AllDirectories).Length);
            var line = string.Create(CultureInfo.InvariantCulture,
                $"drill published: {before} files, {megabytes:0} MB, one platform's natives, as nobody on a read-only tree: PASSED");
            output.WriteLine(line);
            await Console.Out.WriteLineAsync(line);
        }
        finally
        {
            Directory.Delete(parent, recursive: true);
        }
    }

    private static string Id { get; } = Nobody.ToString(CultureInfo.InvariantCulture);

    private static async Task UntilHealthyAsync(HttpClient client, ChildServer server)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            Assert.False(server.HasExited, server.Output);
            try
            {
                using var answer = await client.GetAsync(new Uri("/health", UriKind.Relative));
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) when (TimeProvider.System.GetElapsedTime(started) < _patience)
            {
                // Not listening yet.
            }
            Assert.True(TimeProvider.System.GetElapsedTime(started) < _patience, server.Output);
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }
}
