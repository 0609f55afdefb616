using System.Text.Json.Nodes;
using ImageMagick;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Media;

/// <summary>What a network with rules of shape makes of a picture, as a program asks and is told.</summary>
public sealed class MediaFitTests : IAsyncLifetime
{
    private MediaWorld _world = null!;
    private ApiClient _api = null!;
    private Profile _page = null!;
    private string _wide = "";

    public async ValueTask InitializeAsync()
    {
        _world = await MediaWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Providers:Instagram:ClientId"] = "app",
            ["Providers:Instagram:ClientSecret"] = "secret",
        });
        _page = await Seed.ProfileAsync(_world.Host, _world.Person, "Studio", "instagram", testMode: false);
        _api = await ApiClient.WithKeyAsync(_world.Host, _world.Person, testMode: false);
        _wide = await TakeAsync(MediaCorpus.Image(MagickFormat.Jpeg, 1600, 400), "wide.jpg", "image/jpeg");
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_picture_of_another_shape_gets_borders_only_where_they_are_asked_for()
    {
        var plain = Body(new JsonObject { ["artifactId"] = _wide });
        var refused = await _api.PostAsync("/posts", plain.ToJsonString());
        Assert.Equal((400, "/media/0 outOfRange"), (refused.Status, refused.Issue));
        var issue = refused.Json!["errors"]![0]!;
        Assert.Equal((1.91, 4.0, "ratio"), ((double)issue["limit"]!, (double)issue["actual"]!, (string)issue["unit"]!));
        Assert.Contains("fit: pad", (string)issue["fix"]!, StringComparison.Ordinal);
        Assert.Equal(("refuse", null), await PlanAsync(plain));

        var padded = Body(new JsonObject { ["artifactId"] = _wide, ["fit"] = "pad" });
        Assert.Equal(("convert", "image/jpeg 1600 × 838"), await PlanAsync(padded));
        Assert.Equal((400, "/media/0/fit wrongFormat"), await _api.PostAsync("/posts",
            Body(new JsonObject { ["artifactId"] = _wide, ["fit"] = "crop" }).ToJsonString()) is var wrong ? (wrong.Status, wrong.Issue) : default);

        var taken = await _api.PostAsync("/posts", padded.ToJsonString());
        Assert.Equal((202, "pending", "pad"), (taken.Status, (string)taken.Data["status"]!, (string)taken.Data["media"]![0]!["fit"]!));
        Assert.Equal(1, await _world.Host.Services.GetRequiredService<PostPreparer>().RunOnceAsync(default));
        var made = await _world.Host.InDatabaseAsync(db => db.ArtifactVersions.AsNoTracking().SingleAsync());
        Assert.Equal(("image/jpeg", 1600, 838), (made.Facts.MimeType, made.Facts.Width, made.Facts.Height));
        Assert.Equal("scheduled", (string)(await _api.GetAsync($"/posts/{taken.Data["id"]}")).Data["status"]!);
    }

    [Fact]
    public async Task Only_one_profile_may_be_given_borders()
    {
        var body = Body(new JsonObject { ["artifactId"] = _wide });
        body["overrides"] = new JsonObject
        {
            [_page.Id.ToString()] = new JsonObject { ["media"] = new JsonArray(new JsonObject { ["artifactId"] = _wide, ["fit"] = "pad" }) },
        };
        Assert.Equal(("convert", "image/jpeg 1600 × 838"), await PlanAsync(body));
    }

    [Fact]
    public async Task The_plan_says_what_would_be_kept_converted_and_not_known_yet()
    {
        var kept = await TakeAsync(MediaCorpus.Image(MagickFormat.Jpeg), "a.jpg", "image/jpeg");
        var converted = await TakeAsync(MediaCorpus.Image(MagickFormat.Png), "b.png", "image/png");
        var body = Body(new JsonObject { ["artifactId"] = kept }, new JsonObject { ["artifactId"] = converted },
            new JsonObject { ["url"] = "https://93.184.215.14/c.jpg" });
        var checks = await CheckAsync(body);
        Assert.Equal(["/media/0 keep ", "/media/1 convert image/jpeg", "/media/2  "],
            checks.Select(c => $"{c!["pointer"]} {c["plan"]} {c["convertTo"]?["mimeType"]}"));
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.ArtifactVersions.CountAsync()));
    }

    [Fact]
    public async Task A_file_of_a_form_is_no_file_of_a_JSON_body()
    {
        var reply = await _api.PostAsync("/posts", Body(new JsonObject { ["file"] = "card" }).ToJsonString());
        Assert.Equal((400, "/media/0/file unsupported"), (reply.Status, reply.Issue));
    }

    private async Task<string> TakeAsync(byte[] bytes, string name, string type) =>
        (await _world.Host.InScopeAsync(services => services.GetRequiredService<Core.Media.Uploads>()
            .TakeAsync(_world.Person, name, type, new MemoryStream(bytes), bytes.Length, default))).Id.ToString();

    private JsonObject Body(params JsonObject[] media) => new()
    {
        ["post"] = new JsonObject { ["body"] = "Hello", ["scheduledAt"] = _world.Host.Clock.GetUtcNow().AddDays(1).ToString("O") },
        ["profiles"] = new JsonArray(_page.Id.ToString()),
        ["media"] = new JsonArray([.. media.Select(item => (JsonNode)item)]),
    };

    private async Task<JsonArray> CheckAsync(JsonObject body)
    {
        var reply = await _api.PostAsync("/posts/validate", body.ToJsonString());
        Assert.Equal(200, reply.Status);
        return reply.Data["profiles"]![0]!["media"]!.AsArray();
    }

    private async Task<(string?, string?)> PlanAsync(JsonObject body)
    {
        var check = Assert.Single(await CheckAsync(body))!;
        return ((string?)check["plan"], check["convertTo"] is { } to ? $"{to["mimeType"]} {to["width"]} × {to["height"]}" : null);
    }
}
