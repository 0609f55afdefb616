using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

public sealed class PostOperationsTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _person = null!;
    private Profile _page = null!;
    private Profile _team = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        _person = await Seed.UserAsync(_host);
        _page = await Seed.ProfileAsync(_host, _person, "Page");
        _team = await Seed.ProfileAsync(_host, _person, "Team");
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_post_for_now_is_scheduled_with_a_work_item_for_each_delivery()
    {
        var post = await CreateAsync(Body("Hello", [_page, _team]));

        Assert.Equal(PostStatus.Scheduled, post.Status);
        Assert.Equal(_host.Clock.GetUtcNow(), post.ScheduledAt);
        Assert.Equal(2, await ItemsAsync(post));
        Assert.Equal(["update", "publish", "cancel"], post.Actions);
        var types = await _host.InDatabaseAsync(db => db.Events.OrderBy(e => e.Id).Select(e => e.Type).ToListAsync());
        Assert.Equal(["post.created", "post.scheduled"], types);
    }

    [Fact]
    public async Task A_draft_is_kept_with_what_it_lacks_and_without_work()
    {
        var post = await CreateAsync(new JsonObject { ["post"] = new JsonObject { ["draft"] = true } });

        Assert.Equal(PostStatus.Draft, post.Status);
        Assert.Contains(post.Issues, issue => issue is { Pointer: "/profiles", Rule: Rule.Required });
        Assert.Contains(post.Issues, issue => issue is { Pointer: "/post/body", Rule: Rule.Required });
        Assert.Equal(0, await ItemsAsync(post));
        Assert.Null(post.NextCheckAt);
    }

    [Fact]
    public async Task One_error_on_one_profile_refuses_the_whole_post()
    {
        var body = Body("Hello", [_page, _team]);
        body["overrides"] = new JsonObject
        {
            [_team.Id.ToString()] = new JsonObject { ["body"] = "" },
        };
        var problem = await Assert.ThrowsAsync<ProblemException>(() => CreateAsync(body));

        var issue = Assert.Single(problem.Issues);
        Assert.Equal($"/overrides/{_team.Id}/body", issue.Pointer);
        Assert.Equal(0, await _host.InDatabaseAsync(db => db.Posts.CountAsync()));
    }

    [Fact]
    public async Task The_same_content_to_the_same_profile_is_refused_for_a_day()
    {
        var first = await CreateAsync(Body("Again", [_page]));
        var problem = await Assert.ThrowsAsync<ProblemException>(() => CreateAsync(Body("Again", [_page])));
        Assert.Equal(ProblemCode.DuplicatePost, problem.Code);
        Assert.Equal(first.Id, problem.Extensions["existingPostId"]);

        await CreateAsync(Body("Again", [_team]));
        var allowed = Body("Again", [_page]);
        allowed["allowDuplicate"] = true;
        await CreateAsync(allowed);
        _host.Clock.Advance(TimeSpan.FromHours(24));
        await CreateAsync(Body("Again", [_page]));
    }

    [Fact]
    public async Task Twins_at_the_same_moment_give_one_post()
    {
        var tries = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            try
            {
                await CreateAsync(Body("Twin", [_page, _team]));
                return true;
            }
            catch (ProblemException e) when (e.Code == ProblemCode.DuplicatePost)
            {
                return false;
            }
        }));
        Assert.Single(tries, won => won);
    }

    [Fact]
    public async Task An_edit_moves_the_work_and_never_publishes()
    {
        var at = _host.Clock.GetUtcNow().AddHours(2);
        var post = await CreateAsync(Body("Later", [_page], at));
        var later = at.AddHours(1);
        var edited = await UpdateAsync(post, $$"""
            {"post": {"body": "Edited", "scheduledAt": "{{UtcMillisecondsConverter.Format(later)}}"},
             "profiles": ["{{_team.Id}}", "{{_page.Id}}"]}
            """);

        Assert.Equal("Edited", edited.Body);
        Assert.Equal([_team.Id, _page.Id], edited.Deliveries.Select(d => d.ProfileId));
        Assert.All(edited.Deliveries, d => Assert.Equal("Edited", d.Content.Body));
        Assert.Equal(post.Deliveries[0].Id, edited.Deliveries[1].Id);
        Assert.Equal(post.Revision + 1, edited.Revision);
        var moments = await _host.InDatabaseAsync(db => db.WorkItems.Select(w => w.RunAt).Distinct().ToListAsync());
        Assert.Equal(UtcMillisecondsConverter.Format(later), UtcMillisecondsConverter.Format(Assert.Single(moments)));

        var problem = await Assert.ThrowsAsync<ProblemException>(() =>
            UpdateAsync(edited, """{"post": {"scheduledAt": null}}"""));
        Assert.Equal(Rule.UseAction, Assert.Single(problem.Issues).Rule);
    }

    [Fact]
    public async Task A_leased_delivery_is_neither_edited_nor_canceled()
    {
        var post = await CreateAsync(Body("Taken", [_page]));
        await _host.InDatabaseAsync(db => db.Database.ExecuteSqlAsync(
            $"UPDATE work_items SET state = 'leased', lease_token = {Guid.CreateVersion7()}"));

        Assert.Equal(ProblemCode.Conflict, (await Assert.ThrowsAsync<ProblemException>(() =>
            UpdateAsync(post, """{"post": {"body": "Too late"}}"""))).Code);
        Assert.Equal(ProblemCode.Conflict, (await Assert.ThrowsAsync<ProblemException>(() => RunAsync(editor =>
            editor.CancelAsync(_person, post.Id, null, default)))).Code);
    }

    [Fact]
    public async Task Canceling_every_delivery_cancels_the_post()
    {
        var post = await CreateAsync(Body("No more", [_page, _team]));
        var half = (await RunAsync(e => e.CancelDeliveryAsync(_person, post.Id, post.Deliveries[0].Id, null, default))).Post;
        Assert.Equal(PostStatus.Scheduled, half.Status);
        var ended = (await RunAsync(e => e.CancelAsync(_person, post.Id, null, default))).Post;

        Assert.Equal(PostStatus.Canceled, ended.Status);
        Assert.Equal(0, await ItemsAsync(post));
        Assert.Empty(ended.Actions);
        Assert.Equal(ProblemCode.Conflict, (await Assert.ThrowsAsync<ProblemException>(() => RunAsync(e =>
            e.CancelAsync(_person, post.Id, null, default)))).Code);
    }

    [Fact]
    public async Task A_draft_is_edited_published_and_then_no_longer_deleted()
    {
        var draft = await CreateAsync(JsonNode.Parse($$"""
            {"post": {"draft": true, "body": "First", "metadata": {"a": "1"} }, "profiles": ["{{_page.Id}}"]}
            """)!.AsObject());
        await UpdateAsync(draft, """{"post": {"body": "Second", "metadata": {"a": null, "b": "2"}}}""");
        var problem = await Assert.ThrowsAsync<ProblemException>(() =>
            UpdateAsync(draft, """{"post": {"draft": false}}"""));
        Assert.Equal(Rule.UseAction, Assert.Single(problem.Issues).Rule);
        var published = (await RunAsync(e => e.PublishAsync(_person, draft.Id, [], null, default))).Post;

        Assert.Equal(PostStatus.Scheduled, published.Status);
        Assert.Equal("Second", Assert.Single(published.Deliveries).Content.Body);
        Assert.Equal(["b"], published.Metadata.Keys);
        Assert.Equal(1, await ItemsAsync(draft));
        await Assert.ThrowsAsync<ProblemException>(() => RunAsync(async e =>
        {
            await e.DeleteAsync(_person, draft.Id, null, default);
            return 0;
        }));
    }

    [Fact]
    public async Task A_stale_revision_is_refused()
    {
        var post = await CreateAsync(Body("Rev", [_page]));
        var problem = await Assert.ThrowsAsync<ProblemException>(() => RunAsync(e =>
            e.CancelAsync(_person, post.Id, post.Revision + 1, default)));
        Assert.Equal(ProblemCode.PreconditionFailed, problem.Code);
    }

    [Fact]
    public async Task A_key_that_needs_approval_waits_for_a_person()
    {
        var key = Key(rules: new KeyRules(ApprovalRequired: true));
        var post = await CreateAsync(Body("May I", [_page]), key);
        Assert.Equal(PostStatus.AwaitingApproval, post.Status);
        Assert.Equal(0, await ItemsAsync(post));
        _host.Clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(ProblemCode.Conflict, (await Assert.ThrowsAsync<ProblemException>(() => RunAsync(e =>
            e.ApproveAsync(key, post.Id, null, default)))).Code);
        var approved = (await RunAsync(e => e.ApproveAsync(_person, post.Id, null, default))).Post;
        Assert.Equal(PostStatus.Scheduled, approved.Status);
        Assert.Equal(_host.Clock.GetUtcNow(), Assert.Single(approved.Deliveries).ScheduledAt);
    }

    [Fact]
    public async Task A_daily_cap_holds_until_midnight()
    {
        var key = Key(rules: new KeyRules(DailyCap: 2));
        await CreateAsync(Body("1", [_page]), key);
        await CreateAsync(Body("2", [_page]), key);
        Assert.Equal(ProblemCode.RateLimited, (await Assert.ThrowsAsync<ProblemException>(() =>
            CreateAsync(Body("3", [_page]), key))).Code);
        _host.Clock.Advance(TimeSpan.FromDays(1));
        await CreateAsync(Body("3", [_page]), key);
    }

    [Theory]
    [InlineData("22:00", "06:00", "2027-03-01T23:30:00Z", "2027-03-02T06:00:00.000Z")]
    [InlineData("22:00", "06:00", "2027-03-01T05:59:00Z", "2027-03-01T06:00:00.000Z")]
    [InlineData("22:00", "06:00", "2027-03-01T06:00:00Z", null)]
    [InlineData("12:00", "13:00", "2027-03-01T12:00:00Z", "2027-03-01T13:00:00.000Z")]
    public void Quiet_hours_end_when_they_say(string from, string until, string moment, string? end)
    {
        var rules = new KeyRules(QuietFrom: TimeOnly.Parse(from, null), QuietUntil: TimeOnly.Parse(until, null));
        Assert.True(UtcMillisecondsConverter.TryParse(moment, out var at));
        Assert.Equal(end, QuietHours.EndAfter(rules, at) is { } found ? UtcMillisecondsConverter.Format(found) : null);
    }

    [Fact]
    public async Task Another_users_profiles_and_posts_do_not_exist()
    {
        var other = await Seed.UserAsync(_host);
        var issue = Assert.Single((await Assert.ThrowsAsync<ProblemException>(() =>
            CreateAsync(Body("Mine?", [_page]), other))).Issues);
        Assert.Equal(("/profiles/0", Rule.NotFound), (issue.Pointer, issue.Rule));
        var post = await CreateAsync(Body("Mine", [_page]));
        Assert.Equal(ProblemCode.NotFound, (await Assert.ThrowsAsync<ProblemException>(() => ReadAsync(reader =>
            reader.GetAsync(other, post.Id, default)))).Code);
    }

    [Fact]
    public async Task A_narrow_key_sees_only_posts_that_lie_wholly_in_its_scope()
    {
        var both = await CreateAsync(Body("Both", [_page, _team]));
        var one = await CreateAsync(Body("One", [_page]));
        var key = Key(profiles: [_page.Id]);
        var seen = await ReadAsync(r => r.ListAsync(key, new PostQuery(), new PageRequest(), default));
        Assert.Equal([one.Id], seen.Items.Select(p => p.Id));
        await Assert.ThrowsAsync<ProblemException>(() => ReadAsync(r => r.GetAsync(key, both.Id, default)));
        await Assert.ThrowsAsync<ProblemException>(() => CreateAsync(Body("Out", [_team]), key));
    }

    [Fact]
    public async Task Lists_filter_page_and_stay_stable_under_inserts()
    {
        for (var i = 0; i < 5; i++)
        {
            _host.Clock.Advance(TimeSpan.FromSeconds(1));
            var body = Body($"Post {i}", [i % 2 == 0 ? _page : _team]);
            body["post"]!["externalId"] = $"ext-{i}";
            body["post"]!["metadata"] = new JsonObject { ["n"] = $"{i % 2}", ["all"] = "yes" };
            await CreateAsync(body);
        }
        var first = await ListAsync(new PostQuery(), new PageRequest(2));
        await CreateAsync(Body("Newer", [_page]));
        var second = await ListAsync(new PostQuery(), new PageRequest(2, first.NextCursor));
        var third = await ListAsync(new PostQuery(), new PageRequest(2, second.NextCursor));
        Assert.Equal(["Post 4", "Post 3", "Post 2", "Post 1", "Post 0"],
            first.Items.Concat(second.Items).Concat(third.Items).Select(p => p.Body));
        Assert.False(third.HasMore);
        Assert.Null(third.NextCursor);

        foreach (var sort in Enum.GetValues<PostSort>())
        {
            foreach (var descending in (bool[])[true, false])
            {
                var query = new PostQuery(Sort: sort, Descending: descending);
                var whole = await ListAsync(query, new PageRequest(100));
                var walked = new List<Guid>();
                for (string? cursor = null; ;)
                {
                    var slice = await ListAsync(query, new PageRequest(1, cursor));
                    walked.AddRange(slice.Items.Select(p => p.Id));
                    if ((cursor = slice.NextCursor) is null) break;
                }
                Assert.Equal(whole.Items.Select(p => p.Id), walked);
            }
        }
        Assert.Equal(2, (await ListAsync(new PostQuery(Metadata: new Dictionary<string, string> { ["n"] = "1", ["all"] = "yes" }),
            new PageRequest())).Items.Count);
        Assert.Equal("Post 3", Assert.Single((await ListAsync(new PostQuery(ExternalId: ["ext-3"]), new PageRequest())).Items).Body);
        Assert.Equal(2, (await ListAsync(new PostQuery(ProfileIds: [_team.Id]), new PageRequest())).Items.Count);
        Assert.Equal(6, (await ListAsync(new PostQuery(Status: [PostStatus.Scheduled], Providers: ["sandbox"],
            DeliveryStatus: [DeliveryStatus.Pending]), new PageRequest())).Items.Count);
        Assert.Empty((await ListAsync(new PostQuery(Outcome: [PostOutcome.Failed], BrandId: [Guid.CreateVersion7()]),
            new PageRequest())).Items);
        var numbered = await ListAsync(new PostQuery(), new PageRequest(Page: 1, PerPage: 4));
        Assert.Equal((2, 6, false), (numbered.Items.Count, numbered.Total, numbered.TotalIsCapped));
        var wrong = await Assert.ThrowsAsync<ProblemException>(() =>
            ListAsync(new PostQuery(Sort: PostSort.UpdatedAt), new PageRequest(2, first.NextCursor)));
        Assert.Equal("cursor", Assert.Single(wrong.Issues).Pointer);
    }

    private Caller Key(KeyRules? rules = null, IReadOnlyList<Guid>? profiles = null) => new(_person.UserId,
        ActorType.ApiKey, Guid.CreateVersion7(), Permission.Publish, new HashSet<Grant>(), [], [], profiles ?? [], true,
        rules ?? KeyRules.None, "127.0.0.1");

    private static JsonObject Body(string text, Profile[] profiles, DateTimeOffset? at = null) => new()
    {
        ["post"] = new JsonObject
        {
            ["body"] = text,
            ["scheduledAt"] = at is { } moment ? UtcMillisecondsConverter.Format(moment) : null,
        },
        ["profiles"] = new JsonArray([.. profiles.Select(p => (JsonNode)p.Id.ToString())]),
    };

    private Task<PostResource> CreateAsync(JsonObject body, Caller? caller = null) => _host.InScopeAsync(async services =>
        (await services.GetRequiredService<PostAcceptor>().CreateAsync(caller ?? _person, body, default)).Post);

    private Task<PostResource> UpdateAsync(PostResource post, string patch) => RunAsync(async editor =>
        (await editor.UpdateAsync(_person, post.Id, JsonNode.Parse(patch)!.AsObject(), null, default)).Post);

    private Task<T> RunAsync<T>(Func<PostEditor, Task<T>> work) =>
        _host.InScopeAsync(services => work(services.GetRequiredService<PostEditor>()));

    private Task<T> ReadAsync<T>(Func<PostReader, Task<T>> work) =>
        _host.InScopeAsync(services => work(services.GetRequiredService<PostReader>()));

    private Task<Page<PostResource>> ListAsync(PostQuery query, PageRequest slice) =>
        ReadAsync(reader => reader.ListAsync(_person, query, slice, default));

    private Task<int> ItemsAsync(PostResource post) => _host.InDatabaseAsync(async db =>
    {
        var ids = post.Deliveries.Select(d => d.Id).ToList();
        return await db.WorkItems.CountAsync(w => w.Kind == WorkKind.Publish && ids.Contains(w.Key));
    });
}
