using System.Net;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Persistence;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Bench;

/// <summary>Every page of the dashboard, of a person who has used it for long.</summary>
internal static class PageMeasurements
{
    private const string Password = "a long and quiet password";
    private const int Posts = 50_000;
    private const int Rounds = 20;
    private const int WarmUp = 3;

    // What only somebody who is not signed in is shown.
    private static readonly string[] _gates = ["/sign-in", "/sign-in/code", "/sign-up", "/setup", "/forgot", "/reset-password"];

    /// <summary>The times of each page, as its browser sees them; and of all together.</summary>
    public static async Task MeasureAsync(Report report)
    {
        await using var stage = await Stage.StartAsync(new Dictionary<string, string?> { ["Outbound:AllowedRanges:0"] = "127.0.0.0/8" });
        var who = stage.Participants[0];
        var values = await FillAsync(stage, who);
        using var browser = await SignInAsync(stage, who.Caller.UserId);

        using var stranger = new Browser(stage.Api.Address);
        foreach (var path in _gates) report.AddTimes(path, await TimesAsync(stranger, path), ("p95", 150));

        // Every page that is routed, and those of its filters that cost the most.
        var pages = DashboardRoutes.Of(stage.Endpoints).Except(_gates)
            .Select(pattern => pattern == "/posts/{id:guid}/edit" ? $"/posts/{values["edited"]}/edit" : DashboardRoutes.Fill(pattern, values))
            .Concat(
            [
                "/?range=week", "/?range=month", "/calendar?view=week", "/calendar?view=list", "/posts?status=draft", "/posts?status=scheduled", "/posts?outcome=failed", "/posts?outcome=unknown",
                "/posts?attention=true", $"/posts?profile={values["/profiles id"]}", "/posts?provider=sandbox", "/posts?provider=mastodon",
                "/log?type=delivery.failed", $"/log?profile={values["/profiles id"]}", $"/log?post={values["/posts id"]}", "/events?type=post.canceled", "/events?type=endpoint.disabled",
                $"/webhooks/{values["/webhooks id"]}?status=failed",
            ]);
        foreach (var path in pages) report.AddTimes(path.Length > 44 ? $"{path[..43]}…" : path, await TimesAsync(browser, path), ("p95", 150));

        // Once more of the lists, for one brand.
        using (var chosen = await browser.PostAsync("/brand", [new("brand", values["/brands id"]), new("returnUrl", "/"), await TokenAsync(browser)]))
            if (chosen.StatusCode != HttpStatusCode.Found) throw new InvalidOperationException($"The brand was not taken: {chosen.StatusCode}");
        foreach (var path in (string[])["/", "/?range=month", "/posts", "/calendar", "/profiles", "/approvals", "/posts?outcome=failed"])
            report.AddTimes($"{path} of one brand", await TimesAsync(browser, path), ("p95", 150));
    }

