using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>The calendar: what it shows, how posts are moved in it, and that it stays quick.</summary>
public sealed class CalendarTests : IAsyncLifetime
{
    private const string Password = "a long and quiet password";
    private const string March = "/calendar?view=month&day=2027-03-01&zone=Europe/Vienna";
    private readonly ConcurrentDictionary<string, int> _queries = new();
    private ActivityListener _listener = null!;
    private PostMantisHost _host = null!;
    private Caller _person = null!;
    private Profile _page = null!;
    private Profile _notes = null!;
    private Browser _ada = null!;

    public async ValueTask InitializeAsync()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = query =>
            {
                // Opening a connection is none.
                if (query.GetTagItem("db.query.text") is not null)
                    _queries.AddOrUpdate(query.TraceId.ToString(), 1, (_, count) => count + 1);
            },
        };
        ActivitySource.AddActivityListener(_listener);
        _host = await PostMantisHost.StartAsync(movedClock: false);
        _ada = new Browser(_host.Address);
        using var answer = await _ada.SubmitAsync("/setup", "setup", [new("token", PostMantisHost.SetupToken),
            new("email", "ada@example.com"), new("password", Password)]);
        _person = Caller.Person(await _host.InDatabaseAsync(db => Task.FromResult(db.Users.Single().Id)), null);
        _page = await Seed.ProfileAsync(_host, _person, "Our page", "linkedin", testMode: false);
        _notes = await Seed.ProfileAsync(_host, _person, "Our notes", "mastodon", testMode: false);
    }

    public async ValueTask DisposeAsync()
    {
        _ada.Dispose();
        await _host.DisposeAsync();
        _listener.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_post_is_moved_to_another_day_and_keeps_its_time_there(bool script)
    {
        var post = await PostAsync("Goes out in spring", _page, "2027-03-26T08:00:00Z");
        await using var chromium = await Chromium.StartAsync();
        var (page, complaints) = await chromium.OpenAsync(_host.Address, script: script);
        await page.GotoAsync("/sign-in");
        await page.GetByLabel("E-mail").FillAsync("ada@example.com");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Overview" })).ToBeVisibleAsync();
        await page.GotoAsync(March);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "March 2027" })).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("[data-day='2027-03-26']")).ToContainTextAsync("09:00");

        // Clocks go forward on the 28th: the hour stays, the moment does not.
        if (script)
        {
            await page.Locator("[data-day='2027-03-26'] [data-post]").DragToAsync(page.Locator("[data-day='2027-03-29']"));
            await Assertions.Expect(page.Locator("[data-cal-status]")).ToHaveTextAsync("Moved to Mon 29 Mar 2027, 09:00 (UTC+02:00).");
        }
        else
        {
            await page.GetByRole(AriaRole.Link, new() { Name = "Move Goes out in spring" }).ClickAsync();
            await page.GetByLabel("Day and time").FillAsync("2027-03-28T02:30");
            await page.GetByRole(AriaRole.Button, new() { Name = "Move" }).ClickAsync();
            await Assertions.Expect(page.Locator("#moment-error")).ToContainTextAsync("There is no 02:30 on 28 March 2027");
            await page.GetByLabel("Day and time").FillAsync("2027-03-29T09:00");
            await page.GetByRole(AriaRole.Button, new() { Name = "Move" }).ClickAsync();
        }
        await Assertions.Expect(page.Locator("[data-day='2027-03-29']")).ToContainTextAsync("Goes out in spring");
        Assert.Equal(new DateTimeOffset(2027, 3, 29, 7, 0, 0, TimeSpan.Zero),
            await _host.InDatabaseAsync(db => db.Posts.Where(p => p.Id == post.Id).Select(p => p.ScheduledAt).SingleAsync()));
        if (!script) return;

        // What is over is refused, in words, and the post stays.
        await page.GotoAsync("/calendar?view=month&day=2026-11-01&zone=Europe/Vienna");
        await page.EvaluateAsync($$"""
            async () => {
              const form = new URLSearchParams(new FormData(document.querySelector('[data-cal-form]')));
              form.set('post', '{{post.Id}}'); form.set('revision', '2'); form.set('day', '2020-01-01');
              window.answer = await (await fetch('/calendar/move', { method: 'POST', body: form })).json();
            }
            """);
        Assert.Contains("has passed", await page.EvaluateAsync<string>("() => window.answer.message"), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(complaints, complaint => !complaint.StartsWith("Failed to load resource", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ten_thousand_posts_of_a_month_are_shown_with_as_many_queries_as_one()
    {
        var bob = await Seed.UserAsync(_host, "bob");
        var theirs = await Seed.ProfileAsync(_host, bob, "Theirs", "linkedin", testMode: false);
        await PostAsync("secret plan", theirs, "2027-03-10T10:00:00Z", bob);
        await PostAsync("For the page", _page, "2027-03-10T10:00:00Z");
        await PostAsync("For the notes", _notes, "2027-03-10T11:00:00Z");
        string[] views = [March, "/calendar?view=week&day=2027-03-10", "/calendar?view=list&day=2027-03-01", "/calendar?view=day&day=2027-03-10"];
        Dictionary<string, int> few = [];
        foreach (var view in views) few[view] = (await CountAsync(view)).Queries;
        Assert.All(few.Values, count => Assert.InRange(count, 4, 10));

        var text = (await CountAsync(March)).Text;
        foreach (var words in (string[])["For the page", "For the notes", "Scheduled", "LinkedIn", "Mastodon"])
            Assert.Contains(words, text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret plan", text, StringComparison.Ordinal);
        foreach (var filter in (string[])[$"&profile={_page.Id}", "&provider=linkedin"])
        {
            var some = (await CountAsync(March + filter)).Text;
            Assert.Contains("For the page", some, StringComparison.Ordinal);
            Assert.DoesNotContain("For the notes", some, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("For the page", (await CountAsync(March + "&state=failed")).Text, StringComparison.Ordinal);

        await _host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("""
            WITH one AS (SELECT * FROM posts WHERE content ->> 'body' = 'For the page'),
            made AS (
                INSERT INTO posts SELECT (jsonb_populate_record(NULL::posts, to_jsonb(one) || jsonb_build_object('id', gen_random_uuid(),
                    'scheduled_at', timestamptz '2027-03-01 06:00Z' + n * interval '4 minutes'))).*
                FROM one, generate_series(1, 10000) n RETURNING id)
            INSERT INTO deliveries (id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status, phase,
                content, content_hash, parts, scheduled_at, attempt_count, created_at, updated_at)
            SELECT gen_random_uuid(), made.id, d.user_id, d.profile_id, d.position, d.provider, d.profile_name, d.test_mode,
                d.status, d.phase, d.content, d.content_hash, d.parts, d.scheduled_at, d.attempt_count, d.created_at, d.updated_at
            FROM made, (SELECT d.* FROM deliveries d JOIN one ON one.id = d.post_id) d
            """));

        // That the session was used is noted now and then.
        await CountAsync("/account");
        foreach (var view in views)
        {
            var (many, count) = await CountAsync(view);
            Assert.True(count <= few[view], $"{view}: {few[view]} queries with few posts, {count} with many");
            Assert.Matches(view.Contains("view=day", StringComparison.Ordinal) ? "For the page" : @"\d+ more<", many);
            Assert.True(many.Length < 1_500_000, $"{view} has {many.Length} characters");
        }

        async Task<(string Text, int Queries)> CountAsync(string path)
        {
            var trace = ActivityTraceId.CreateRandom().ToString();
            using var page = await _ada.GetAsync(path, ("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01"));
            Assert.Equal(HttpStatusCode.OK, page.StatusCode);
            var html = WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
            return (html, _queries.GetValueOrDefault(trace));
        }
    }

    private Task<PostResource> PostAsync(string body, Profile profile, string at, Caller? caller = null) => _host.InScopeAsync(async services =>
        (await services.GetRequiredService<PostAcceptor>().CreateAsync(caller ?? _person, new JsonObject
        {
            ["post"] = new JsonObject { ["body"] = body, ["scheduledAt"] = at },
            ["profiles"] = new JsonArray(profile.Id.ToString()),
        }, default)).Post);
}
