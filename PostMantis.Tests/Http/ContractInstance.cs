using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>An instance with posts in every state, for those who hold the contract against it.</summary>
public sealed class ContractInstance : IAsyncLifetime
{
    /// <summary>A picture of one dot.</summary>
    public static readonly byte[] Dot = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    internal PublishingWorld World { get; private set; } = null!;

    internal PostMantisHost Host => World.Host;

    /// <summary>A program that may do everything, grants included.</summary>
    internal ApiClient Api { get; private set; } = null!;

    /// <summary>Posts as draft, scheduled, published, failed and unknown.</summary>
    internal IReadOnlyList<PostResource> Posts { get; private set; } = [];

    /// <summary>An artifact whose bytes are there.</summary>
    internal string ArtifactId { get; private set; } = "";

    /// <summary>Profiles that may be lost.</summary>
    internal IReadOnlyList<Profile> Spares { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        World = await PublishingWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Api:RateLimits:Read"] = "10000000",
            ["Api:RateLimits:Write"] = "10000000",
            ["Api:RateLimits:Upload"] = "10000000",
            ["Budgets:sandbox:daily:Limit"] = "1000",
            ["Budgets:sandbox:daily:Window"] = "1.00:00:00",
        });
        Api = await ApiClient.WithKeyAsync(Host, World.Person, grants: [Grant.Disconnect, Grant.Resolve]);
        var page = World.PageOf(SettlementMode.None);
        var posts = new List<PostResource>
        {
            await World.PostAsync("Published", page, thread: ["2/2"], firstComment: "First"),
            await World.PostAsync("Failed", page, "publish=rejected"),
        };
        for (var i = 0; i < 3; i++) posts.Add(await World.PostAsync($"Unknown {i}", page, "publish=timeoutAfterAccept"));
        await World.PassAsync(TimeSpan.Zero);
        var draft = PublishingWorld.Body("Draft", [page]);
        draft["post"]!["draft"] = true;
        posts.Add(await World.CreateAsync(draft));
        posts.Add(await World.PostAsync("Scheduled", page, at: Host.Clock.GetUtcNow().AddDays(30)));
        Posts = [.. await Task.WhenAll(posts.Select(post => World.ReadAsync(post.Id)))];
        await World.EventsAsync(posts[0].Id);
        var spares = new List<Profile>();
        for (var i = 0; i < 3; i++) spares.Add(await Seed.ProfileAsync(Host, World.Person, $"Spare {i}"));
        Spares = spares;
        ArtifactId = await UploadAsync(Host, Api);
    }

    /// <summary>An upload whose bytes have been sent, not completed yet.</summary>
    internal static async Task<string> UploadAsync(PostMantisHost host, ApiClient api)
    {
        var ticket = (await api.PostAsync("/uploads",
            $$"""{"fileName": "dot.png", "mimeType": "image/png", "fileSize": {{Dot.Length}}}""")).Data;
        using var bytes = new HttpRequestMessage(HttpMethod.Put, (string)ticket["uploadUrl"]!) { Content = new ByteArrayContent(Dot) };
        foreach (var (name, value) in ticket["requiredHeaders"]!.AsObject())
            if (!bytes.Content.Headers.TryAddWithoutValidation(name, (string)value!))
                bytes.Headers.TryAddWithoutValidation(name, (string)value!);
        using var answer = await host.Client.SendAsync(bytes);
        answer.EnsureSuccessStatusCode();
        return (string)ticket["artifactId"]!;
    }

    /// <summary>The document as it is served.</summary>
    internal async Task<JsonObject> DocumentAsync() => JsonNode.Parse(
        await Host.Client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative)))!.AsObject();

    public ValueTask DisposeAsync() => World.DisposeAsync();
}
