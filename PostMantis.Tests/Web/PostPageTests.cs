using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>The page of a post: what happened to it, and what a person can do about it.</summary>
public sealed partial class PostPageTests : IAsyncLifetime
{
    private DashboardWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await DashboardWorld.StartAsync(
        new Dictionary<string, string?> { ["AspireDashboardUrl"] = "https://traces.example/base/" });

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task The_timeline_goes_from_acceptance_to_the_last_webhook()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        await _world.Host.InScopeAsync(s => s.GetRequiredService<WebhookEndpoints>().CreateAsync(_world.Person,
            new WebhookSettings("CMS", receiver.Url("/hook"), WebhookMode.Both, ["post.completed"], [], []), default));
        receiver.Answer("/hook", 500);
        var due = _world.Host.Clock.GetUtcNow().AddHours(10);
        var program = await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        var post = (string)(await program.PostAsync("/posts",
            PublishingWorld.Body("from start to end", [_world.Pages[3]], at: due).ToJsonString())).Data["id"]!;
        Assert.Equal(["Accepted"], Stages(await _world.TextAsync($"/posts/{post}")));

        _world.Host.Clock.Advance(TimeSpan.FromHours(10));
        await _world.RunAsync();
        receiver.Answer("/hook", 204);
        _world.Host.Clock.Advance(TimeSpan.FromSeconds(10));
        await _world.RunAsync();

        var page = await _world.TextAsync($"/posts/{post}");
        Assert.Equal(
        [
            "Accepted",
            "Waited for its moment", "Queued", "Attempt 1: published", "Claimed", "Mark made durable", "Public call, answer stored", "Settled: published",
            "post.completed to CMS: delivered", "Attempt 1: Answered 500", "Attempt 2: delivered, 204",
        ], Stages(page));
        Assert.Contains("+10 h", page, StringComparison.Ordinal);
        Assert.Contains("Long waits are drawn shorter than they were.", page, StringComparison.Ordinal);

        var traceparent = await _world.Host.InDatabaseAsync(db => Task.FromResult(db.Posts.Single(p => p.Id == Guid.Parse(post)).Traceparent));
        Assert.Contains($"href=\"https://traces.example/base/traces/detail/{traceparent!.Split('-')[1]}\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_shows_what_the_network_said_and_what_to_do_and_is_tried_again()
    {
        var post = await _world.PostAsync("breaks the rules", _world.Pages[0], "publish=rejected");
        await _world.RunAsync();
        var page = await _world.TextAsync($"/posts/{post.Id}");
        foreach (var words in (string[])
            ["Attempt 1: rejected", "Settled: failed", "href=\"/problems/content-rejected\"", "Sandbox said", "HTTP 4", "What to do", "Change the post, then try again."])
            Assert.Contains(words, page, StringComparison.Ordinal);
        Assert.Equal($"/posts/{post.Id}", await _world.GoAsync($"/posts/{post.Id}", $"retry-{post.Deliveries[0].Id}"));
        await _world.RunAsync();
        Assert.Contains("Attempt 2: published", Stages(await _world.TextAsync($"/posts/{post.Id}")), StringComparer.Ordinal);
    }

    [Fact]
    public async Task An_unknown_outcome_is_resolved_with_its_address()
    {
        var post = await _world.PostAsync("lost on the way", _world.Pages[3], "publish=timeoutAfterAccept");
        await _world.RunAsync();
        var (path, form) = ($"/posts/{post.Id}", $"resolve-{post.Deliveries[0].Id}");
        Assert.Equal(path, await _world.GoAsync(path, form, ("as", "published"), ("url", "https://social.example/p/1")));
        var page = await _world.TextAsync(path);
        Assert.Contains("href=\"https://social.example/p/1\"", page, StringComparison.Ordinal);
        Assert.Contains("Delivery resolved", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_post_is_duplicated_as_a_draft_with_everything_but_its_moment()
    {
        var body = PublishingWorld.Body("said once", [_world.Pages[0], _world.Pages[1]], firstComment: "and more",
            at: _world.Host.Clock.GetUtcNow().AddDays(1));
        body["post"]!["metadata"] = new JsonObject { ["campaign"] = "spring" };
        body["post"]!["externalId"] = "cms-42";
        body["overrides"] = new JsonObject { [_world.Pages[1].Id.ToString()] = new JsonObject { ["body"] = "said elsewhere" } };
        var post = await _world.Host.InScopeAsync(async s => (await s.GetRequiredService<PostAcceptor>().CreateAsync(_world.Person, body, default)).Post);
        var next = await _world.GoAsync($"/posts/{post.Id}", "copy");
        var id = Guid.Parse(next.Split('/')[2]);
        Assert.Equal($"/posts/{id}/edit", next);
        Assert.NotEqual(post.Id, id);
        var copy = await _world.Host.InScopeAsync(s => s.GetRequiredService<PostReader>().GetAsync(_world.Person, id, default));
        Assert.Equal((PostStatus.Draft, (DateTimeOffset?)null, null, "said once", "and more", "spring"),
            (copy.Status, copy.ScheduledAt, copy.ExternalId, copy.Body, copy.FirstComment?.Body, copy.Metadata["campaign"]));
        Assert.Equal(["said once", "said elsewhere"], copy.Deliveries.Select(d => d.Content.Body));

        var bob = await Seed.UserAsync(_world.Host, "bob");
        await Assert.ThrowsAsync<Core.Common.ProblemException>(() =>
            _world.Host.InScopeAsync(s => s.GetRequiredService<PostCopier>().CopyAsync(bob, post.Id, default)));
    }

    private static string[] Stages(string page) =>
        [.. Stage().Matches(page).Select(m => WebUtility.HtmlDecode(m.Groups["name"].Value))];

    [GeneratedRegex("<span class=\"name\">(?<name>[^<]*)</span>", RegexOptions.ExplicitCapture)]
    private static partial Regex Stage();
}
