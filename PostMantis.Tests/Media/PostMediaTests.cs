using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ImageMagick;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Media;
using PostMantis.Core.Outbound;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Media;

/// <summary>Posts with media, from the file that is sent or fetched to what the network shows.</summary>
public sealed class PostMediaTests : IAsyncLifetime
{
    private const string Name = "files.trap.net";
    private readonly string _folder = Directory.CreateTempSubdirectory("postmantis-media").FullName;
    private readonly HostileNames _names = new();
    private WebApplication _files = null!;
    private Uri _at = null!;
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync()
    {
        var port = PostgresServer.FreePort();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        _files = builder.Build();
        _files.MapGet("/card.png", () => Results.Bytes(MediaWorld.Png, "image/png"));
        _files.MapGet("/page.html", () => Results.Text("<!doctype html><title>No picture</title>", "text/html"));
        _files.MapGet("/gone.png", () => Results.NotFound());
        await _files.StartAsync();
        _at = new Uri($"http://{Name}:{port}/");
        _names.Answers[Name] = [_ => IPAddress.Loopback];
        _world = await PublishingWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Media:Folder"] = _folder,
            ["DataDirectory"] = _folder,
            ["Outbound:AllowedRanges:0"] = "127.0.0.1/32",
        }, host => host.Services.AddSingleton<INameResolver>(_names));
    }

    public async ValueTask DisposeAsync()
    {
        await _world.DisposeAsync();
        await _files.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_file_that_the_network_takes_goes_out_as_it_is_in_every_mode()
    {
        var artifact = await UploadAsync(MediaWorld.Png);
        foreach (var page in _world.Pages)
        {
            var body = $"With a card on {page.Name}";
            var post = await _world.CreateAsync(With(body, [page], new JsonObject { ["artifactId"] = artifact.Id.ToString(), ["alt"] = "A <card>" }));
            Assert.Equal(PostStatus.Scheduled, post.Status);
            await _world.PassAsync(TimeSpan.FromSeconds(2));
            Assert.Equal((PostStatus.Completed, PostOutcome.Published), Standing(await _world.ReadAsync(post.Id)));
            var shown = Assert.Single((await OnAsync(page, body))["media"]!.AsArray());
            Assert.Equal(("A <card>", "image/png"), ((string)shown!["alt"]!, (string)shown["mimeType"]!));
            Assert.Equal(MediaWorld.Png, await _world.Sandbox.Client.GetByteArrayAsync(new Uri((string)shown["url"]!)));
            Assert.Contains("alt=\"A &lt;card&gt;\"", await _world.Sandbox.Client.GetStringAsync(
                new Uri(_world.Sandbox.Address, $"/feed/{page.ProviderProfileId}")), StringComparison.Ordinal);
        }
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.ArtifactVersions.CountAsync()));
    }

    [Fact]
    public async Task A_file_that_needs_converting_is_converted_once_before_it_is_due()
    {
        var artifact = await UploadAsync(MediaCorpus.Image(MagickFormat.Tiff, 5000, 400), "wide.tif", "image/tiff");
        var moment = _world.Host.Clock.GetUtcNow().AddHours(1);
        var pages = new[] { _world.PageOf(SettlementMode.Idempotent), _world.PageOf(SettlementMode.Probe) };
        var post = await _world.CreateAsync(With("Wide", pages, Item(artifact), moment));
        Assert.Equal(PostStatus.Pending, post.Status);
        Assert.DoesNotContain("post.scheduled", await _world.EventsAsync(post.Id));
        Assert.Equal(0, await _world.Runner.RunOnceAsync(default));

        Assert.Equal(1, await PrepareAsync());
        Assert.Equal(PostStatus.Scheduled, (await _world.ReadAsync(post.Id)).Status);
        Assert.Contains("post.scheduled", await _world.EventsAsync(post.Id));
        var version = await _world.Host.InDatabaseAsync(db => db.ArtifactVersions.SingleAsync());
        Assert.Equal(("image/jpeg", 4096), (version.Facts.MimeType, version.Facts.Width));

        await _world.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), Standing(await _world.ReadAsync(post.Id)));
        foreach (var page in pages)
        {
            var shown = (await OnAsync(page, "Wide"))["media"]![0]!;
            Assert.Equal(version.Facts.Sha256, Sha(await _world.Sandbox.Client.GetByteArrayAsync(new Uri((string)shown["url"]!))));
        }

        // The next post finds it made.
        var again = await _world.CreateAsync(With("Wide again", pages, Item(artifact)));
        Assert.Equal(1, await PrepareAsync());
        await _world.PassAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), Standing(await _world.ReadAsync(again.Id)));
        Assert.Equal(version.Id, await _world.Host.InDatabaseAsync(db => db.ArtifactVersions.Select(v => v.Id).SingleAsync()));
    }

    [Fact]
    public async Task A_post_waits_for_its_import_and_goes_out_when_it_is_here()
    {
        var page = _world.PageOf(SettlementMode.ReadBack);
        var post = await _world.CreateAsync(With("From afar", [page], Link("card.png")));
        Assert.Equal(PostStatus.Pending, post.Status);
        Assert.NotEqual(Guid.Empty, Assert.Single(post.Media).ArtifactId);

        // Looked at before the file has come, it waits on.
        Assert.Equal(1, await PrepareAsync());
        Assert.Equal(PostStatus.Pending, (await _world.ReadAsync(post.Id)).Status);
        Assert.Equal(0, await PrepareAsync());

        Assert.Equal(1, await ImportAsync());
        Assert.Equal(1, await PrepareAsync());
        await _world.PassAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), Standing(await _world.ReadAsync(post.Id)));
        Assert.Equal("image/png", (string)(await OnAsync(page, "From afar"))["media"]![0]!["mimeType"]!);
        Assert.Empty(await _world.Host.InDatabaseAsync(db => db.WorkItems.Select(w => w.Kind)
            .Where(k => k != Core.Queue.WorkKind.RefreshToken).ToListAsync()));
        Assert.Equal(0, await _world.Recovery.RunOnceAsync(default));
    }

    [Theory]
    [InlineData("gone.png", DeliveryErrorCode.MediaUnavailable)]
    [InlineData("page.html", DeliveryErrorCode.MediaRejected)]
    public async Task A_post_whose_import_fails_fails_with_the_reason_and_profiles_without_it_go_on(
        string file, DeliveryErrorCode code)
    {
        var (with, without) = (_world.PageOf(SettlementMode.ReadBack), _world.PageOf(SettlementMode.Idempotent));
        var body = With($"Half of {file}", [with, without], Link(file));
        body["overrides"] = new JsonObject { [without.Id.ToString()] = new JsonObject { ["media"] = new JsonArray() } };
        var post = await _world.CreateAsync(body);
        Assert.Equal(1, await ImportAsync());
        Assert.Equal(1, await PrepareAsync());
        await _world.PassAsync(TimeSpan.FromSeconds(2));

        post = await _world.ReadAsync(post.Id);
        Assert.Equal((PostStatus.Completed, PostOutcome.Partial), Standing(post));
        var failed = post.Deliveries.Single(d => d.ProfileId == with.Id);
        Assert.Equal((DeliveryStatus.Failed, code, NextStep.EditAndRetry), (failed.Status, failed.Error!.Code, failed.Error.NextStep));
        Assert.Equal(0, failed.AttemptCount);
        Assert.Equal(DeliveryStatus.Published, post.Deliveries.Single(d => d.ProfileId == without.Id).Status);
        Assert.Contains("delivery.failed", await _world.EventsAsync(post.Id));

        // With another file it can be tried again.
        var artifact = await UploadAsync(MediaWorld.Png);
        await EditAsync(editor => editor.RetryAsync(_world.Person, post.Id, failed.Id,
            new JsonObject { ["override"] = new JsonObject { ["media"] = new JsonArray(Item(artifact)) } }, null, default));
        await _world.PassAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), Standing(await _world.ReadAsync(post.Id)));
        Assert.Equal("image/png", (string)(await OnAsync(with, $"Half of {file}"))["media"]![0]!["mimeType"]!);
    }

    [Fact]
    public async Task Other_media_send_a_scheduled_post_back_to_be_prepared()
    {
        var page = _world.PageOf(SettlementMode.Idempotent);
        var moment = _world.Host.Clock.GetUtcNow().AddHours(1);
        var (small, wide) = (await UploadAsync(MediaWorld.Png),
            await UploadAsync(MediaCorpus.Image(MagickFormat.Tiff), "a.tif", "image/tiff"));
        var post = await _world.CreateAsync(With("Changing", [page], Item(small), moment));
        Assert.Equal(PostStatus.Scheduled, post.Status);

        post = await EditAsync(editor => editor.UpdateAsync(_world.Person, post.Id,
            new JsonObject { ["media"] = new JsonArray(Item(wide)) }, null, default));
        Assert.Equal(PostStatus.Pending, post.Status);
        Assert.Equal(1, await PrepareAsync());
        Assert.Equal(PostStatus.Scheduled, (await _world.ReadAsync(post.Id)).Status);

        // A change of words alone leaves it where it is, prepared as it is.
        post = await EditAsync(editor => editor.UpdateAsync(_world.Person, post.Id,
            new JsonObject { ["post"] = new JsonObject { ["body"] = "Changed" } }, null, default));
        Assert.Equal(PostStatus.Scheduled, post.Status);
        Assert.Equal([wide.Id], await _world.Host.InDatabaseAsync(db => db.ArtifactUses.Select(u => u.ArtifactId).ToListAsync()));
        await _world.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal("image/jpeg", (string)(await OnAsync(page, "Changed"))["media"]![0]!["mimeType"]!);
    }

    [Fact]
    public async Task Parts_and_overrides_have_media_of_their_own()
    {
        var page = _world.PageOf(SettlementMode.Idempotent);
        var (first, second) = (await UploadAsync(MediaWorld.Png), await UploadAsync(MediaCorpus.Image(MagickFormat.Jpeg), "b.jpg", "image/jpeg"));
        var body = With("Root", [page], Item(first));
        body["post"]!["thread"] = new JsonArray(new JsonObject { ["body"] = "Part", ["media"] = new JsonArray(Item(first), Item(second)) });
        body["overrides"] = new JsonObject { [page.Id.ToString()] = new JsonObject { ["media"] = new JsonArray(Item(second)) } };
        var post = await _world.CreateAsync(body);
        await _world.PassAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((PostStatus.Completed, PostOutcome.Published), Standing(await _world.ReadAsync(post.Id)));
        Assert.Equal(["image/jpeg"], await TypesAsync("Root"));
        Assert.Equal(["image/png", "image/jpeg"], await TypesAsync("Part"));

        async Task<IEnumerable<string>> TypesAsync(string said) =>
            (await OnAsync(page, said))["media"]!.AsArray().Select(m => (string)m!["mimeType"]!);
    }

    [Fact]
    public async Task What_the_network_would_refuse_is_refused_before_the_post_is_taken()
    {
        var page = _world.PageOf(SettlementMode.Idempotent);
        var reserved = await _world.Host.InScopeAsync(async services => (await services.GetRequiredService<Core.Media.Uploads>()
            .StartAsync(_world.Person, JsonNode.Parse("""{"fileName": "a.png", "mimeType": "image/png", "fileSize": 10}""")!.AsObject(), default)).Artifact);
        var animated = await UploadAsync(MediaCorpus.Animated(MagickFormat.Gif), "a.gif", "image/gif");
        var png = await UploadAsync(MediaWorld.Png);
        var sound = await UploadAsync(MediaCorpus.Wav(), "a.wav", "audio/wav");
        var stranger = await Seed.UserAsync(_world.Host, "stranger@example.com");
        var foreign = await UploadAsync(MediaWorld.Png, "x.png", "image/png", stranger);

        Assert.Equal([("/media/0/artifactId", Rule.NotReady)], await RefusedAsync(Item(reserved)));
        Assert.Equal([("/media/0/artifactId", Rule.NotFound)], await RefusedAsync(Item(foreign)));
        Assert.Equal([("/media", Rule.Excluded)], await RefusedAsync(Item(animated), Item(png)));
        Assert.Equal([("/media/0", Rule.Unsupported)], await RefusedAsync(Item(sound)));
        Assert.Equal([("/media/0/url", Rule.WrongFormat)], await RefusedAsync(new JsonObject { ["url"] = "http://169.254.169.254/latest" }));
        Assert.Equal([("/media", Rule.TooMany), ("/media", Rule.TooMany)],
            await RefusedAsync(Item(png), Item(png), Item(png), Item(png), Item(png)));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.Posts.CountAsync()));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.ArtifactUses.CountAsync()));

        async Task<IEnumerable<(string, Rule)>> RefusedAsync(params JsonObject[] media)
        {
            var body = With("Refused", [page]);
            body["media"] = new JsonArray([.. media.Select(m => (JsonNode)m)]);
            var refused = await Assert.ThrowsAsync<ProblemException>(() => _world.CreateAsync(body));
            return refused.Issues.Select(i => (i.Pointer, i.Rule));
        }
    }

    [Fact]
    public async Task The_same_bytes_count_as_the_same_content_however_often_they_were_sent()
    {
        var page = _world.PageOf(SettlementMode.Idempotent);
        var (first, twin, other) = (await UploadAsync(MediaWorld.Png), await UploadAsync(MediaWorld.Png),
            await UploadAsync(MediaCorpus.Image(MagickFormat.Jpeg), "b.jpg", "image/jpeg"));
        await _world.CreateAsync(With("Same", [page], Item(first)));
        var refused = await Assert.ThrowsAsync<ProblemException>(() => _world.CreateAsync(With("Same", [page], Item(twin))));
        Assert.Equal(ProblemCode.DuplicatePost, refused.Code);
        await _world.CreateAsync(With("Same", [page], Item(other)));
    }

    [Fact]
    public async Task Files_of_open_posts_are_kept_and_converted_ones_go_when_no_open_post_needs_them()
    {
        var page = _world.PageOf(SettlementMode.Idempotent);
        var wide = await UploadAsync(MediaCorpus.Image(MagickFormat.Tiff), "a.tif", "image/tiff");
        var moment = _world.Host.Clock.GetUtcNow().AddDays(40);
        var post = await _world.CreateAsync(With("Much later", [page], Item(wide), moment));
        Assert.Equal(1, await PrepareAsync());
        Assert.Equal(2, Kept().Length);
        var stray = Path.Combine(_folder, "files", wide.Id.ToString("N")[^2..], $"{wide.Id:N}-{Guid.Empty:N}");
        await File.WriteAllTextAsync(stray, "left by a process that died", TestContext.Current.CancellationToken);
        _world.Host.Clock.Advance(TimeSpan.FromDays(39));
        Assert.Equal(new MediaSwept(0, 0, 1, 0), await SweepAsync());
        Assert.Equal(2, Kept().Length);

        await EditAsync(editor => editor.CancelAsync(_world.Person, post.Id, null, default));
        Assert.Equal(new MediaSwept(0, 0, 0, 1), await SweepAsync());
        Assert.Single(Kept());
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.ArtifactVersions.CountAsync()));

        // Named by a post it stays, however old; and it cannot be deleted.
        _world.Host.Clock.Advance(TimeSpan.FromDays(365));
        Assert.Equal(0, (await SweepAsync()).Total);
        var refused = await Assert.ThrowsAsync<ProblemException>(() => DeleteAsync(wide.Id));
        Assert.Equal(ProblemCode.Conflict, refused.Code);
        var unused = await UploadAsync(MediaWorld.Png);
        await DeleteAsync(unused.Id);
        Assert.Single(Kept());
    }

    private string[] Kept() => Directory.GetFiles(Path.Combine(_folder, "files"), "*", SearchOption.AllDirectories);

    private Task<MediaSwept> SweepAsync() => _world.Host.InScopeAsync(services =>
        services.GetRequiredService<MediaSweeper>().RunOnceAsync(default));

    private Task<bool> DeleteAsync(Guid id) => _world.Host.InScopeAsync(async services =>
    {
        await services.GetRequiredService<MediaLibrary>().DeleteAsync(_world.Person, id, default);
        return true;
    });

    private async Task<ArtifactResource> UploadAsync(
        byte[] bytes, string name = "card.png", string type = "image/png", Core.Access.Caller? caller = null)
    {
        return await _world.Host.InScopeAsync(services => services.GetRequiredService<Core.Media.Uploads>()
            .TakeAsync(caller ?? _world.Person, name, type, new MemoryStream(bytes), bytes.Length, default));
    }

    private async Task<PostResource> EditAsync(Func<PostEditor, Task<AcceptedPost>> edit) =>
        (await _world.Host.InScopeAsync(services => edit(services.GetRequiredService<PostEditor>()))).Post;

    private Task<int> PrepareAsync() => _world.Host.Services.GetRequiredService<PostPreparer>().RunOnceAsync(default);

    private Task<int> ImportAsync() => _world.Host.Services.GetRequiredService<MediaImporter>().RunOnceAsync(default);

    private JsonObject Link(string file) => new() { ["url"] = new Uri(_at, file).AbsoluteUri };

    private static JsonObject Item(ArtifactResource artifact) => new() { ["artifactId"] = artifact.Id.ToString() };

    private static JsonObject With(string body, IReadOnlyList<Profile> pages, JsonObject? item = null, DateTimeOffset? at = null)
    {
        var request = PublishingWorld.Body(body, pages, at: at);
        if (item is not null) request["media"] = new JsonArray(item);
        return request;
    }

    /// <summary>What the network says about the post with this body.</summary>
    private async Task<JsonObject> OnAsync(Profile page, string body)
    {
        var feed = JsonNode.Parse(await _world.Sandbox.Client.GetStringAsync(
            new Uri(_world.Sandbox.Address, $"/feed/{page.ProviderProfileId}.json")))!;
        return Assert.Single(feed["posts"]!.AsArray(), p => (string)p!["body"]! == body)!.AsObject();
    }

    private static (PostStatus, PostOutcome?) Standing(PostResource post) => (post.Status, post.Outcome);

    private static string Sha(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
