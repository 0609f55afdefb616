using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>What large files cost the Api's memory: sent, fetched, and many at once.</summary>
internal static class MediaMeasurements
{
    private const long Large = 1L << 30;
    private const long Middle = 100L << 20;
    private const int AtOnce = 20;
    private const double MostGrowth = 64;
    private static readonly TimeSpan _sample = TimeSpan.FromMilliseconds(20);

    /// <summary>What the stage needs for it.</summary>
    public static Dictionary<string, string?> Settings(string folder) => new()
    {
        ["DataDirectory"] = folder,
        ["Outbound:AllowedRanges:0"] = "127.0.0.1/32",
        ["Api:RateLimits:Upload"] = "100000",
    };

    public static async Task MeasureAsync(Stage stage, Report report)
    {
        using var client = new HttpClient { BaseAddress = stage.Api.Address, Timeout = TimeSpan.FromMinutes(30) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", stage.Participants[0].Key);

        // Whatever the process makes once is made before it is looked at.
        for (var i = 0; i < 5; i++) await UploadAsync(client, 10 << 20);
        await GrowthAsync(stage, report, "upload of 1 GiB", () => UploadAsync(client, Large));
        await GrowthAsync(stage, report, "import of 1 GiB", () => ImportAsync(client));
        await GrowthAsync(stage, report, "20 uploads of 100 MiB at once", () =>
            Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => UploadAsync(client, Middle))));
    }

    private static async Task GrowthAsync(Stage stage, Report report, string name, Func<Task> work)
    {
        var before = Resident(stage.Api.ProcessId);
        using var stop = new CancellationTokenSource();
        var watching = PeakAsync(stage.Api.ProcessId, stop.Token);
        var started = Stopwatch.GetTimestamp();
        await work();
        var took = Stopwatch.GetElapsedTime(started);
        await stop.CancelAsync();
        report.AddNumber($"{name}, took", "s", took.TotalSeconds);
        report.AddMost($"{name}, resident growth", "MiB", await watching - before, MostGrowth);
    }

    private static async Task<double> PeakAsync(int processId, CancellationToken stop)
    {
        var peak = 0.0;
        while (!stop.IsCancellationRequested)
        {
            peak = Math.Max(peak, Resident(processId));
            await Task.Delay(_sample, TimeProvider.System, CancellationToken.None);
        }
        return peak;
    }

    private static double Resident(int processId)
    {
        var line = File.ReadLines($"/proc/{processId}/status").Single(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024;
    }

    private static async Task UploadAsync(HttpClient client, long size)
    {
        var ticket = await PostAsync(client, "/api/v1/uploads",
            $$"""{"fileName": "sound.wav", "mimeType": "audio/wav", "fileSize": {{size}}}""");
        using var request = new HttpRequestMessage(HttpMethod.Put, (string)ticket["uploadUrl"]!) { Content = new Wave(size) };
        foreach (var (name, value) in ticket["requiredHeaders"]!.AsObject())
            request.Content.Headers.TryAddWithoutValidation(name, (string)value!);
        using var answer = await client.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        var artifact = await PostAsync(client, "/api/v1/uploads/complete", $$"""{"artifactId": "{{ticket["artifactId"]}}"}""");
        Require(artifact, size);
    }

    private static async Task ImportAsync(HttpClient client)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var address = $"http://127.0.0.1:{TemporaryPostgres.FreePort()}";
        builder.WebHost.UseUrls(address);
        await using var server = builder.Build();
        server.MapGet("/sound.wav", async (HttpContext http) =>
        {
            using var content = new Wave(Large);
            (http.Response.ContentType, http.Response.ContentLength) = ("audio/wav", Large);
            await content.CopyToAsync(http.Response.Body);
        });
        await server.StartAsync();
        var artifact = await PostAsync(client, "/api/v1/uploads", $$"""{"url": "{{address}}/sound.wav"}""");
        while ((string)artifact["status"]! == "importing")
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
            artifact = JsonNode.Parse(await client.GetStringAsync(
                new Uri($"/api/v1/uploads/{artifact["id"]}", UriKind.Relative)))!["data"]!.AsObject();
        }
        Require(artifact, Large);
    }

    private static void Require(JsonObject artifact, long size)
    {
        if ((string)artifact["status"]! != "verified" || (long)artifact["sizeBytes"]! != size)
            throw new InvalidOperationException($"Not taken: {artifact.ToJsonString()}");
    }

    private static async Task<JsonObject> PostAsync(HttpClient client, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? JsonNode.Parse(text)!["data"]!.AsObject()
            : throw new InvalidOperationException($"{path} answered {(int)answer.StatusCode}: {text}");
    }

    /// <summary>A sound file of any size, made while it is sent.</summary>
    private sealed class Wave(long size) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var head = new byte[44];
            "RIFF"u8.CopyTo(head);
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(4), (uint)(size - 8));
            "WAVEfmt "u8.CopyTo(head.AsSpan(8));
            BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(16), 16);
            BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(20), 1);
            BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(22), 2);
            BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(24), 48_000);
            BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(28), 192_000);
            BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(32), 4);
            BinaryPrimitives.WriteInt16LittleEndian(head.AsSpan(34), 16);
            "data"u8.CopyTo(head.AsSpan(36));
            BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(40), (uint)(size - 44));
            await stream.WriteAsync(head);
            var block = new byte[64 * 1024];
            for (var i = 0; i < block.Length; i++) block[i] = (byte)(i * 31);
            for (var left = size - head.Length; left > 0; left -= block.Length)
                await stream.WriteAsync(block.AsMemory(0, (int)Math.Min(left, block.Length)));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = size;
            return true;
        }
    }
}
