using System.Net;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;
using PostMantis.Web.Pages.Bulk;

namespace PostMantis.Tests.Web;

/// <summary>Many posts at once: from a table, and out of the list.</summary>
public sealed class BulkTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Browser _ada = null!;
    private Caller _person = null!;
    private Profile _page = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(movedClock: false);
        _ada = new Browser(_host.Address);
        using var answer = await _ada.SubmitAsync("/setup", "setup", Fields(("token", PostMantisHost.SetupToken),
            ("email", "ada@example.com"), ("password", "a long and quiet password")));
        _person = Caller.Person(await _host.InDatabaseAsync(db => Task.FromResult(db.Users.Single().Id)), null);
        _page = await Seed.ProfileAsync(_host, _person, "Our page", "linkedin", testMode: false);
    }

    public async ValueTask DisposeAsync()
    {
        _ada.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_table_is_rehearsed_line_by_line_and_only_what_is_right_is_made()
    {
        var bob = await Seed.UserAsync(_host, "bob");
        await Seed.ProfileAsync(_host, bob, "Theirs", "linkedin", testMode: false);
        var table = string.Join("\r\n", "when;text;profiles;zone;link;id",
            "2027-03-30 09:00;\"Quoted; with \"\"marks\"\" and\nlines\";our PAGE;Europe/Vienna;https://example.com/a;row-1",
            ";A draft;Our page;;;",
            "2027-03-30T09:00:00Z;Nowhere to go;Theirs;;;",
            $"2027-03-30 09:00;{new string('x', 3001)};Our page;;;",
            "2027-03-28 02:30;Skipped hour;Our page;Europe/Vienna;;",
            "2027-10-31 02:30;Which of the two;Our page;Europe/Vienna;;",
            "2027-03-30 10:00;\"Quoted; with \"\"marks\"\" and\nlines\";Our page;UTC;https://example.com/a;",
            "soon;No moment;Our page;;;");
        using var checkedOnly = await _ada.SubmitAsync("/posts/import", "import", Fields(("csv", table), ("zone", "UTC")));
        var html = WebUtility.HtmlDecode(await checkedOnly.Content.ReadAsStringAsync());
        Assert.Contains("2 of 8 lines can be imported", html, StringComparison.Ordinal);
        foreach (var words in (string[])["There is no profile “Theirs”.", "LinkedIn takes at most 3000.", "There is no 02:30 on 28 March 2027",
                     "Write it with its offset, such as 2027-10-31T02:30:00+02:00.", "The same content goes to the same profile", "“soon” is no day and time."])
            Assert.Contains(words, html, StringComparison.Ordinal);
        Assert.Equal(0, await _host.InDatabaseAsync(db => db.Posts.CountAsync()));

        using var made = await _ada.SubmitAsync("/posts/import", "import", Fields(("do", "commit"), ("csv", table), ("zone", "UTC")));
        Assert.Contains("2 posts made, 6 lines left out.", WebUtility.HtmlDecode(await made.Content.ReadAsStringAsync()), StringComparison.Ordinal);
        var posts = await _host.InDatabaseAsync(db => db.Posts.AsNoTracking().OrderBy(p => p.ScheduledAt).ToListAsync());
        Assert.Equal([(PostStatus.Scheduled, "Quoted; with \"marks\" and\nlines", "row-1"), (PostStatus.Draft, "A draft", null)],
            posts.Select(p => (p.Status, p.Content.Body!, p.ExternalId)));
        Assert.Equal(new DateTimeOffset(2027, 3, 30, 7, 0, 0, TimeSpan.Zero), posts[0].ScheduledAt);
        Assert.All(posts, post => Assert.Equal(_person.UserId, post.UserId));

        // Sent twice, it is not made twice; the draft is no post yet.
        using var again = await _ada.SubmitAsync("/posts/import", "import", Fields(("do", "commit"), ("csv", table), ("zone", "UTC")));
        Assert.Contains("1 post made, 7 lines left out.", WebUtility.HtmlDecode(await again.Content.ReadAsStringAsync()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "The first line names the columns")]
    [InlineData("text,colour\na,b", "There is no column “colour”.")]
    [InlineData("text,when", "There is no line below")]
    [InlineData("text,when\n\"never closed", "is not well-formed")]
    public void A_table_that_cannot_be_read_is_refused_in_words(string table, string words)
    {
        Assert.Empty(CsvPosts.Read(table, "UTC", [], TimeProvider.System.GetUtcNow(), out var problem));
        Assert.Contains(words, problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chosen_posts_are_moved_and_canceled_and_what_is_another_persons_is_left_alone()
    {
        var bob = await Seed.UserAsync(_host, "bob");
        var theirs = await Seed.ProfileAsync(_host, bob, "Theirs", "linkedin", testMode: false);
        var (one, two) = (await PostAsync("One", "2027-03-27T08:00:00Z"), await PostAsync("Two", "2027-05-01T08:00:00Z"));
        var draft = await PostAsync("No moment", null);
        var secret = await PostAsync("secret plan", "2027-03-27T08:00:00Z", bob, theirs);
        Guid[] all = [one, two, draft, secret];

        // The list's boxes lead to a question first.
        var list = await TextAsync("/posts");
        Assert.Contains($"form=\"{BulkBar.Id}\" name=\"post\" value=\"{one}\"", list, StringComparison.Ordinal);
        using var asked = await SubmitAsync("move", all, []);
        var question = WebUtility.HtmlDecode(await asked.Content.ReadAsStringAsync());
        Assert.Contains("Reschedule 2 posts", question, StringComparison.Ordinal);
        Assert.DoesNotContain("secret plan", question, StringComparison.Ordinal);
        Assert.Equal(new DateTimeOffset(2027, 3, 27, 8, 0, 0, TimeSpan.Zero), await MomentAsync(one));

        // Over the change of clocks in the person's zone the hour stays.
        using var zone = await _ada.GetAsync("/calendar?zone=Europe/Vienna");
        using var moved = await SubmitAsync("move", all, [("days", "2"), ("sure", "yes")]);
        Assert.Contains("2 posts done, 1 not", WebUtility.HtmlDecode(await moved.Content.ReadAsStringAsync()), StringComparison.Ordinal);
        Assert.Equal(new DateTimeOffset(2027, 3, 29, 7, 0, 0, TimeSpan.Zero), await MomentAsync(one));
        Assert.Equal(new DateTimeOffset(2027, 5, 3, 8, 0, 0, TimeSpan.Zero), await MomentAsync(two));
        Assert.Equal(new DateTimeOffset(2027, 3, 27, 8, 0, 0, TimeSpan.Zero), await MomentAsync(secret));

        using var retried = await SubmitAsync("retry", all, [("sure", "yes")]);
        Assert.Contains("Nothing of it failed", WebUtility.HtmlDecode(await retried.Content.ReadAsStringAsync()), StringComparison.Ordinal);
        using var canceled = await SubmitAsync("cancel", all, [("sure", "yes")]);
        Assert.Equal(HttpStatusCode.OK, canceled.StatusCode);
        Assert.Equal([PostStatus.Canceled, PostStatus.Canceled, PostStatus.Draft, PostStatus.Scheduled],
            await _host.InDatabaseAsync(async db => (await db.Posts.AsNoTracking().ToListAsync()).OrderBy(p => Array.IndexOf(all, p.Id)).Select(p => p.Status).ToArray()));

        Task<HttpResponseMessage> SubmitAsync(string act, Guid[] ids, (string, string)[] more) => _ada.SubmitToAsync("/posts", "/posts/bulk",
            Fields([("_handler", "bulk"), ("act", act), .. ids.Select(id => ("post", $"{id}")), .. more]));
        Task<DateTimeOffset?> MomentAsync(Guid id) =>
            _host.InDatabaseAsync(db => db.Posts.Where(p => p.Id == id).Select(p => p.ScheduledAt).SingleAsync());
    }

    private Task<Guid> PostAsync(string body, string? at, Caller? caller = null, Profile? profile = null) => _host.InScopeAsync(async services =>
        (await services.GetRequiredService<PostAcceptor>().CreateAsync(caller ?? _person, new JsonObject
        {
            ["post"] = new JsonObject { ["body"] = body, ["scheduledAt"] = at, ["draft"] = at is null },
            ["profiles"] = new JsonArray((profile ?? _page).Id.ToString()),
        }, default)).Post.Id);

    private async Task<string> TextAsync(string path)
    {
        using var page = await _ada.GetAsync(path);
        return WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
    }

    private static IEnumerable<KeyValuePair<string, string>> Fields(params (string Name, string Value)[] fields) =>
        fields.Select(field => KeyValuePair.Create(field.Name, field.Value));
}
