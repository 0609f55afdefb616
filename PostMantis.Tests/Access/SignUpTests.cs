using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Mail;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

public sealed partial class SignUpTests : IAsyncLifetime
{
    private const string Invited = "ben@example.com";
    private readonly SmtpSink _sink = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _sink.DisposeAsync();

    [Fact]
    public async Task An_invited_person_makes_one_account_by_the_link()
    {
        await using var host = await StartAsync("invited");
        var anna = await host.SetUpAsync();
        var created = await InviteAsync(host, anna, Invited);
        var token = TokenOf(created.Link.ToString());
        Assert.Equal(Invited, (await FindAsync(host, token))?.Email);

        var ben = await AcceptAsync(host, token);
        Assert.Equal(Invited, ben.Email);
        Assert.False(ben.IsAdministrator);
        Assert.Equal(ben.UserId, (await host.SignInAsync(Invited)).UserId);

        Assert.Null(await FindAsync(host, token));
        Assert.Equal(ProblemCode.NotFound, (await People.RefusedAsync(() => AcceptAsync(host, token))).Code);
        Assert.Equal(["user.created", "invitation.created", "invitation.accepted"], await host.ActionsAsync(anna.UserId));
        Assert.Equal(["user.created", "user.signedIn"], await host.ActionsAsync(ben.UserId));
    }

    [Fact]
    public async Task Ten_who_accept_at_once_make_one_account()
    {
        await using var host = await StartAsync("invited");
        var token = TokenOf((await InviteAsync(host, await host.SetUpAsync(), Invited)).Link.ToString());
        var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            try
            {
                return await AcceptAsync(host, token);
            }
            catch (ProblemException e) when (e.Code == ProblemCode.NotFound)
            {
                return null;
            }
        }));
        Assert.Single(results, r => r is not null);
        Assert.Equal(2, await host.InDatabaseAsync(db => db.Users.CountAsync()));
    }

    [Fact]
    public async Task A_revoked_and_an_old_invitation_open_nothing()
    {
        await using var host = await StartAsync("invited");
        var anna = await host.SetUpAsync();
        var revoked = await InviteAsync(host, anna, Invited);
        await host.AskAsync<Invitations, bool>(async i =>
        {
            await i.RevokeAsync(Caller.Person(anna.UserId, null), revoked.Invitation.Id, CancellationToken.None);
            return true;
        });
        Assert.Null(await FindAsync(host, TokenOf(revoked.Link.ToString())));

        var old = await InviteAsync(host, anna, Invited);
        host.Clock.Advance(TimeSpan.FromDays(7) + TimeSpan.FromSeconds(1));
        Assert.Null(await FindAsync(host, TokenOf(old.Link.ToString())));
        Assert.Equal(ProblemCode.NotFound,
            (await People.RefusedAsync(() => AcceptAsync(host, TokenOf(old.Link.ToString())))).Code);
    }

    [Fact]
    public async Task Only_the_administrator_invites_and_only_where_it_is_allowed()
    {
        await using var host = await StartAsync("invited");
        var anna = await host.SetUpAsync();
        var ben = await AcceptAsync(host, TokenOf((await InviteAsync(host, anna, Invited)).Link.ToString()));
        Assert.Equal(ProblemCode.InsufficientPermission,
            (await People.RefusedAsync(() => InviteAsync(host, ben, "carla@example.com"))).Code);

        await using var closed = await StartAsync("closed");
        var first = await closed.SetUpAsync();
        Assert.Equal(ProblemCode.InsufficientPermission,
            (await People.RefusedAsync(() => InviteAsync(closed, first, Invited))).Code);
    }

    [Fact]
    public async Task Closing_sign_up_closes_the_links_that_are_out()
    {
        await using var invited = await StartAsync("invited");
        var token = TokenOf((await InviteAsync(invited, await invited.SetUpAsync(), Invited)).Link.ToString());
        await using var closed = await StartAsync("closed", invited.ConnectionString);
        Assert.Null(await FindAsync(closed, token));
        Assert.Equal(ProblemCode.NotFound, (await People.RefusedAsync(() => AcceptAsync(closed, token))).Code);
    }

    [Fact]
    public async Task Open_sign_up_goes_by_mail_and_does_not_tell_who_has_an_account()
    {
        await using var host = await StartAsync("open");
        await host.SetUpAsync();
        Request(host, "carla@example.com");
        Request(host, People.Email);
        Assert.Equal(2, await SendAsync(host));
        var (toCarla, toAnna) = (_sink.Received.First(), _sink.Received.Last());
        Assert.Equal("carla@example.com", toCarla.To.Mailboxes.Single().Address);
        Assert.Equal(People.Email, toAnna.To.Mailboxes.Single().Address);
        Assert.Equal(toCarla.Subject, toAnna.Subject);
        Assert.DoesNotContain("token=", toAnna.TextBody, StringComparison.Ordinal);

        var carla = await AcceptAsync(host, TokenOf(toCarla.TextBody!));
        Assert.Equal("carla@example.com", carla.Email);

        Request(host, "carla@example.com");
        Request(host, "dora@example.com");
        Request(host, "dora@example.com");
        Assert.Equal(1, await SendAsync(host));
    }

    [Theory]
    [InlineData("closed")]
    [InlineData("invited")]
    public async Task Nobody_invites_themselves_where_sign_up_is_not_open(string mode)
    {
        await using var host = await StartAsync(mode);
        var refused = Assert.Throws<ProblemException>(() => Request(host, Invited));
        Assert.Equal(ProblemCode.InsufficientPermission, refused.Code);
    }

    [Fact]
    public async Task Open_sign_up_without_a_mail_server_does_not_start()
    {
        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => PostMantisHost.StartAsync(
            new Dictionary<string, string?> { ["SignUp:Mode"] = "open" }));
        Assert.Contains("Smtp:Host", refusal.Message, StringComparison.Ordinal);
    }

    private Task<PostMantisHost> StartAsync(string mode, string? connectionString = null) =>
        PostMantisHost.StartAsync(new Dictionary<string, string?>(_sink.Settings) { ["SignUp:Mode"] = mode },
            connectionString: connectionString);

    private static Task<CreatedInvitation> InviteAsync(PostMantisHost host, SignedIn who, string email) =>
        host.AskAsync<Invitations, CreatedInvitation>(i =>
            i.CreateAsync(Caller.Person(who.UserId, null), email, CancellationToken.None));

    private static Task<Invitation?> FindAsync(PostMantisHost host, string token) =>
        host.AskAsync<SignUps, Invitation?>(s => s.FindAsync(token, CancellationToken.None));

    private static Task<SignedIn> AcceptAsync(PostMantisHost host, string token) =>
        host.AskAsync<SignUps, SignedIn>(s =>
            s.AcceptAsync(token, People.Password, People.Here, CancellationToken.None));

    private static void Request(PostMantisHost host, string email)
    {
        using var scope = host.Services.CreateScope();
        scope.ServiceProvider.GetRequiredService<SignUps>().Request(email, People.Here);
    }

    private static Task<int> SendAsync(PostMantisHost host) =>
        host.Services.GetRequiredService<MailQueue>().RunOnceAsync(TestContext.Current.CancellationToken);

    private static string TokenOf(string text) => Link().Match(text).Groups["token"].Value;

    [GeneratedRegex(@"/sign-up\?token=(?<token>[A-Za-z0-9_-]+)")]
    private static partial Regex Link();
}
