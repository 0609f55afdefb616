using System.Text.Json.Nodes;
using System.Web;
using ImageMagick;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.LinkedIn;
using PostMantis.Simulators.Pinterest;
using PostMantis.Simulators.TikTok;
using PostMantis.Simulators.YouTube;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Providers;

/// <summary>Files from the upload to the journals of networks that take files, by way of the whole runtime.</summary>
public sealed class MediaNetworksTests : IAsyncLifetime
{
    private static readonly string[] _names = ["linkedin", "pinterest", "youtube", "tiktok"];
    private readonly string _folder = Directory.CreateTempSubdirectory("postmantis-networks").FullName;
    private readonly Dictionary<string, SimulatorHost> _networks = [];
    private readonly Dictionary<string, Guid> _profiles = [];
    private PostMantisHost _host = null!;
    private Caller _person = null!;

    public async ValueTask InitializeAsync()
    {
        foreach (var name in _names)
        {
            _networks[name] = await SimulatorHost.StartAsync(name, TimeProvider.System);
            _networks[name].Sim.Consent.Approve = _networks[name].Sim.Accounts[0].Handle;
        }
        Rules<LinkedInSettings>("linkedin").ProcessingSeconds = Rules<PinterestSettings>("pinterest").ProcessingSeconds = 0;
        Rules<YouTubeSettings>("youtube").ProcessingSeconds = 0;
        var tiktok = Rules<TikTokSettings>("tiktok");
        (tiktok.PullFromAnywhere, tiktok.DownloadSeconds, tiktok.ProcessingSeconds, tiktok.ModerationSeconds) = (true, 0, 0, 0);
        var settings = new Dictionary<string, string?> { ["Media:Folder"] = _folder, ["DataDirectory"] = _folder };
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, "tools", "simulators.env")).Select(line => line.Split(' ', 2)))
        {
            if (!_networks.TryGetValue(line[0], out var network)) continue;
            var setting = line[1].Replace("{at}", network.Address.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal).Split('=', 2);
            settings[setting[0].Replace("__", ":", StringComparison.Ordinal)] = setting[1];
        }
        _host = await PostMantisHost.StartAsync(settings);
        _person = await Seed.UserAsync(_host);
        foreach (var name in _names) await ConnectAsync(name);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        foreach (var network in _networks.Values) await network.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_film_goes_to_four_networks_at_once_and_lost_answers_double_nothing()
    {
        Assert.SkipWhen(MediaCorpus.NoFfmpeg is not null, MediaCorpus.NoFfmpeg ?? "");
        var path = await MediaCorpus.VideoAsync(_folder, "film.mp4", "-vf", "scale=640:480,tpad=stop_mode=clone:stop_duration=4", "-af",
            "apad=pad_dur=4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-b:v", "800k", "-minrate", "800k", "-maxrate", "800k", "-bufsize",
            "800k", "-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-movflags", "+faststart");
        var film = await UploadAsync(await File.ReadAllBytesAsync(path), "film.mp4", "video/mp4");

        // The last byte arrives, its answer does not; a board's pin is made and not answered.
        _networks["youtube"].Sim.Faults.Add(new Fault { Method = "PUT", Path = "/upload/youtube", After = true });
        _networks["tiktok"].Sim.Faults.Add(new Fault { Method = "PUT", Path = "/video", After = true });
        _networks["pinterest"].Sim.Faults.Add(new Fault { Method = "POST", Path = "/v5/pins", After = true });
        var post = await PublishAsync("A film for everybody", [film], _names, new JsonObject
        {
            ["youtube"] = new JsonObject { ["title"] = "Film" }, ["tiktok"] = new JsonObject { ["privacyLevel"] = "publicToEveryone" },
        });
        Assert.All(post.Deliveries, delivery => Assert.NotNull(delivery.Url));
        foreach (var name in _names)
        {
            var shown = Assert.Single(await _networks[name].JournalAsync());
            Assert.Equal(shown.Id, post.Deliveries.Single(d => d.ProfileId == _profiles[name]).ProviderPostId);
            Assert.Equal("video/mp4", Assert.Single(shown.Files).MimeType);
        }
    }

    [Fact]
    public async Task Pictures_go_out_as_each_network_takes_them()
    {
        var pictures = new[]
        {
            await UploadAsync(MediaCorpus.Image(MagickFormat.Png, 1500, 1300), "a.png", "image/png"),
            await UploadAsync(MediaCorpus.Image(MagickFormat.Png, 1500, 1300, alpha: true), "b.png", "image/png"),
        };
        string[] names = ["linkedin", "pinterest", "tiktok"];
        await PublishAsync("Two pictures", pictures, names, new JsonObject
        {
            ["tiktok"] = new JsonObject { ["privacyLevel"] = "selfOnly", ["photoTitle"] = "Two" },
        });
        foreach (var name in names)
        {
            var shown = Assert.Single(await _networks[name].JournalAsync());
            // TikTok takes no PNG and nothing larger than 1080p; it fetched what was made for it.
            Assert.Equal(name == "tiktok" ? ["image/jpeg", "image/webp"] : ["image/png", "image/png"], shown.Files.Select(file => file.MimeType));
        }
    }

    private async Task<PostResource> PublishAsync(string body, Guid[] media, string[] names, JsonObject options)
    {
        var accepted = await _host.InScopeAsync(async services => await services.GetRequiredService<PostAcceptor>().CreateAsync(_person, new JsonObject
        {
            ["post"] = new JsonObject { ["body"] = body },
            ["profiles"] = new JsonArray([.. names.Select(name => (JsonNode)_profiles[name].ToString())]),
            ["media"] = new JsonArray([.. media.Select(id => (JsonNode)new JsonObject { ["artifactId"] = id.ToString() })]),
            ["providerOptions"] = options,
        }, default));
        for (var round = 0; round < 100; round++)
        {
            var post = await _host.InScopeAsync(services => services.GetRequiredService<PostReader>().GetAsync(_person, accepted.Post.Id, default));
            if (post.Status == PostStatus.Completed)
            {
                Assert.Equal((body, PostOutcome.Published), (string.Join("; ", post.Deliveries.Select(d => d.Error?.Message).OfType<string>()
                    .DefaultIfEmpty(body)), post.Outcome));
                return post;
            }
            await _host.Services.GetRequiredService<PostPreparer>().RunOnceAsync(default);
            // Time passes for everybody: a network whose clock stood behind would date its posts before ours were sent.
            _host.Clock.Advance(TimeSpan.FromSeconds(10));
            foreach (var network in _networks.Values) network.Sim.Time.Advance(TimeSpan.FromSeconds(10));
            await _host.Services.GetRequiredService<DeliveryRunner>().RunOnceAsync(default);
            await _host.Services.GetRequiredService<DeliveryReconciler>().RunOnceAsync(default);
        }
        throw Xunit.Sdk.FailException.ForFailure($"{body} was never done");
    }

    private async Task<Guid> UploadAsync(byte[] bytes, string name, string type) =>
        (await _host.InScopeAsync(services => services.GetRequiredService<Core.Media.Uploads>()
            .TakeAsync(_person, name, type, new MemoryStream(bytes), bytes.Length, default))).Id;

    private async Task ConnectAsync(string network)
    {
        Task<T> RunAsync<T>(Func<ConnectionSessions, Task<T>> work) =>
            _host.InScopeAsync(services => work(services.GetRequiredService<ConnectionSessions>()));
        var started = await RunAsync(sessions => sessions.StartAsync(_person, network, default));
        using var answer = await _host.Client.GetAsync(started.AuthorizeUrl);
        var back = HttpUtility.ParseQueryString(answer.Headers.Location!.Query);
        var session = await RunAsync(sessions => sessions.CallbackAsync(_person, network, new(back["state"], back["code"], back["error"]), default));
        var chosen = session.Destinations.Last(destination => !destination.Id.Contains(":organization:56", StringComparison.Ordinal)).Id;
        await RunAsync(sessions => sessions.ChooseAsync(_person, session.Id, [chosen], default));
        _profiles[network] = await _host.InDatabaseAsync(db => db.Profiles.Where(p => p.Provider == network).Select(p => p.Id).SingleAsync());
    }

    private T Rules<T>(string network) => (T)_networks[network].Network.Settings;
}
