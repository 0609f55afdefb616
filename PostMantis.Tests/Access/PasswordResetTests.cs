using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Mail;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

public sealed partial class PasswordResetTests : IAsyncLifetime
{
    private const string Next = "another long password";
    private readonly SmtpSink _sink = new();
    private PostMantisHost _host = null!;
    private SignedIn _anna = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(new Dictionary<string, string?>(_sink.Settings)
        {
            ["SignIn:RefusalTakes"] = "00:00:00",
        });
        _anna = await _host.SetUpAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _sink.DisposeAsync();
    }

    [Fact]
    public async Task A_mailed_link_sets_a_new_password_once_and_ends_every_session()
    {
        var token = await AskForLinkAsync(People.Email);
        Assert.True(await IsGoodAsync(token));
        await ResetAsync(token);
        Assert.False(await _host.HoldsAsync(_anna));
        await People.RefusedAsync(() => _host.SignInAsync());
        await _host.SignInAsync(password: Next);

        Assert.False(await IsGoodAsync(token));
        var refused = await People.RefusedAsync(() => ResetAsync(token));
        Assert.Equal(ProblemCode.NotFound, refused.Code);
        Assert.Contains("user.passwordReset", await _host.ActionsAsync(_anna.UserId));
    }

    [Fact]
    public async Task An_unknown_address_gets_the_same_answer_and_no_mail()
    {
        using var browser = new Browser(_host.Address);
        var answers = new List<string>();
        foreach (var email in (string[])["nobody@example.com", People.Email])
        {
            using var answer = await browser.SubmitAsync("/forgot", "forgot", [new("email", email)]);
            answers.Add($"{answer.StatusCode} {Regex.Replace(await answer.Content.ReadAsStringAsync(), "value=\"CfDJ8[^\"]*", "")}");
        }
        Assert.Contains("a link is on its way", answers[0], StringComparison.Ordinal);
        Assert.Equal(answers[0], answers[1]);
        Assert.Equal(1, await SendAsync());
        Assert.Single(_sink.Received);
    }

    [Fact]
    public async Task A_link_runs_out()
    {
        var token = await AskForLinkAsync(People.Email);
        _host.Clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        Assert.False(await IsGoodAsync(token));
        Assert.Equal(ProblemCode.NotFound, (await People.RefusedAsync(() => ResetAsync(token))).Code);
    }

    [Fact]
    public async Task A_newer_link_takes_the_place_of_the_older()
    {
        var first = await AskForLinkAsync(People.Email);
        _host.Clock.Advance(TimeSpan.FromMinutes(2));
        var second = await AskForLinkAsync(People.Email);
        Assert.False(await IsGoodAsync(first));
        Assert.True(await IsGoodAsync(second));
    }

    [Fact]
    public async Task Asking_again_and_again_sends_one_mail_a_minute()
    {
        Request(People.Email);
        Request(People.Email);
        Assert.Equal(1, await SendAsync());
        Request(People.Email);
        Assert.Equal(0, await SendAsync());
        _host.Clock.Advance(TimeSpan.FromSeconds(61));
        Request(People.Email);
        Assert.Equal(1, await SendAsync());
    }

    [Fact]
    public async Task A_bad_password_does_not_use_the_link_up()
    {
        var token = await AskForLinkAsync(People.Email);
        var refused = await People.RefusedAsync(() => ResetAsync(token, "short"));
        Assert.Equal("/password", Assert.Single(refused.Issues).Pointer);
        await ResetAsync(token);
    }

    [Fact]
    public async Task Ten_who_use_a_link_at_once_set_one_password()
    {
        var token = await AskForLinkAsync(People.Email);
        var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(async i =>
        {
            try
            {
                await ResetAsync(token, $"{Next} {i}");
                return (int?)i;
            }
            catch (ProblemException e) when (e.Code == ProblemCode.NotFound)
            {
                return null;
            }
        }));
        var winner = Assert.Single(results, r => r is not null);
        await _host.SignInAsync(password: $"{Next} {winner}");
    }

    [Fact]
    public async Task What_is_no_token_of_ours_opens_nothing()
    {
        foreach (var token in (string?[])[null, "", "AAAA", "' OR 1=1 --", new string('A', 64), "\0"])
        {
            Assert.False(await IsGoodAsync(token));
            Assert.Equal(ProblemCode.NotFound, (await People.RefusedAsync(() => ResetAsync(token))).Code);
        }
    }

    [Fact]
    public async Task Every_changed_letter_of_a_token_spoils_it()
    {
        var token = await AskForLinkAsync(People.Email);
        for (var i = 0; i < token.Length; i++)
        {
            var changed = token.ToCharArray();
            changed[i] = changed[i] == 'A' ? 'B' : 'A';
            Assert.False(await IsGoodAsync(new string(changed)));
        }
    }

    [Fact]
    public async Task The_token_itself_is_not_kept()
    {
        var token = await AskForLinkAsync(People.Email);
        var kept = await _host.InDatabaseAsync(db => db.UserTokens.AsNoTracking().SingleAsync());
        Assert.DoesNotContain(token, kept.Value, StringComparison.Ordinal);
        var entries = await _host.InDatabaseAsync(db => db.AuditEntries.AsNoTracking().ToListAsync());
        Assert.All(entries, e => Assert.DoesNotContain(token, e.Detail?.ToJsonString() ?? "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_mail_server_the_answer_is_that_no_mail_is_sent()
    {
        await using var host = await PostMantisHost.StartAsync();
        Assert.False(await host.AskAsync<PasswordResets, bool>(r => Task.FromResult(r.IsByMail)));
        var refused = await People.RefusedAsync(() => host.AskAsync<PasswordResets, bool>(r =>
        {
            r.Request(People.Email, People.Here);
            return Task.FromResult(true);
        }));
        Assert.Equal(ProblemCode.Unavailable, refused.Code);
    }

    [Fact]
    public async Task A_mail_server_that_is_away_costs_nothing_but_the_mail()
    {
        _sink.GoAway();
        Request(People.Email);
        Assert.Equal(0, await SendAsync());
    }

    private async Task<string> AskForLinkAsync(string email)
    {
        Request(email);
        Assert.Equal(1, await SendAsync());
        var mail = _sink.Received.Last();
        Assert.Equal(email, mail.To.Mailboxes.Single().Address);
        return Link().Match(mail.TextBody!).Groups["token"].Value;
    }

    private void Request(string email)
    {
        using var scope = _host.Services.CreateScope();
        scope.ServiceProvider.GetRequiredService<PasswordResets>().Request(email, People.Here);
    }

    private Task<int> SendAsync() =>
        _host.Services.GetRequiredService<MailQueue>().RunOnceAsync(TestContext.Current.CancellationToken);

    private Task<bool> IsGoodAsync(string? token) =>
        _host.AskAsync<PasswordResets, bool>(r => r.IsGoodAsync(token, CancellationToken.None));

    private Task<bool> ResetAsync(string? token, string password = Next) => _host.AskAsync<PasswordResets, bool>(async r =>
    {
        await r.ResetAsync(token, password, People.Here, CancellationToken.None);
        return true;
    });

    [GeneratedRegex(@"/reset-password\?token=(?<token>[A-Za-z0-9_-]+)")]
    private static partial Regex Link();
}
