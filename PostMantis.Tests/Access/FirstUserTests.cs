using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

public sealed class FirstUserTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await PostMantisHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Whoever_shows_the_token_makes_the_first_user_once()
    {
        Assert.True(await _host.AskAsync<FirstUser, bool>(f => f.IsNeededAsync(CancellationToken.None)));
        var first = await _host.SetUpAsync();
        Assert.True(first.IsAdministrator);
        Assert.False(await _host.AskAsync<FirstUser, bool>(f => f.IsNeededAsync(CancellationToken.None)));
        Assert.Equal(["user.created"], await _host.ActionsAsync(first.UserId));
        Assert.Equal(first.UserId, (await _host.SignInAsync()).UserId);

        var refused = await People.RefusedAsync(() => _host.SetUpAsync("eve@example.com"));
        Assert.Equal(ProblemCode.Conflict, refused.Code);
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.Users.CountAsync()));
    }

    [Fact]
    public async Task A_wrong_token_makes_nobody()
    {
        var right = PostMantisHost.SetupToken;
        foreach (var token in (string?[])[null, "", right[..^1], right + "x", right.ToUpperInvariant(), "\0"])
        {
            var refused = await People.RefusedAsync(() => _host.AskAsync<FirstUser, SignedIn>(first =>
                first.CreateAsync(token, People.Email, People.Password, People.Here, CancellationToken.None)));
            Assert.Equal("/token", Assert.Single(refused.Issues).Pointer);
        }
        Assert.Equal(0, await _host.InDatabaseAsync(db => db.Users.CountAsync()));
    }

    [Fact]
    public async Task Everything_wrong_with_the_form_is_said_at_once()
    {
        var refused = await People.RefusedAsync(() => _host.SetUpAsync("not an address", "short"));
        Assert.Equal(["/email", "/password"], refused.Issues.Select(i => i.Pointer));
        Assert.Equal([Rule.WrongFormat, Rule.TooShort], refused.Issues.Select(i => i.Rule));
    }

    [Fact]
    public async Task Twenty_at_once_make_one_user()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            try
            {
                return await _host.SetUpAsync($"person{i}@example.com");
            }
            catch (ProblemException e) when (e.Code == ProblemCode.Conflict)
            {
                return null;
            }
        }));
        var winner = Assert.Single(results, r => r is not null);
        Assert.Equal([winner!.Email], await _host.InDatabaseAsync(db => db.Users.Select(u => u.Email).ToListAsync()));
    }

    [Fact]
    public async Task Without_a_configured_token_nobody_can_take_the_instance()
    {
        await using var host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["SetupToken"] = null });
        foreach (var token in (string?[])[null, "", PostMantisHost.SetupToken])
        {
            var refused = await People.RefusedAsync(() => host.AskAsync<FirstUser, SignedIn>(first =>
                first.CreateAsync(token, People.Email, People.Password, People.Here, CancellationToken.None)));
            Assert.Equal(Rule.NotReady, Assert.Single(refused.Issues).Rule);
        }
    }

    [Fact]
    public async Task A_password_of_the_greatest_length_works_and_a_longer_one_is_refused()
    {
        var refused = await People.RefusedAsync(() => _host.SetUpAsync(password: new string('x', 257)));
        Assert.Equal(Rule.TooLong, Assert.Single(refused.Issues).Rule);
        await _host.SetUpAsync(password: new string('x', 256));
        await _host.SignInAsync(password: new string('x', 256));
    }
}

public sealed class PasswordRulesTests
{
    [Theory]
    [InlineData("correct hors", null)]
    [InlineData("correct hor", Rule.TooShort)]
    [InlineData("            ", null)]
    [InlineData("🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎", null)]
    [InlineData("🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎", Rule.TooShort)]
    [InlineData("with\0a null inside", Rule.WrongFormat)]
    [InlineData("", Rule.Required)]
    [InlineData(null, Rule.Required)]
    public void A_password_is_judged_by_its_length_alone(string? password, Rule? wrong)
    {
        List<Issue> issues = [];
        PasswordRules.Check(password, issues);
        Assert.Equal(wrong, issues.SingleOrDefault()?.Rule);
    }
}
