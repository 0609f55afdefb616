using System.Text.RegularExpressions;
using ImageMagick;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>Files dropped on a page: cut off and gone on with, converted while somebody looks, and sent to a bucket.</summary>
public sealed partial class UploadPageTests : IDisposable
{
    // Less than any file of these tests: what arrives of one before its connection is cut.
    private const int Arrives = 5_000;
    private readonly string _folder = Directory.CreateTempSubdirectory("postmantis-uploads").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_dropped_film_goes_on_where_it_was_cut_off_and_shows_how_far_it_is_converted()
    {
        Assert.SkipWhen(MediaCorpus.NoFfmpeg is not null, MediaCorpus.NoFfmpeg ?? "");
        var film = await File.ReadAllBytesAsync(
            await MediaCorpus.VideoAsync(_folder, "film.webm", "-c:v", "libvpx", "-c:a", "libvorbis"), Ct);
        var (tool, gate) = await HeldFfmpegAsync();
        await using var sandbox = await SandboxServer.StartAsync();
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(sandbox.Settings)
        {
            ["Workers:Enabled"] = "true",
            ["DataDirectory"] = _folder,
            ["Media:Inspection:Ffmpeg"] = tool,
        }, builder => builder.Services.AddSingleton<IStartupFilter, CutOff>(), movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, _) = await chromium.OpenAsync(host.Address);
        await Dashboard.SetUpAsync(page);
        await Dashboard.ConnectAsync(page, "Studio Page");

        List<string> ranges = [];
        page.Request += (_, request) =>
        {
            if (request.Method == "PUT") ranges.Add(request.Headers.GetValueOrDefault("content-range", "whole"));
        };
        await page.GotoAsync("/posts/new");
        await page.GetByLabel("Studio Page").First.CheckAsync();
        await page.GetByLabel("Text").FillAsync("A film");
        await DropAsync(page, ("film.webm", "video/webm", film));
        await Assertions.Expect(page.Locator("[data-upload-status]")).ToHaveTextAsync("All files are here.");
        Assert.Equal("whole", ranges[0]);
        Assert.Equal($"bytes {Arrives}-{film.Length - 1}/{film.Length}", ranges[^1]);

        await page.GetByRole(AriaRole.Button, new() { Name = "Publish now" }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("A film");
        await Assertions.Expect(page.GetByText(Converted())).ToBeVisibleAsync();
        var (opened, said) = await Programs.RunAsync("sh", ["-c", $"echo > '{gate}'"]);
        Assert.True(opened == 0, said);
        await Assertions.Expect(page.Locator(".page-head .status", new() { HasText = "Published" })).ToBeVisibleAsync();
        Assert.Contains("A film", await sandbox.Client.GetStringAsync(new Uri(sandbox.Address, "/feed/studio-page")), StringComparison.Ordinal);

        // Several at once, where nothing but files is the matter.
        await page.GotoAsync("/library");
        await DropAsync(page, ("one.png", "image/png", MediaCorpus.Noise(MagickFormat.Png, 100, 100)),
            ("two.png", "image/png", MediaCorpus.Noise(MagickFormat.Png, 100, 100)));
        foreach (var name in (string[])["one.png", "two.png"])
            await Assertions.Expect(page.Locator(".file", new() { HasText = name })).ToContainTextAsync("100 × 100");
    }

    [Fact]
    public async Task A_page_sends_to_a_bucket_that_has_the_rule_of_the_docs_and_other_pages_do_not()
    {
        var port = PostgresServer.FreePort();
        var origin = $"http://127.0.0.1:{port}";
        var rule = Rule().Match(await File.ReadAllTextAsync(Repository.File("docs/media.md"), Ct)).Groups[1].Value;
        Assert.Contains("https://postmantis.example", rule, StringComparison.Ordinal);
        await using var store = await S3Server.StartAsync(rule.Replace("https://postmantis.example", origin, StringComparison.Ordinal));
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(store.Settings)
        {
            ["PublicUrl"] = origin,
            ["DataDirectory"] = _folder,
        }, builder => builder.WebHost.UseUrls(origin), movedClock: false);
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(host.Address);
        await Dashboard.SetUpAsync(page);
        List<string> sent = [];
        page.Request += (_, request) =>
        {
            if (request.Method == "PUT") sent.Add(request.Url);
        };
        await page.GotoAsync("/library");
        await DropAsync(page, ("card.png", "image/png", MediaCorpus.Image(MagickFormat.Png)));
        await Assertions.Expect(page.Locator(".file", new() { HasText = "card.png" })).ToContainTextAsync("640 × 480");
        Assert.StartsWith(store.Address.AbsoluteUri, Assert.Single(sent), StringComparison.Ordinal);
        Assert.Empty(complaints);

