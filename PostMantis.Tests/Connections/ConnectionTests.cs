using System.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Connections;

public sealed class ConnectionTests : IAsyncLifetime
{
    private SandboxServer _sandbox = null!;
    private PostMantisHost _host = null!;
    private Caller _person = null!;

    public async ValueTask InitializeAsync()
    {
        _sandbox = await SandboxServer.StartAsync();
        _host = await PostMantisHost.StartAsync(_sandbox.Settings);
        _person = await Seed.UserAsync(_host);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _sandbox.DisposeAsync();
    }

    [Fact]
    public async Task The_whole_trip_yields_the_chosen_profiles_and_leaves_no_credential_behind()
    {
        var session = await AuthorizeAsync();
        Assert.Equal(ConnectionSessionStatus.Authorized, session.Status);
        Assert.Equal(["studio-page", "studio-team", "studio-notes"], session.Destinations.Select(d => d.Id));
        session = await RunAsync(s => s.ChooseAsync(_person, session.Id, ["studio-page", "studio-notes"], default));

        Assert.Equal(ConnectionSessionStatus.Completed, session.Status);
        Assert.Equal(0, await CredentialsAsync());
        var profiles = await ProfilesAsync();
        Assert.Equal(["Studio Page", "Studio Notes"], profiles.Select(p => p.Name));
        Assert.All(profiles, p => Assert.True(p.TestMode));
        Assert.Equal(2, await _host.InDatabaseAsync(db => db.Events.CountAsync(e => e.Type == "profile.connected")));
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.WorkItems.CountAsync(w => w.Kind == WorkKind.RefreshToken)));
        var opened = await OpenAsync();
        Assert.StartsWith("sbx_at_", Assert.IsType<GrantOutcome.Opened>(opened).Tokens.AccessToken, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_denial_cancels_and_a_forged_code_fails_and_both_leave_nothing()
    {
        var denied = await CallbackAsync(await StartAsync(), decision: "deny");
        Assert.Equal(ConnectionSessionStatus.Canceled, denied.Status);
        var (started, state) = await StartedAsync();
        var forged = await RunAsync(s => s.CallbackAsync(_person, "sandbox", new(state, "sbx_code_forged", null), default));
        Assert.Equal((ConnectionSessionStatus.Failed, started.Session.Id), (forged.Status, forged.Id));
        Assert.NotNull(forged.Error);
        var (_, other) = await StartedAsync();
        Assert.Equal(ConnectionSessionStatus.Failed,
            (await RunAsync(s => s.CallbackAsync(_person, "sandbox", new(other, null, "server_error"), default))).Status);
        Assert.Equal(0, await CredentialsAsync());
    }

    [Fact]
    public async Task A_state_is_good_once_for_its_person_and_its_network()
    {
        var (_, state) = await StartedAsync();
        var stranger = await Seed.UserAsync(_host);
        Assert.Equal(ProblemCode.NotFound, await CodeOf(s => s.CallbackAsync(stranger, "sandbox", new(state, "x", null), default)));
        Assert.Equal(ProblemCode.NotFound, await CodeOf(s => s.CallbackAsync(_person, "mastodon", new(state, "x", null), default)));
        Assert.Equal(ProblemCode.NotFound, await CodeOf(s => s.CallbackAsync(_person, "sandbox", new(null, "x", null), default)));
        await RunAsync(s => s.CallbackAsync(_person, "sandbox", new(state, "x", null), default));
        Assert.Equal(ProblemCode.Conflict, await CodeOf(s => s.CallbackAsync(_person, "sandbox", new(state, "x", null), default)));
    }

    [Fact]
    public async Task Two_callbacks_at_once_trade_the_code_once()
    {
        var started = await StartAsync();
        var back = HttpUtility.ParseQueryString((await _sandbox.ConsentAsync(started.AuthorizeUrl)).Query);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            try
            {
                return (await RunAsync(s => s.CallbackAsync(_person, "sandbox", new(back["state"], back["code"], null), default))).Status;
            }
            catch (ProblemException e) when (e.Code == ProblemCode.Conflict)
            {
                return ConnectionSessionStatus.Started;
            }
        }));
        Assert.Single(answers, ConnectionSessionStatus.Authorized);
    }

    [Fact]
    public async Task A_trip_that_takes_too_long_expires_and_its_credentials_go()
    {
        await StartAsync();
        var session = await AuthorizeAsync();
        Assert.Equal(2, await CredentialsAsync());
        _host.Clock.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal(ConnectionSessionStatus.Expired,
            (await RunAsync(s => s.ChooseAsync(_person, session.Id, ["studio-page"], default))).Status);
        Assert.Equal(1, await RunAsync(s => s.ExpireAsync(default)));
        Assert.Equal(0, await RunAsync(s => s.ExpireAsync(default)));
        Assert.Equal(0, await CredentialsAsync());
    }

    [Fact]
    public async Task Only_what_was_offered_can_be_chosen_and_only_by_its_person()
    {
        var session = await AuthorizeAsync();
        Assert.Equal(ProblemCode.InvalidRequest, await CodeOf(s => s.ChooseAsync(_person, session.Id, [], default)));
        Assert.Equal(ProblemCode.InvalidRequest, await CodeOf(s => s.ChooseAsync(_person, session.Id, ["lab-none"], default)));
        var stranger = await Seed.UserAsync(_host);
        Assert.Equal(ProblemCode.NotFound, await CodeOf(s => s.ChooseAsync(stranger, session.Id, ["studio-page"], default)));
        Assert.Equal(ProblemCode.NotFound, await CodeOf(s => s.GetAsync(stranger, session.Id, default)));
        var choices = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            CodeOf(s => s.ChooseAsync(_person, session.Id, ["studio-page"], default))));
        Assert.Single(choices, code => code is null);
        Assert.Single(await ProfilesAsync());
        Assert.Equal(ConnectionSessionStatus.Completed, (await RunAsync(s => s.CancelAsync(_person, session.Id, default))).Status);
    }

    [Fact]
    public async Task Connecting_the_same_account_again_revives_the_same_profile()
    {
        var first = await ConnectAsync("studio-page");
        await DisconnectAsync(first);
        Assert.Empty(await ProfilesAsync());
        var again = await ConnectAsync("studio-page");
        Assert.Equal(first.Id, again.Id);
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.Connections.CountAsync()));
    }

    [Fact]
    public async Task Disconnecting_the_last_profile_erases_the_tokens_and_fails_what_waits()
    {
        var profile = await ConnectAsync("studio-page");
        var post = await _host.InScopeAsync(async services => (await services.GetRequiredService<PostAcceptor>().CreateAsync(
            _person, System.Text.Json.Nodes.JsonNode.Parse(
                $$"""{"post": {"body": "waiting"}, "profiles": ["{{profile.Id}}"]}""")!.AsObject(), default)).Post);
        await DisconnectAsync(profile);

        var read = await _host.InScopeAsync(s => s.GetRequiredService<PostReader>().GetAsync(_person, post.Id, default));
        Assert.Equal(Core.Posts.PostOutcome.Failed, read.Outcome);
        Assert.Equal(Core.Providers.DeliveryErrorCode.ProfileDisconnected, Assert.Single(read.Deliveries).Error!.Code);
        Assert.Equal(0, await _host.InDatabaseAsync(db => db.WorkItems.CountAsync()));
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.Connections.CountAsync(c => c.Credential == null)));
        Assert.IsType<GrantOutcome.Lost>(await OpenAsync());
    }

    [Fact]
    public async Task Tokens_are_renewed_ahead_of_their_end_once_over_two_replicas()
    {
        await ConnectAsync("studio-page");
        var before = await SealedAsync();
        Assert.Equal(0, await RefreshAsync());
        _host.Clock.Advance(TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(1));
        var looked = await Task.WhenAll(RefreshAsync(), RefreshAsync(), RefreshAsync());
        Assert.Equal(1, looked.Sum());
        var after = await SealedAsync();
        Assert.NotEqual(before.Credential, after.Credential);
        Assert.Equal(before.Version + 1, after.Version);
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.WorkItems.CountAsync(w =>
            w.Kind == WorkKind.RefreshToken && w.State == WorkState.Waiting && w.LeaseToken == null)));
        Assert.IsType<GrantOutcome.Opened>(await OpenAsync());
    }

    [Fact]
    public async Task A_lost_answer_is_tried_again_and_only_a_definite_refusal_asks_a_person()
    {
        await ConnectAsync("studio-page");
        _host.Clock.Advance(TimeSpan.FromMinutes(11));
        await _sandbox.ControlAsync("/tokens?refuse=1");
        Assert.Equal(1, await RefreshAsync());
        Assert.Equal(ProfileStatus.Active, Assert.Single(await ProfilesAsync()).Status);
        _host.Clock.Advance(TimeSpan.FromSeconds(30));
        await _sandbox.ControlAsync("/tokens?lose=1");
        Assert.Equal(1, await RefreshAsync());
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, await RefreshAsync());
        Assert.Null((await SealedAsync()).Error);

        await _sandbox.ControlAsync("/accounts/studio/revoke");
        _host.Clock.Advance(TimeSpan.FromMinutes(14));
        Assert.Equal(1, await RefreshAsync());
        Assert.Empty(await ProfilesAsync());
        Assert.Equal("authRevoked", (await SealedAsync()).Error);
        Assert.Equal(1, await _host.InDatabaseAsync(db => db.Events.CountAsync(e => e.Type == "profile.reauthRequired")));
        Assert.IsType<GrantOutcome.Lost>(await OpenAsync());
        await ConnectAsync("studio-page");
        Assert.Equal(ProfileStatus.Active, Assert.Single(await ProfilesAsync()).Status);
    }

    [Fact]
    public async Task A_token_at_its_end_is_not_used_but_renewed()
    {
        await ConnectAsync("studio-page");
        _host.Clock.Advance(TimeSpan.FromMinutes(15));
        Assert.IsType<GrantOutcome.Refreshing>(await OpenAsync());
        Assert.Equal(1, await RefreshAsync());
        Assert.IsType<GrantOutcome.Opened>(await OpenAsync());
    }

    [Fact]
    public async Task The_api_lists_reads_and_disconnects_profiles_in_scope()
    {
        var session = await AuthorizeAsync();
        await RunAsync(s => s.ChooseAsync(_person, session.Id, ["studio-page", "studio-team"], default));
        var profiles = await ProfilesAsync();
        var api = await ApiClient.WithKeyAsync(_host, _person);
        var list = await api.GetAsync("/profiles?provider=sandbox&limit=1");
        Assert.Equal((200, 1, true), (list.Status, list.Json!["data"]!.AsArray().Count, (bool)list.Json!["pagination"]!["hasMore"]!));
        Assert.Equal("profile", (string?)(await api.GetAsync($"/profiles/{profiles[1].Id}")).Data["object"]);
        var narrow = await ApiClient.WithKeyAsync(_host, _person, profiles: [profiles[0].Id]);
        Assert.Equal(404, (await narrow.GetAsync($"/profiles/{profiles[1].Id}")).Status);
        var live = await ApiClient.WithKeyAsync(_host, _person, testMode: false);
        Assert.Empty((await live.GetAsync("/profiles")).Json!["data"]!.AsArray());
        Assert.Equal((403, "insufficientPermission"), await StatusAsync(api, profiles[0].Id));
        var granted = await ApiClient.WithKeyAsync(_host, _person, grants: [Grant.Disconnect]);
        Assert.Equal((204, null), await StatusAsync(granted, profiles[0].Id));
        Assert.Equal((204, null), await StatusAsync(granted, profiles[0].Id));
        Assert.Equal((404, "notFound"), await StatusAsync(granted, Guid.CreateVersion7()));
    }

    private static async Task<(int, string?)> StatusAsync(ApiClient api, Guid profileId)
    {
        var reply = await api.PostAsync($"/profiles/{profileId}/disconnect");
        return (reply.Status, reply.Code);
    }

    private Task<T> RunAsync<T>(Func<ConnectionSessions, Task<T>> work) =>
        _host.InScopeAsync(services => work(services.GetRequiredService<ConnectionSessions>()));

    private async Task<ProblemCode?> CodeOf<T>(Func<ConnectionSessions, Task<T>> work)
    {
        try
        {
            await RunAsync(work);
            return null;
        }
        catch (ProblemException e)
        {
            return e.Code;
        }
    }

    private Task<StartedSession> StartAsync() => RunAsync(s => s.StartAsync(_person, "sandbox", default));

    private async Task<(StartedSession Started, string State)> StartedAsync()
    {
        var started = await StartAsync();
        return (started, HttpUtility.ParseQueryString(started.AuthorizeUrl.Query)["state"]!);
    }

    private async Task<ConnectionSession> CallbackAsync(StartedSession started, string decision = "allow")
    {
        var back = HttpUtility.ParseQueryString((await _sandbox.ConsentAsync(started.AuthorizeUrl, decision: decision)).Query);
        return await RunAsync(s => s.CallbackAsync(_person, "sandbox", new(back["state"], back["code"], back["error"]), default));
    }

    private async Task<ConnectionSession> AuthorizeAsync() => await CallbackAsync(await StartAsync());

    private async Task<ProfileResource> ConnectAsync(string destination)
    {
        var session = await AuthorizeAsync();
        await RunAsync(s => s.ChooseAsync(_person, session.Id, [destination], default));
        return Assert.Single(await ProfilesAsync());
    }

    private Task<IReadOnlyList<ProfileResource>> ProfilesAsync() => _host.InScopeAsync(async services =>
        (await services.GetRequiredService<ProfileReader>().ListAsync(_person, new ProfileQuery(), new PageRequest(), default)).Items);

    private Task<int> DisconnectAsync(ProfileResource profile) => _host.InScopeAsync(async services =>
    {
        await services.GetRequiredService<ProfileDisconnector>().DisconnectAsync(_person, profile.Id, default);
        return 0;
    });

    private Task<int> CredentialsAsync() =>
        _host.InDatabaseAsync(db => db.ConnectionSessions.CountAsync(s => s.Credential != null));

    private Task<GrantOutcome> OpenAsync() => _host.InScopeAsync(async services => await services.GetRequiredService<GrantOpener>()
        .OpenAsync(await _host.InDatabaseAsync(db => db.Connections.Select(c => c.Id).SingleAsync()), default));

    private Task<(byte[] Credential, int Version, string? Error)> SealedAsync() => _host.InDatabaseAsync(async db =>
    {
        var connection = await db.Connections.AsNoTracking().SingleAsync();
        return (connection.Credential!, connection.CredentialVersion, connection.LastRefreshError);
    });

    private Task<int> RefreshAsync() => _host.Services.GetRequiredService<TokenRefresher>().RunOnceAsync(0.5, default);
}
