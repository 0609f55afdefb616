using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

/// <summary>The operator's commands, as a real process beside the running application.</summary>
public sealed class AdminVerbTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private SignedIn _anna = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["SignIn:RefusalTakes"] = "00:00:00" }, movedClock: false);
        _anna = await _host.SetUpAsync();
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task List_users_prints_the_accounts()
    {
        var (code, output, errors) = await RunAsync(["user", "list"]);
        Assert.Equal((0, ""), (code, errors));
        var line = Assert.Single(output.Trim().Split('\n'));
        Assert.Contains(_anna.UserId.ToString(), line, StringComparison.Ordinal);
        Assert.EndsWith($"{People.Email}  administrator", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reset_password_prints_a_link_that_works_once_and_ends_every_session()
    {
        var (code, output, _) = await RunAsync(["admin", "reset-password", People.Email]);
        Assert.Equal(0, code);
        var link = new Uri(output.Trim());
        Assert.StartsWith("https://social.example.com/reset-password?token=", link.ToString(), StringComparison.Ordinal);
        Assert.False(await _host.HoldsAsync(_anna));

        var token = link.Query["?token=".Length..];
        await _host.AskAsync<PasswordResets, bool>(async resets =>
        {
            await resets.ResetAsync(token, "another long password", People.Here, CancellationToken.None);
            return true;
        });
        await _host.SignInAsync(password: "another long password");
        Assert.Equal(["user.created", "user.resetLinkMade", "user.passwordReset", "user.signedIn"],
            await _host.ActionsAsync(_anna.UserId));
    }

    [Fact]
    public async Task Reset_password_takes_a_password_from_standard_input_and_unlocks_the_account()
    {
        for (var i = 0; i < 5; i++) await People.RefusedAsync(() => _host.SignInAsync(password: "wrong password!"));
        await People.RefusedAsync(() => _host.SignInAsync());
        var (code, output, errors) = await RunAsync(
            ["admin", "reset-password", People.Email, "--password-stdin"], "another long password\n");
        Assert.Equal((0, ""), (code, errors));
        Assert.DoesNotContain("another long password", output, StringComparison.Ordinal);
        Assert.False(await _host.HoldsAsync(_anna));
        await _host.SignInAsync(password: "another long password");
    }

    [Fact]
    public async Task Queue_pauses_and_resumes_publishing_of_the_whole_instance()
    {
        Assert.Equal("publishing", (await QueueAsync("status")).Trim());
        Assert.StartsWith("paused since 20", await QueueAsync("pause"), StringComparison.Ordinal);
        Assert.StartsWith("paused since 20", await QueueAsync("status"), StringComparison.Ordinal);
        Assert.Equal("publishing", (await QueueAsync("resume")).Trim());

        async Task<string> QueueAsync(string what)
        {
            var (code, output, errors) = await RunAsync(["admin", "queue", what]);
            Assert.Equal((0, ""), (code, errors));
            return output;
        }
    }

    [Fact]
    public async Task What_is_wrong_is_said_in_words_and_by_the_exit_code()
    {
        var (code, output, errors) = await RunAsync(["admin", "reset-password", "nobody@example.com"]);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("no account", errors, StringComparison.Ordinal);

        (code, _, errors) = await RunAsync(["admin", "reset-password", People.Email, "--password-stdin"], "short\n");
        Assert.Equal(1, code);
        Assert.Contains("At least 12 characters", errors, StringComparison.Ordinal);

        (code, _, errors) = await RunAsync(["user", "reset-pasword", People.Email]);
        Assert.Equal(2, code);
        Assert.Contains("reset-pasword", errors, StringComparison.Ordinal);

        (code, output, _) = await RunAsync(["user", "--help"]);
        Assert.Equal(0, code);
        Assert.Contains("reset-password <e-mail>", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_is_made_closed_and_opened_again()
    {
        const string email = "ben@example.com", password = "a long password of ben";
        var (code, output, errors) = await RunAsync(["user", "create", email]);
        Assert.Equal(0, code);
        Assert.Contains("sets its password once", errors, StringComparison.Ordinal);
        var token = new Uri(output.Trim()).Query["?token=".Length..];
        await _host.AskAsync<PasswordResets, bool>(async resets =>
        {
            await resets.ResetAsync(token, password, People.Here, CancellationToken.None);
            return true;
        });
        var ben = await _host.SignInAsync(email, password);
        var caller = Caller.Person(ben.UserId, "127.0.0.1");
        await Seed.ProfileAsync(_host, caller);
        var key = await ApiClient.WithKeyAsync(_host, caller);
        Assert.NotNull(await FindAsync());

        (code, _, errors) = await RunAsync(["user", "create", email]);
        Assert.Equal(1, code);
        Assert.Contains("There is an account for ben@example.com already", errors, StringComparison.Ordinal);

        (code, output, _) = await RunAsync(["user", "disable", email]);
        Assert.Equal(0, code);
        Assert.Contains("1 profiles were paused", output, StringComparison.Ordinal);
        Assert.False(await _host.HoldsAsync(ben));
        await People.RefusedAsync(() => _host.SignInAsync(email, password));
        Assert.Null(await FindAsync());

        Assert.Equal(0, (await RunAsync(["user", "enable", email])).ExitCode);
        await _host.SignInAsync(email, password);
        Assert.Equal(["user.created", "user.resetLinkMade", "user.passwordReset", "user.signedIn", "apiKey.created",
            "user.disabled", "user.enabled", "user.signedIn"], await _host.ActionsAsync(ben.UserId));

        // As a replica that has not seen the key before.
        Task<ApiKey?> FindAsync() => new ApiKeyCache(_host.Services.GetRequiredService<IServiceScopeFactory>(), TimeProvider.System)
            .FindAsync(key.Key, TestContext.Current.CancellationToken);
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(string[] arguments, string input = "") =>
        ApiProcess.RunAsync(arguments, new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = _host.ConnectionString,
            ["PublicUrl"] = "https://social.example.com",
        }, input);
}
