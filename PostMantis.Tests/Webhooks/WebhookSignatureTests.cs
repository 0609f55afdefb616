using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Webhooks;

public sealed class WebhookSignatureTests : IAsyncLifetime
{
    private const string Refused = "WebhookVerificationError";
    private readonly List<object> _cases = [];
    private WebhookWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await WebhookWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Public_packages_verify_real_requests()
    {
        var started = _world.Host.Clock.GetUtcNow();
        var made = await _world.EndpointAsync();
        var other = await _world.EndpointAsync("/other");
        await _world.HappenAsync();
        await _world.SendAsync();
        var got = Assert.Single(_world.Receiver.At("/"));
        Add("valid", got, made.Secret);
        Add("another secret", got, other.Secret);
        Add("tampered body", got with { Body = got.Body.Replace("Grüße", "Grusse", StringComparison.Ordinal) }, made.Secret);
        Add("tampered id", With(got, "webhook-id", Guid.CreateVersion7().ToString()), made.Secret);
        Add("tampered time", With(got, "webhook-timestamp", (started.ToUnixTimeSeconds() + 1).ToString(
            System.Globalization.CultureInfo.InvariantCulture)), made.Secret);
        Add("just in time", got, made.Secret, TimeSpan.FromMinutes(4));
        Add("stale", got, made.Secret, TimeSpan.FromMinutes(6));

        // From here on the moment of the requests is ahead of the real clock by as much as ours was moved.
        var rotated = await _world.EndpointsAsync(e => e.RotateAsync(_world.Person, made.EndpointId, default));
        Assert.NotEqual(made.Secret, rotated.Secret);
        _world.Host.Clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        await AddNextAsync("rotating", made.Secret, rotated.Secret);
        _world.Host.Clock.Advance(TimeSpan.FromSeconds(1));
        await AddNextAsync("rotated", made.Secret, rotated.Secret);

        var (code, output) = await NodeTools.RunScriptAsync("verify.mjs", input: JsonSerializer.Serialize(_cases, Core.Common.Json.Options));
        Assert.True(code == 0, output);
        var verdicts = JsonNode.Parse(output)!.AsObject();
        string[] valid = ["valid", "just in time", "rotating, old secret", "rotating, new secret", "rotated, new secret"];
        string[] refused = ["another secret", "tampered body", "tampered id", "tampered time", "stale", "rotated, old secret"];
        Assert.Equal((valid.Length + refused.Length) * 2, verdicts.Count);
        foreach (var package in (string[])["standardwebhooks", "svix"])
        {
            Assert.All(valid, name => Assert.Equal("valid", (string?)verdicts[$"{name} by {package}"]));
            Assert.All(refused, name => Assert.Equal(Refused, (string?)verdicts[$"{name} by {package}"]));
        }

        async Task AddNextAsync(string name, string oldSecret, string newSecret)
        {
            await _world.HappenAsync();
            await _world.SendAsync();
            var next = _world.Receiver.At("/")[^1];
            Assert.Equal(name == "rotating" ? 2 : 1, next.Headers["webhook-signature"].Split(' ').Length);
            var moved = _world.Host.Clock.GetUtcNow() - started;
            Add($"{name}, old secret", next, oldSecret, moved);
            Add($"{name}, new secret", next, newSecret, moved);
        }
    }

    private static ReceivedWebhook With(ReceivedWebhook got, string header, string value) =>
        got with { Headers = new Dictionary<string, string>(got.Headers) { [header] = value } };

    private void Add(string name, ReceivedWebhook got, string secret, TimeSpan clock = default) => _cases.Add(new
    {
        name,
        secret,
        body = got.Body,
        headers = got.Headers,
        clockMs = (long)clock.TotalMilliseconds,
    });
}
