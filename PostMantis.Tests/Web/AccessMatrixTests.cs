using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components.Endpoints;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Privacy;
using PostMantis.Tests.Support;
using PostMantis.Web;

namespace PostMantis.Tests.Web;

/// <summary>
/// Every route of the dashboard × nobody, somebody else, a session that ended, a forged form: enumerated from what the process
/// maps, so that a new route without a row fails.
/// </summary>
public sealed partial class AccessMatrixTests
{
    // Routes that are no pages: what somebody may open of theirs, or what everybody may.
    private static readonly Dictionary<string, PageEntry> _others = new(StringComparer.Ordinal)
    {
        ["GET /live"] = new("/live"),
        ["GET /library/thumbs/{id:guid}"] = new("/library/thumbs/{artifact}"),
        ["POST /library/uploads"] = new("/library/uploads"),
        ["POST /library/uploads/{id:guid}"] = new("/library/uploads/{artifact}"),
        ["GET /posts/options/{profileId:guid}"] = new("/posts/options/{profile}"),
        ["POST /posts/check"] = new("/posts/check?post={draft}"),
        ["POST /posts/autosave"] = new("/posts/autosave?post={draft}"),
        ["POST /calendar/move"] = new("/calendar/move"),
        ["GET /log/export"] = new("/log/export"),
        ["POST /brand"] = new("/brand"),
        ["POST /theme"] = new("/theme", IsPublic: true),
        ["POST /passkeys/"] = new("/passkeys/"),
        ["POST /passkeys/new"] = new("/passkeys/new"),
        ["POST /passkeys/ask"] = new("/passkeys/ask", IsPublic: true),
        ["POST /passkeys/sign-in"] = new("/passkeys/sign-in", IsPublic: true),
        ["POST /sign-in/with"] = new("/sign-in/with", IsPublic: true),
        ["POST /account/openid"] = new("/account/openid"),
        ["POST /account/export"] = new("/account/export"),
        ["GET /.well-known/security.txt"] = new("/.well-known/security.txt", IsPublic: true),
        ["HEAD /.well-known/security.txt"] = new("/.well-known/security.txt", IsPublic: true),
    };

    [Fact]
    public async Task Nothing_of_another_is_seen_or_reached_on_any_route()
    {
        const string mark = "bobsmark";
        await using var world = await LivedInWorld.StartAsync();
        var ada = await world.LiveAsync("adasmark");
        var bob = await world.LiveAsync(mark);
        using var nobody = new Browser(world.Host.Address);
        using var stale = new Browser(world.Host.Address);
        var ended = await EndedAsync(stale, bob);
        var pages = PageList.Of(world.Host);
        var others = Others(world.Host);
        List<string> found = [];

        // What Bob can open, and every form he is offered there.
        List<(string Path, string Handler)> forms = [];
        foreach (var page in pages)
        {
            var (status, html) = await OpenAsync(bob.Browser, page.Of(bob));
            if ((int)status != page.Status && status != HttpStatusCode.Found) found.Add($"Bob: {page.Path} answers {status}");
            forms.AddRange(Handler().Matches(html).Select(m => (page.Of(bob), m.Groups["name"].Value)));
        }
        Assert.True(forms.Count > 30, $"Only {forms.Count} forms.");
        await using var database = NpgsqlDataSource.Create(world.Host.ConnectionString);
        var before = await StateAsync(database, bob);

        foreach (var page in pages)
        {
            var path = page.Of(bob);
            await ExpectAsync(nobody, path, page, "nobody", forBob: false);
            stale.Cookies["pm-session"] = ended;
            await ExpectAsync(stale, path, page, "a session that ended", forBob: false);
            await ExpectAsync(ada.Browser, path, page, "Ada", forBob: true);
            await ForgedAsync(bob.Browser, path, page.Path);
        }
        var token = Token().Match((await OpenAsync(ada.Browser, "/account")).Html).Groups["value"].Value;
        foreach (var (path, handler) in forms.Distinct().Where(f => f.Handler != "sign-out"))
        {
            using var answer = await ada.Browser.PostAsync(path,
                [new("__RequestVerificationToken", token), new("_handler", handler), new("body", "taken"), new("name", "taken")]);
            var html = await answer.Content.ReadAsStringAsync();
            if (html.Contains(mark, StringComparison.Ordinal)) found.Add($"Ada sees Bob's mark after {handler} at {path}");
        }
        foreach (var (route, entry) in others)
        {
            var (method, path) = (route[..route.IndexOf(' ', StringComparison.Ordinal)], entry.Of(bob));
            if (method == "POST") await ForgedAsync(bob.Browser, path, entry.Path);
            if (!entry.IsPublic)
            {
                foreach (var (who, browser) in new[] { ("nobody", nobody), ("a session that ended", stale) })
                {
                    if (browser == stale) stale.Cookies["pm-session"] = ended;
                    using var answer = method == "POST" ? await browser.PostAsync(path, []) : await browser.GetAsync(path);
                    if (!IsSentToSignIn(answer)) found.Add($"{who}: {route} answers {answer.StatusCode}");
                }
            }
            if (!entry.IsOwned) continue;
            using var other = method == "POST"
                ? await ada.Browser.PostAsync(path, [new("__RequestVerificationToken", token), new("done", "true")])
                : await ada.Browser.GetAsync(path);
            if (other.StatusCode is not (HttpStatusCode.NotFound or HttpStatusCode.BadRequest))
                found.Add($"Ada: {route} answers {other.StatusCode}");
        }
        Assert.True(found.Count == 0, string.Join('\n', found));
        Assert.Equal(before, await StateAsync(database, bob));

        async Task ExpectAsync(Browser browser, string path, PageEntry page, string who, bool forBob)
        {
            using var answer = await browser.GetAsync(path);
            var html = await answer.Content.ReadAsStringAsync();
            if (html.Contains(mark, StringComparison.Ordinal)) found.Add($"{who} sees Bob's mark at {page.Path}");
            var isAsWanted = page.IsPublic ? (int)answer.StatusCode < 400
                : !forBob ? IsSentToSignIn(answer)
                : page.IsOwned ? answer.StatusCode == HttpStatusCode.NotFound : (int)answer.StatusCode == page.Status || (int)answer.StatusCode < 400;
            if (!isAsWanted) found.Add($"{who}: {page.Path} answers {answer.StatusCode}");
        }

        async Task ForgedAsync(Browser browser, string path, string route)
        {
            using var answer = await browser.PostAsync(path,
                [new("__RequestVerificationToken", "CfDJ8forged"), new("_handler", "any"), new("all", "true"), new("tie", "true")]);
            if (answer.StatusCode != HttpStatusCode.BadRequest) found.Add($"a forged form: {route} answers {answer.StatusCode}");
        }
    }

