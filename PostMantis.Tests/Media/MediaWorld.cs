using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Media;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Media;

/// <summary>An instance with a media folder of its own and one user with a test key.</summary>
internal sealed class MediaWorld : IAsyncDisposable
{
    /// <summary>A PNG of one pixel.</summary>
    public static readonly byte[] Png = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    private MediaWorld(PostMantisHost host, Caller person, ApiClient api, string folder) =>
        (Host, Person, Api, Folder) = (host, person, api, folder);

    public PostMantisHost Host { get; }

    public Caller Person { get; }

    public ApiClient Api { get; }

    public string Folder { get; }

    public static async Task<MediaWorld> StartAsync(IReadOnlyDictionary<string, string?>? settings = null,
        Action<WebApplicationBuilder>? configure = null)
    {
        var folder = Directory.CreateTempSubdirectory("postmantis-media").FullName;
        var merged = new Dictionary<string, string?>
        {
            ["Media:Folder"] = folder,
            ["Api:RateLimits:Upload"] = "100000",
        };
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>()) merged[name] = value;
        var host = await PostMantisHost.StartAsync(merged, configure);
        var person = await Seed.UserAsync(host);
        return new MediaWorld(host, person, await ApiClient.WithKeyAsync(host, person), folder);
    }

    public async Task<JsonObject> ReserveAsync(long size, string name = "card.png", string type = "image/png")
    {
        var reply = await Api.PostAsync("/uploads",
            $$"""{"fileName": "{{name}}", "mimeType": "{{type}}", "fileSize": {{size}}}""");
        Assert.Equal(201, reply.Status);
        return reply.Data;
    }

    /// <summary>Sends bytes as the ticket says; with a range when <paramref name="from"/> is given.</summary>
    public async Task<HttpResponseMessage> PutAsync(JsonObject ticket, byte[] bytes, long? from = null, long? total = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, (string)ticket["uploadUrl"]!)
        {
            Content = new ByteArrayContent(bytes),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse((string)ticket["requiredHeaders"]!["Content-Type"]!);
        if (from is { } at)
            request.Content.Headers.ContentRange = new ContentRangeHeaderValue(at, at + bytes.Length - 1, total!.Value);
        return await Host.Client.SendAsync(request);
    }

    public Task<ApiReply> CompleteAsync(JsonObject ticket) =>
        Api.PostAsync("/uploads/complete", $$"""{"artifactId": "{{ticket["artifactId"]}}"}""");

    /// <summary>Reserve, send, complete.</summary>
    public async Task<JsonObject> UploadAsync(byte[] bytes, string name = "card.png", string type = "image/png")
    {
        var ticket = await ReserveAsync(bytes.Length, name, type);
        using var put = await PutAsync(ticket, bytes);
        Assert.Equal(204, (int)put.StatusCode);
        var reply = await CompleteAsync(ticket);
        Assert.Equal(200, reply.Status);
        return reply.Data;
    }

    public Task<int> RunImportsAsync() => Host.Services.GetRequiredService<MediaImporter>().RunOnceAsync(default);

    public Task<MediaSwept> SweepAsync() => Host.InScopeAsync(services =>
        services.GetRequiredService<MediaSweeper>().RunOnceAsync(default));

    public string[] Files() => [.. Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)];

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
