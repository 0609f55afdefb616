using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

/// <summary>Secrets of people, planted in every place they are given to us, and looked for in what we write down.</summary>
public sealed class NothingIsWrittenDownTests
{
    [Fact]
    public async Task Passwords_and_one_time_links_are_in_no_span_and_no_log()
    {
        const string password = "planted password 4uK9", next = "planted password 8Wv2";
        ConcurrentQueue<string> spans = [];
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span => spans.Enqueue(string.Join(' ', span.TagObjects.Select(t => $"{t.Key}={t.Value}")
                .Concat(span.Events.SelectMany(e => e.Tags).Select(t => $"{t.Key}={t.Value}"))
                .Append(span.DisplayName).Append(span.StatusDescription))),
        };
        ActivitySource.AddActivityListener(listener);
        using var log = new LogLines();
        await using var host = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["SignIn:RefusalTakes"] = "00:00:00" },
            configure: builder => builder.Logging.AddProvider(log));
        await host.SetUpAsync(password: password);
        using var browser = new Browser(host.Address);
        await browser.SubmitAsync("/sign-in", "sign-in", [new("email", People.Email), new("password", "planted wrong 1Zt5")]);
        await browser.SubmitAsync("/sign-in", "sign-in", [new("email", People.Email), new("password", password)]);

        var link = await host.AskAsync<PasswordResets, Uri?>(r => r.LinkByOperatorAsync(People.Email, default));
        var token = link!.Query["?token=".Length..];
        var page = await browser.GetAsync(link.PathAndQuery);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        await host.AskAsync<PasswordResets, bool>(async resets =>
        {
            await resets.ResetAsync(token, next, People.Here, default);
            return true;
        });
        var hash = await host.InDatabaseAsync(db => db.Users.Select(u => u.PasswordHash!).SingleAsync());

        Assert.Contains(spans, span => span.Contains("/reset-password", StringComparison.Ordinal));
        Assert.NotEmpty(log.All);
        foreach (var planted in (string[])
            [password, next, "planted wrong 1Zt5", token, hash, PostMantisHost.SetupToken, WebUtility.UrlEncode(password)])
        {
            Assert.DoesNotContain(spans, span => span.Contains(planted, StringComparison.Ordinal));
            Assert.DoesNotContain(log.All, line => line.Contains(planted, StringComparison.Ordinal));
        }
    }
}