        // What the browser asked before, by hand: our pages may, and nobody else's.
        Assert.True(await IsAllowedAsync(origin, "PUT"));
        Assert.False(await IsAllowedAsync("https://elsewhere.example", "PUT"));
        Assert.False(await IsAllowedAsync(origin, "DELETE"));

        async Task<bool> IsAllowedAsync(string from, string method)
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, sent[0]);
            request.Headers.Add("Origin", from);
            request.Headers.Add("Access-Control-Request-Method", method);
            request.Headers.Add("Access-Control-Request-Headers", "content-type");
            using var answer = await host.Client.SendAsync(request, Ct);
            return answer.IsSuccessStatusCode && answer.Headers.Contains("Access-Control-Allow-Origin");
        }
    }

    [Theory]
    [InlineData("true", "https://s3.example")]
    [InlineData("false", "https://media.s3.example")]
    public async Task A_page_may_send_to_its_bucket_and_nowhere_else(string pathStyle, string origin)
    {
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?>
        {
            ["Media:Store"] = "S3",
            ["Media:S3:ServiceUrl"] = "https://s3.example",
            ["Media:S3:Bucket"] = "media",
            ["Media:S3:PathStyle"] = pathStyle,
            ["Media:S3:AccessKey"] = "a",
            ["Media:S3:SecretKey"] = "b",
            ["DataDirectory"] = _folder,
        });
        using var answer = await host.Client.GetAsync(new Uri("/sign-in", UriKind.Relative), Ct);
        Assert.Contains($"connect-src 'self' {origin};", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    // As a hand drops files that it holds over the page.
    private static async Task DropAsync(IPage page, params (string Name, string Type, byte[] Bytes)[] files)
    {
        var held = await page.EvaluateHandleAsync("""
            files => {
              const held = new DataTransfer();
              for (const { name, type, bytes } of files)
                held.items.add(new File([Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0))], name, { type }));
              return held;
            }
            """, files.Select(file => new { name = file.Name, type = file.Type, bytes = Convert.ToBase64String(file.Bytes) }).ToArray());
        var zone = page.Locator(".drop");
        await zone.DispatchEventAsync("dragenter", new { dataTransfer = held });
        await Assertions.Expect(zone).ToHaveClassAsync(Over());
        await zone.DispatchEventAsync("drop", new { dataTransfer = held });
    }

    // An ffmpeg that stands still in the middle, until something is written to the gate.
    private async Task<(string Tool, string Gate)> HeldFfmpegAsync()
    {
        var (tool, gate) = (Path.Combine(_folder, "ffmpeg"), Path.Combine(_folder, "gate"));
        await File.WriteAllTextAsync(tool, $"#!/bin/sh\necho out_time_us=1000000\nread -r go < '{gate}'\nexec ffmpeg \"$@\"\n", Ct);
        var (code, said) = await Programs.RunAsync("sh", ["-c", $"chmod +x '{tool}' && mkfifo '{gate}'"]);
        Assert.True(code == 0, said);
        return (tool, gate);
    }

    [GeneratedRegex("```xml\n(<CORSConfiguration>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Rule();

    [GeneratedRegex(@"(4|5)\d % converted\.")]
    private static partial Regex Converted();

    [GeneratedRegex(@"\bover\b")]
    private static partial Regex Over();

    /// <summary>Cuts every connection that sends a whole file, when so much of it has arrived.</summary>
    private sealed class CutOff : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, pass) =>
            {
                if (HttpMethods.IsPut(context.Request.Method) && context.Request.Headers.ContentRange.Count == 0
                    && context.Request.ContentLength > Arrives && context.Request.ContentType?.StartsWith("video/", StringComparison.Ordinal) == true)
                    context.Request.Body = new ShortStream(context.Request.Body, context.Abort);
                return pass(context);
            });
            next(app);
        };
    }

    private sealed class ShortStream(Stream inner, Action cut) : Stream
    {
        private int _left = Arrives;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left == 0)
            {
                cut();
                throw new IOException("The connection was cut.");
            }
            var read = await inner.ReadAsync(buffer[..Math.Min(buffer.Length, _left)], cancellationToken);
            _left -= read;
            return read;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Flush() => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
