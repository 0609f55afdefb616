using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

public sealed class SignInTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private SignedIn _anna = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["SignIn:RefusalTakes"] = "00:00:00" });
        _anna = await _host.SetUpAsync();
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Every_refusal_reads_the_same()
    {
        (string?, string?)[] tries =
        [
            (People.Email, "wrong password!"), (People.Email, ""), (People.Email, null), (People.Email, new string('x', 9999)),
            ("nobody@example.com", People.Password), ("", People.Password), (null, null),
            ("a\0b@example.com", People.Password), ("\ud800@example.com", People.Password), ("' OR 1=1 --", "' OR 1=1 --"),
        ];
        foreach (var (email, password) in tries)
        {
            var refused = await People.RefusedAsync(() => _host.SignInAsync(email, password));
            Assert.Equal(ProblemCode.Unauthorized, refused.Code);
            Assert.Equal("E-mail and password do not match. After several wrong passwords an account is locked for a few "
                + "minutes.", refused.Message);
            Assert.Empty(refused.Issues);
            Assert.Empty(refused.Extensions);
        }
    }

    [Fact]
    public async Task The_address_is_found_in_any_case_of_letters()
    {
        Assert.Equal(_anna.UserId, (await _host.SignInAsync(" ANNA@Example.com ")).UserId);
    }

    [Fact]
    public async Task Five_wrong_passwords_lock_the_account_for_a_while_even_for_the_right_one()
    {
        for (var i = 0; i < 5; i++) await People.RefusedAsync(() => _host.SignInAsync(password: "wrong password!"));
        await People.RefusedAsync(() => _host.SignInAsync());
        _host.Clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        await People.RefusedAsync(() => _host.SignInAsync());
        _host.Clock.Advance(TimeSpan.FromSeconds(2));
        await _host.SignInAsync();
        Assert.Equal(
        [
            "user.created", .. Enumerable.Repeat("user.signInFailed", 5), "user.lockedOut", "user.signedIn",
        ], await _host.ActionsAsync(_anna.UserId));
    }

    [Fact]
    public async Task A_right_password_forgives_the_wrong_ones_before_it()
    {
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 4; i++) await People.RefusedAsync(() => _host.SignInAsync(password: "wrong password!"));
            await _host.SignInAsync();
        }
    }

    [Fact]
    public async Task Many_guesses_at_once_get_no_further_than_five_in_a_row()
    {
        await Task.WhenAll(Enumerable.Range(0, 30).Select(i =>
            People.RefusedAsync(() => _host.SignInAsync(password: $"wrong password {i}"))));
        var actions = await _host.ActionsAsync(_anna.UserId);
        Assert.Equal(5, actions.Count(a => a == "user.signInFailed"));
        Assert.Equal(1, actions.Count(a => a == "user.lockedOut"));
        await People.RefusedAsync(() => _host.SignInAsync());
    }

    [Fact]
    public async Task One_address_that_tries_without_end_is_told_to_wait()
    {
        for (var i = 1; i < 60; i++)
            await People.RefusedAsync(() => _host.SignInAsync($"nobody{i}@example.com", ""));
        var refused = await People.RefusedAsync(() => _host.SignInAsync());
        Assert.Equal(ProblemCode.RateLimited, refused.Code);
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        await _host.SignInAsync();
    }

    [Fact]
    public async Task Sign_out_everywhere_ends_every_session_but_the_one_it_answers()
    {
        var (phone, laptop) = (await _host.SignInAsync(), await _host.SignInAsync());
        Assert.True(await _host.HoldsAsync(phone));
        var fresh = await _host.AskAsync<SignIns, SignedIn>(s =>
            s.SignOutEverywhereAsync(Caller.Person(_anna.UserId, null), CancellationToken.None));
        Assert.False(await _host.HoldsAsync(phone));
        Assert.False(await _host.HoldsAsync(laptop));
        Assert.True(await _host.HoldsAsync(fresh));
        Assert.Contains("user.signedOutEverywhere", await _host.ActionsAsync(_anna.UserId));
    }

    [Fact]
    public async Task A_session_does_not_outlive_its_user()
    {
        Assert.True(await _host.HoldsAsync(_anna));
        await _host.InDatabaseAsync(db => db.Users.ExecuteDeleteAsync());
        Assert.False(await _host.HoldsAsync(_anna));
    }

    [Fact]
    public async Task Changing_the_password_needs_the_old_one_and_ends_every_session()
    {
        const string next = "another long password";
        var caller = Caller.Person(_anna.UserId, "203.0.113.7");
        var refused = await People.RefusedAsync(() => _host.AskAsync<Passwords, SignedIn>(p =>
            p.ChangeAsync(caller, "wrong password!", next, CancellationToken.None)));
        Assert.Equal("/current", Assert.Single(refused.Issues).Pointer);
        refused = await People.RefusedAsync(() => _host.AskAsync<Passwords, SignedIn>(p =>
            p.ChangeAsync(caller, People.Password, "short", CancellationToken.None)));
        Assert.Equal("/password", Assert.Single(refused.Issues).Pointer);

        var fresh = await _host.AskAsync<Passwords, SignedIn>(p =>
            p.ChangeAsync(caller, People.Password, next, CancellationToken.None));
        Assert.False(await _host.HoldsAsync(_anna));
        Assert.True(await _host.HoldsAsync(fresh));
        await People.RefusedAsync(() => _host.SignInAsync());
        await _host.SignInAsync(password: next);
        Assert.Contains("user.passwordChanged", await _host.ActionsAsync(_anna.UserId));
    }

    [Fact]
    public async Task Guessing_the_old_password_at_the_change_form_locks_the_account_too()
    {
        var caller = Caller.Person(_anna.UserId, null);
        for (var i = 0; i < 5; i++)
            await People.RefusedAsync(() => _host.AskAsync<Passwords, SignedIn>(p =>
                p.ChangeAsync(caller, "wrong password!", "another long password", CancellationToken.None)));
        await People.RefusedAsync(() => _host.SignInAsync());
    }

    [Fact]
    public async Task Neither_password_nor_stamp_is_in_what_is_kept_or_printed()
    {
        var user = await _host.InDatabaseAsync(db => db.Users.AsNoTracking().SingleAsync());
        Assert.DoesNotContain(People.Password, user.PasswordHash!, StringComparison.Ordinal);
        Assert.DoesNotContain(user.SecurityStamp!, _anna.ToString(), StringComparison.Ordinal);
        var entries = await _host.InDatabaseAsync(db => db.AuditEntries.AsNoTracking().ToListAsync());
        Assert.All(entries, e => Assert.DoesNotContain(People.Password, e.Detail?.ToJsonString() ?? "",
            StringComparison.Ordinal));
    }
}

public sealed class RefusalTimeTests
{
    [Fact]
    public async Task A_refusal_takes_its_time_whether_the_address_is_known_or_not()
    {
        await using var host = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["SignIn:RefusalTakes"] = "00:00:01" });
        await host.SetUpAsync();
        foreach (var email in (string[])[People.Email, "nobody@example.com"])
        {
            var started = TimeProvider.System.GetTimestamp();
            await People.RefusedAsync(() => host.SignInAsync(email, "wrong password!"));
            Assert.True(TimeProvider.System.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(990));
        }
    }
}