    // Its cookie as somebody may have kept it.
    private static async Task<string> EndedAsync(Browser browser, Inhabitant bob)
    {
        await browser.SubmitAsync("/sign-in", "sign-in", [new("email", bob.Email), new("password", LivedInWorld.Password)]);
        var cookie = browser.Cookies["pm-session"];
        await browser.SubmitAsync("/sign-out", "sign-out", []);
        return cookie;
    }

    // The dashboard's own endpoints; the API's have a matrix of their own.
    private static List<KeyValuePair<string, PageEntry>> Others(PostMantisHost host)
    {
        var mapped = host.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<ComponentTypeMetadata>() is null
                && e.Metadata.GetMetadata<MethodInfo>()?.DeclaringType?.Assembly == typeof(WebSetup).Assembly)
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
                .Select(method => $"{method} /{e.RoutePattern.RawText!.TrimStart('/')}"));
        Assert.Equal(_others.Keys.Order(StringComparer.Ordinal), mapped.Distinct().Order(StringComparer.Ordinal));
        return [.. _others];
    }

    private static bool IsSentToSignIn(HttpResponseMessage answer) =>
        answer is { StatusCode: HttpStatusCode.Found, Headers.Location: { } location }
        && (location.IsAbsoluteUri ? location.AbsolutePath : location.OriginalString) is "/sign-in" or "/welcome";

    private static async Task<(HttpStatusCode Status, string Html)> OpenAsync(Browser browser, string path)
    {
        using var answer = await browser.GetAsync(path);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    // Everything of a person but when their sessions were seen last.
    private static async Task<string> StateAsync(NpgsqlDataSource database, Inhabitant somebody)
    {
        List<string> state = [];
        foreach (var table in PersonalTables.All.Where(t => t.Name is not ("sessions" or "work_items")))
        {
            await using var command = database.CreateCommand($"""
                SELECT coalesce(md5(string_agg(to_jsonb(t)::text, '' ORDER BY to_jsonb(t)::text)), '') FROM {table.Name} t WHERE {table.Owner}
                """);
            command.Parameters.Add(new() { Value = somebody.Person.UserId });
            state.Add($"{table.Name} {await command.ExecuteScalarAsync()}");
        }
        return string.Join('\n', state);
    }

    [GeneratedRegex("name=\"_handler\" value=\"(?<name>[^\"]+)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Handler();

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"(?<value>[^\"]+)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Token();
}
