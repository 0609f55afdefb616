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
        var (code, output, errors) = await RunAsync(["admin", "list-users"]);
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

        (code, _, errors) = await RunAsync(["admin"]);
        Assert.Equal(2, code);
        Assert.Contains("admin reset-password <e-mail>", errors, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(string[] arguments, string input = "") =>
        ApiProcess.RunAsync(arguments, new Dictionary<string, string>
        {
            ["ConnectionStrings__postmantis"] = _host.ConnectionString,
            ["PublicUrl"] = "https://social.example.com",
        }, input);
}
