using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

/// <summary>Posts that are stored by one transaction have nothing else in common.</summary>
public sealed class PostIntakeTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _anna = null!;
    private Caller _ben = null!;
    private Profile _page = null!;
    private Profile _other = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        (_anna, _ben) = (await Seed.UserAsync(_host), await Seed.UserAsync(_host));
        _page = await Seed.ProfileAsync(_host, _anna, "Page");
        _other = await Seed.ProfileAsync(_host, _ben, "Other");
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Each_post_of_a_group_gets_its_own_verdict()
    {
        var kept = await KeyedAsync("kept", "Earlier");
        var group = await StoreAsync(
            Of(_anna, Body("One", _page)),
            Of(_anna, Body("Foreign", _other)),
            Of(_ben, Body("Two", _other), Use(_ben, "fresh")),
            Of(_anna, Body("One", _page)),
            Of(_anna, Body("Earlier", _page)),
            Of(_anna, Body("Earlier", _page), Use(_anna, "kept")),
            Of(_anna, Body("Three", _page), Use(_anna, "kept", "another body")),
            Of(_anna, Body("Four", _page), Use(_anna, "twin")),
            Of(_anna, Body("Four", _page), Use(_anna, "twin")),
            Of(_anna, Body("One", _page, allowDuplicate: true)),
            Of(_anna, new JsonObject { ["post"] = new JsonObject { ["draft"] = true, ["body"] = "One" } }));

        Assert.Equal(
            ["Scheduled", "InvalidRequest", "Scheduled", "DuplicatePost", "DuplicatePost", "first", "IdempotencyMismatch",
                "Scheduled", "IdempotencyInProgress", "Scheduled", "Draft"], group.Select(Verdict));
        Assert.Equal(kept, group[5].First!.ResourceId);
        Assert.Equal(group[0].Accepted!.Post.Id, group[3].Refused!.Extensions["existingPostId"]);
        Assert.Equal(kept, group[4].Refused!.Extensions["existingPostId"]);
        Assert.Equal(group.Where(c => c.Accepted is not null).Select(c => c.Accepted!.Post.Id).Append(kept).Order(),
            await _host.InDatabaseAsync(db => db.Posts.Select(p => p.Id).OrderBy(id => id).ToListAsync()));
        Assert.Equal(3, await _host.InDatabaseAsync(db => db.IdempotencyKeys.CountAsync()));
        Assert.Equal(5, await _host.InDatabaseAsync(db => db.WorkItems.CountAsync()));
    }

    [Fact]
    public async Task A_malformed_request_is_answered_by_its_key_first()
    {
        var first = await KeyedAsync("kept", "Earlier");
        var malformed = ProblemException.Invalid(new Issue("/post", Rule.WrongType, "Must be an object."));
        var group = await StoreAsync(
            Of(_anna, Body("Five", _page), Use(_anna, "kept")) with { Malformed = malformed },
            Of(_anna, Body("Six", _page), Use(_anna, "new")) with { Malformed = malformed });

        Assert.Equal(first, group[0].First!.ResourceId);
        Assert.Same(malformed, group[1].Refused);
    }

    [Fact]
    public async Task A_post_that_has_to_wait_does_not_hold_up_the_others()
    {
        await using var source = NpgsqlDataSource.Create(_host.ConnectionString);
        await using var connection = await source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var hold = new NpgsqlCommand("SELECT 1 FROM profiles WHERE id = $1 FOR UPDATE", connection, transaction))
        {
            hold.Parameters.AddWithValue(_other.Id);
            await hold.ExecuteNonQueryAsync();
        }

        // Both kinds: one that came alone, and one that shares a transaction with others.
        var waiting = IntakeAsync(_ben, Body("Waits", _other));
        var others = Enumerable.Range(0, 5).Select(n => IntakeAsync(_anna, Body($"Goes {n}", _page))).ToList();
        var late = IntakeAsync(_ben, Body("Waits too", _other));
        var release = Task.WhenAll(others).ContinueWith(_ => transaction.CommitAsync(), TaskScheduler.Default).Unwrap();
        await Task.WhenAny(release, waiting);
        Assert.All(others, other => Assert.True(other.IsCompletedSuccessfully));
        await release;

        Assert.Equal(PostStatus.Scheduled, (await waiting).Status);
        Assert.Equal(PostStatus.Scheduled, (await late).Status);
        Assert.Equal(7, await _host.InDatabaseAsync(db => db.Posts.CountAsync()));
    }

    [Fact]
    public async Task Scope_is_the_same_asked_of_the_database_and_of_a_profile()
    {
        var live = await Seed.ProfileAsync(_host, _anna, "Live", testMode: false);
        bool?[] modes = [null, true, false];
        string[][] providers = [[], [_page.Provider], ["bluesky"]];
        Guid[][] profiles = [[], [_page.Id], [live.Id], [_other.Id, Guid.Empty]];
        Guid[][] brands = [[], [Guid.Empty]];
        var asked = 0;
        foreach (var caller in from mode in modes
            from provider in providers
            from profile in profiles
            from brand in brands
            select _anna with { TestMode = mode, Providers = provider, ProfileIds = profile, BrandIds = brand })
        {
            var stored = await _host.InDatabaseAsync(db => db.Profiles.InScope(caller).Select(p => p.Id).ToListAsync());
            Assert.Equal(stored.Order(), new[] { _page, live, _other }.Where(caller.Covers).Select(p => p.Id).Order());
            asked += stored.Count;
        }
        Assert.True(asked > 0);
    }

    private static string Verdict(Creation creation) => creation.First is not null ? "first"
        : creation.Refused is { } refused ? refused.Code.ToString() : creation.Accepted!.Post.Status.ToString();

    private static KeyUse Use(Caller caller, string key, string body = "") =>
        new(caller.UserId, key, System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(body)));

    private static Creation Of(Caller caller, JsonObject body, KeyUse? use = null) => new(caller, PostAcceptor.Read(body), null,
        use, accepted => new KeyedAnswer(202, null, "{}", accepted.Post.Id));

    private static JsonObject Body(string text, Profile profile, bool allowDuplicate = false) => new()
    {
        ["post"] = new JsonObject { ["body"] = text },
        ["profiles"] = new JsonArray(profile.Id.ToString()),
        ["allowDuplicate"] = allowDuplicate,
    };

    private async Task<Guid> KeyedAsync(string key, string text) =>
        (await StoreAsync(Of(_anna, Body(text, _page), Use(_anna, key))))[0].Accepted!.Post.Id;

    private Task<IReadOnlyList<Creation>> StoreAsync(params Creation[] creations) => _host.InScopeAsync(services =>
        services.GetRequiredService<PostAcceptor>().CreateAsync(creations, limitsWaits: false, default));

    private async Task<PostResource> IntakeAsync(Caller caller, JsonObject body) => (await _host.Services
        .GetRequiredService<PostIntake>().CreateAsync(caller, body, null, _ => throw new InvalidOperationException(), default))
        .Accepted!.Post;
}
