using System.Text.Json.Nodes;
using System.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Media;
using PostMantis.Core.Posts;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Media;

/// <summary>Networks that fetch: a file goes from an upload to what three of them show, while no worker waits for them.</summary>
public sealed class PulledMediaTests : IAsyncLifetime
{
    private static readonly string[] _networks = ["facebook", "instagram", "threads"];
    private readonly string _folder = Directory.CreateTempSubdirectory("postmantis-pulled").FullName;
    private readonly Dictionary<string, SimulatorHost> _simulators = [];
    private readonly HttpClient _browser = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private PostMantisHost _host = null!;
    private Caller _person = null!;

    public async ValueTask InitializeAsync()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Media:Folder"] = _folder,
            ["DataDirectory"] = _folder,
            ["Deliveries:ShowAfter"] = "00:00:00",
        };
        foreach (var name in _networks)
        {
            var simulator = _simulators[name] = await SimulatorHost.StartAsync(name, TimeProvider.System);
            simulator.Sim.Consent.Approve = simulator.Sim.Accounts[0].Handle;
            settings[$"Providers:{name}:ClientId"] = "meta-app";
            settings[$"Providers:{name}:ClientSecret"] = "meta-secret";
            foreach (var address in (string[])["BaseUrl", "SignInUrl", "TokenUrl", "VideoUrl", "UploadUrl"])
                settings[$"Providers:{name}:{address}"] = simulator.Address.AbsoluteUri;
        }
        _host = await PostMantisHost.StartAsync(settings);
        _person = await Seed.UserAsync(_host);
        foreach (var name in _networks) await ConnectAsync(name);
    }

    public async ValueTask DisposeAsync()
    {
        _browser.Dispose();
        await _host.DisposeAsync();
        foreach (var simulator in _simulators.Values) await simulator.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_picture_is_converted_fetched_and_shown_and_each_network_is_asked_again_until_it_is_done()
    {
        var artifact = await UploadAsync();
        var profiles = await _host.InDatabaseAsync(db => db.Profiles.AsNoTracking().OrderBy(p => p.Provider).ToListAsync());
        Assert.Equal(_networks, profiles.Select(profile => profile.Provider));
        var request = PublishingWorld.Body("A card for all", profiles);
        request["media"] = new JsonArray(new JsonObject { ["artifactId"] = artifact.ToString(), ["alt"] = "a card" });
        var post = (await _host.InScopeAsync(s => s.GetRequiredService<PostAcceptor>().CreateAsync(_person, request, default))).Post;
        await _host.Services.GetRequiredService<PostPreparer>().RunOnceAsync(default);

        var runner = _host.Services.GetRequiredService<DeliveryRunner>();
        var claims = 0;
        for (var round = 0; round < 10 && (await ReadAsync(post.Id)).Status != PostStatus.Completed; round++)
        {
            _host.Clock.Advance(TimeSpan.FromSeconds(6));
            foreach (var simulator in _simulators.Values) simulator.Sim.Time.Advance(TimeSpan.FromSeconds(6));
            for (var claimed = 1; claimed > 0; claims += claimed) claimed = await runner.RunOnceAsync(default);
        }
        var done = await ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), (done.Status, done.Outcome));
        Assert.True(claims > _networks.Length, "Nothing was asked again.");
        Assert.All(done.Deliveries, delivery => Assert.Equal((1, true), (delivery.AttemptCount, delivery.Url is not null)));
        foreach (var name in _networks)
        {
            var shown = Assert.Single(await _simulators[name].JournalAsync());
            var file = Assert.Single(shown.Files);
            Assert.Equal(("A card for all", "a card", name == "instagram" ? "image/jpeg" : "image/png"),
                (shown.Text, file.AltText, file.MimeType));
            Assert.Equal(done.Deliveries.Single(delivery => delivery.Provider == name).ProviderPostId, shown.Id);
        }
    }

    private async Task ConnectAsync(string network)
    {
        Task<T> RunAsync<T>(Func<ConnectionSessions, Task<T>> work) =>
            _host.InScopeAsync(services => work(services.GetRequiredService<ConnectionSessions>()));
        var started = await RunAsync(s => s.StartAsync(_person, network, default));
        using var page = await _browser.GetAsync(started.AuthorizeUrl);
        var back = HttpUtility.ParseQueryString(page.Headers.Location!.Query);
        var session = await RunAsync(s => s.CallbackAsync(_person, network, new(back["state"], back["code"], back["error"]), default));
        Assert.Equal(ConnectionSessionStatus.Authorized, session.Status);
        await RunAsync(s => s.ChooseAsync(_person, session.Id, [session.Destinations[0].Id], default));
    }

    private Task<PostResource> ReadAsync(Guid postId) => _host.InScopeAsync(services =>
        services.GetRequiredService<PostReader>().GetAsync(_person, postId, default));

    private async Task<Guid> UploadAsync()
    {
        var artifact = await _host.InScopeAsync(services => services.GetRequiredService<Uploads>()
            .TakeAsync(_person, "card.png", "image/png", new MemoryStream(MediaWorld.Png), MediaWorld.Png.Length, default));
        Assert.Equal(ArtifactStatus.Verified, artifact.Status);
        return artifact.Id;
    }
}
