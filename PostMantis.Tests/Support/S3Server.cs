using System.Globalization;

namespace PostMantis.Tests.Support;

/// <summary>A store that speaks S3's protocol (s3rver, from npm), with one bucket, on a port of its own.</summary>
internal sealed class S3Server : IAsyncDisposable
{
    private readonly ChildServer _process;
    private readonly string _folder;

    private S3Server(ChildServer process, string folder, Uri address) =>
        (_process, _folder, Address) = (process, folder, address);

    public Uri Address { get; }

    /// <summary>The settings that make a host keep its media here.</summary>
    public Dictionary<string, string?> Settings => new()
    {
        ["Media:Store"] = "S3",
        ["Media:S3:ServiceUrl"] = Address.AbsoluteUri,
        ["Media:S3:Bucket"] = "media",
        ["Media:S3:AccessKey"] = "S3RVER",
        ["Media:S3:SecretKey"] = "S3RVER",
    };

    /// <param name="cors">The bucket's rule for pages of other origins, as S3 writes it; null: none may call.</param>
    public static async Task<S3Server> StartAsync(string? cors = null)
    {
        var program = await NodeTools.FileAsync("s3rver", "bin", "s3rver.js");
        var folder = Directory.CreateTempSubdirectory("postmantis-s3").FullName;
        var port = PostgresServer.FreePort();
        var address = new Uri($"http://127.0.0.1:{port}/");
        List<string> bucket = ["--configure-bucket", "media"];
        if (cors is not null)
        {
            bucket.Add(Path.Combine(folder, "cors.xml"));
            await File.WriteAllTextAsync(bucket[^1], cors);
        }
        var process = ChildServer.Start("node", [program, "-d", folder, "-a", "127.0.0.1", "-p",
            port.ToString(CultureInfo.InvariantCulture), "--silent", "--no-vhost-buckets", .. bucket]);
        using var client = new HttpClient();
        for (var tries = 0; ; tries++)
        {
            try
            {
                // It listens before it has its bucket.
                using var answer = await client.GetAsync(new Uri(address, "media/"));
                if (answer.IsSuccessStatusCode) return new S3Server(process, folder, address);
            }
            catch (HttpRequestException) when (!process.HasExited)
            {
            }
            if (tries == 200) throw new InvalidOperationException($"s3rver does not start: {process.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