    private static async Task<List<double>> TimesAsync(Browser browser, string path)
    {
        List<double> times = [];
        for (var i = 0; i < Rounds + WarmUp; i++)
        {
            var started = TimeProvider.System.GetTimestamp();
            using var page = await browser.GetAsync(path);
            await page.Content.ReadAsByteArrayAsync();
            if (i >= WarmUp) times.Add(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
            if ((int)page.StatusCode >= 500) throw new InvalidOperationException($"{path} answered {page.StatusCode}");
        }
        return times;
    }

    private static async Task<KeyValuePair<string, string>> TokenAsync(Browser browser)
    {
        var page = await (await browser.GetAsync("/")).Content.ReadAsStringAsync();
        const string Before = "name=\"__RequestVerificationToken\" value=\"";
        var from = page.IndexOf(Before, StringComparison.Ordinal) + Before.Length;
        return new("__RequestVerificationToken", WebUtility.HtmlDecode(page[from..page.IndexOf('"', from)]));
    }

    private static async Task<Browser> SignInAsync(Stage stage, Guid userId)
    {
        string email;
        await using (var scope = stage.Tools.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
            var user = await db.Users.SingleAsync(u => u.Id == userId);
            user.PasswordHash = scope.ServiceProvider.GetRequiredService<IPasswordHasher<User>>().HashPassword(user, Password);
            email = user.Email!;
            await db.SaveChangesAsync();
        }
        var browser = new Browser(stage.Api.Address);
        using var answer = await browser.SubmitAsync("/sign-in", "sign-in", [new("email", email), new("password", Password)]);
        return answer.StatusCode == HttpStatusCode.Found ? browser : throw new InvalidOperationException($"Not signed in: {answer.StatusCode}");
    }

    private static async Task<Dictionary<string, string>> FillAsync(Stage stage, Stage.Participant who)
    {
        var key = Guid.Empty;
        Guid endpoint = default;
        await using (var scope = stage.Tools.CreateAsyncScope())
        {
            for (var i = 0; i < 20; i++)
            {
                var made = await scope.ServiceProvider.GetRequiredService<ApiKeys>().CreateAsync(who.Caller,
                    new NewApiKey($"Key {i}", Permission.Publish, TestMode: true, [], [], [], [], null, KeyRules.None), default);
                if (i == 0) key = made.Key.Id;
            }
            for (var i = 0; i < 3; i++)
            {
                endpoint = (await scope.ServiceProvider.GetRequiredService<WebhookEndpoints>().CreateAsync(who.Caller,
                    new WebhookSettings($"Hook {i}", "http://127.0.0.1:8999/", WebhookMode.Both, [], [], []), default)).EndpointId;
            }
        }
        await using (var sql = typeof(PageMeasurements).Assembly.GetManifestResourceStream("Pages.sql")!)
        using (var reader = new StreamReader(sql))
        await using (var make = stage.Source.CreateCommand(await reader.ReadToEndAsync()))
            await make.ExecuteNonQueryAsync();
        await using (var fill = stage.Source.CreateCommand("SELECT bench_pages($1, $2, $3, $4)"))
        {
            fill.CommandTimeout = 600;
            foreach (object value in (object[])[who.Caller.UserId, Posts, key, endpoint]) fill.Parameters.Add(new NpgsqlParameter { Value = value });
            await fill.ExecuteNonQueryAsync();
        }
        await using (var vacuum = stage.Source.CreateCommand("VACUUM ANALYZE"))
        {
            vacuum.CommandTimeout = 600;
            await vacuum.ExecuteNonQueryAsync();
        }
        var user = $"user_id = '{who.Caller.UserId}'";
        async Task<string> OneAsync(string sql) => (await stage.ScalarAsync<Guid>(sql)).ToString();
        return new Dictionary<string, string>
        {
            ["/posts id"] = await OneAsync($"SELECT id FROM posts WHERE {user} AND outcome = 'partial' ORDER BY created_at DESC LIMIT 1"),

            // Of profiles whose network answers: its composer asks.
            ["edited"] = await OneAsync($"""
                SELECT p.id FROM posts p WHERE {user} AND status = 'scheduled' AND NOT EXISTS (
                    SELECT FROM deliveries d WHERE d.post_id = p.id AND d.provider <> 'sandbox')
                ORDER BY scheduled_at DESC LIMIT 1
                """),
            ["/profiles id"] = await OneAsync($"SELECT id FROM profiles WHERE {user} ORDER BY created_at LIMIT 1"),
            ["/brands id"] = await OneAsync($"SELECT id FROM brands WHERE {user} LIMIT 1"),
            ["/keys id"] = key.ToString(),
            ["/webhooks id"] = endpoint.ToString(),
            ["messageId"] = await OneAsync($"SELECT id FROM webhook_messages WHERE {user} ORDER BY id DESC LIMIT 1"),
            ["/connect id"] = await OneAsync($"SELECT id FROM connection_sessions WHERE {user} LIMIT 1"),
            ["provider"] = "sandbox",
            ["/problems code"] = "duplicate-post",
            ["code"] = "404",
            ["name"] = "runtime",
        };
    }
}
