using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

public sealed class ApiKeyTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _person = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        _person = await Seed.UserAsync(_host);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public void Every_mistyped_letter_is_found_without_the_database()
    {
        var text = ApiKeyText.Create(Ids.New(TimeProvider.System.GetUtcNow()), testMode: false).Reveal();
        Assert.NotNull(ApiKeyText.Parse(text));
        for (var i = 0; i < text.Length; i++)
        {
            foreach (var letter in "aZ0-_ é")
            {
                if (letter == text[i]) continue;
                Assert.Null(ApiKeyText.Parse($"{text[..i]}{letter}{text[(i + 1)..]}"));
            }
        }
        Assert.Null(ApiKeyText.Parse(text.Replace("pm_live_", "pm_test_", StringComparison.Ordinal)));
        Assert.Null(ApiKeyText.Parse(text[..^1]));
        Assert.Null(ApiKeyText.Parse(text + "A"));
        Assert.Null(ApiKeyText.Parse(null));
    }

    [Fact]
    public async Task A_right_looking_secret_for_the_id_of_another_key_is_refused()
    {
        var real = await CreateAsync();
        var forged = ApiKeyText.Create(real.Key.Id, testMode: true).Reveal();
        Assert.NotNull(ApiKeyText.Parse(forged));
        Assert.Null(await FindAsync(forged));
        Assert.NotNull(await FindAsync(real.Text));
        Assert.Null(await FindAsync(ApiKeyText.Create(Ids.New(_host.Clock.GetUtcNow()), testMode: true).Reveal()));
    }

    [Fact]
    public async Task Revoking_holds_at_once_here_and_within_a_second_on_another_replica()
    {
        await using var other = await PostMantisHost.StartAsync(connectionString: _host.ConnectionString);
        var key = await CreateAsync();
        Assert.NotNull(await FindAsync(key.Text));
        Assert.NotNull(await FindAsync(key.Text, other));
        await RevokeAsync(_person, key.Key.Id);
        Assert.Null(await FindAsync(key.Text));
        other.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await FindAsync(key.Text, other));
    }

    [Fact]
    public async Task A_key_works_until_its_last_moment()
    {
        var key = await CreateAsync(expiresAt: _host.Clock.GetUtcNow().AddHours(1));
        _host.Clock.Advance(TimeSpan.FromHours(1) - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(await FindAsync(key.Text));
        _host.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(await FindAsync(key.Text));
    }

    [Fact]
    public async Task The_last_use_is_written_at_most_once_a_minute()
    {
        var key = await CreateAsync();
        Assert.Null(await LastUsedAsync(key));
        var first = _host.Clock.GetUtcNow();
        await FindAsync(key.Text);
        Assert.Equal(first, (await LastUsedAsync(key))!.Value, TimeSpan.FromMilliseconds(1));
        _host.Clock.Advance(TimeSpan.FromSeconds(59));
        await FindAsync(key.Text);
        Assert.Equal(first, (await LastUsedAsync(key))!.Value, TimeSpan.FromMilliseconds(1));
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        await FindAsync(key.Text);
        Assert.Equal(first.AddMinutes(1), (await LastUsedAsync(key))!.Value, TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public async Task Only_the_hash_of_the_secret_is_kept_and_nothing_prints_it()
    {
        var key = await CreateAsync();
        var secret = key.Text[(key.Text.LastIndexOf(key.Key.Prefix, StringComparison.Ordinal) + key.Key.Prefix.Length + 1)..];
        await using var connection = new Npgsql.NpgsqlConnection(_host.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new Npgsql.NpgsqlCommand(
            "SELECT (SELECT string_agg(k::text, '|') FROM api_keys k) || (SELECT string_agg(a::text, '|') FROM audit_entries a)",
            connection);
        var everything = (string)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
        Assert.Contains(key.Key.Prefix, everything, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexStringLower(Encoding.ASCII.GetBytes(secret)), everything, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, key.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_sees_or_revokes_the_keys_of_another()
    {
        var key = await CreateAsync();
        var eve = await Seed.UserAsync(_host);
        Assert.Empty(await _host.AskAsync<ApiKeys, IReadOnlyList<ApiKey>>(k => k.ListAsync(eve, default)));
        var refused = await People.RefusedAsync(() => RevokeAsync(eve, key.Key.Id));
        Assert.Equal(ProblemCode.NotFound, refused.Code);
        Assert.NotNull(await FindAsync(key.Text));
    }

    [Fact]
    public async Task A_key_makes_lists_and_revokes_no_keys()
    {
        var key = await CreateAsync();
        var program = Caller.Of(key.Key, null);
        foreach (var ask in (Func<Task>[])
        [
            () => CreateAsync(program),
            () => _host.AskAsync<ApiKeys, IReadOnlyList<ApiKey>>(k => k.ListAsync(program, default)),
            () => RevokeAsync(program, key.Key.Id),
        ])
            Assert.Equal(ProblemCode.InsufficientPermission, (await People.RefusedAsync(ask)).Code);
    }

    [Fact]
    public async Task Making_and_revoking_a_key_are_audited_with_where_they_came_from()
    {
        var person = _person with { UserAgent = "a test" };
        var key = await CreateAsync(person);
        await RevokeAsync(person, key.Key.Id);
        await RevokeAsync(person, key.Key.Id);
        var entries = await _host.InDatabaseAsync(db =>
            db.AuditEntries.Where(e => e.SubjectId == key.Key.Id).OrderBy(e => e.Id).ToListAsync());
        Assert.Equal(["apiKey.created", "apiKey.revoked"], entries.Select(e => e.Action));
        Assert.All(entries, e => Assert.Equal((ActorType.User, "127.0.0.1", "a test"), (e.ActorType, e.Address, e.UserAgent)));
    }

    private Task<CreatedApiKey> CreateAsync(Caller? caller = null, DateTimeOffset? expiresAt = null) =>
        _host.AskAsync<ApiKeys, CreatedApiKey>(keys => keys.CreateAsync(caller ?? _person,
            new NewApiKey("test", Permission.Publish, true, [], [], [], [], expiresAt, KeyRules.None), default));

    private Task<bool> RevokeAsync(Caller caller, Guid keyId) => _host.AskAsync<ApiKeys, bool>(async keys =>
    {
        await keys.RevokeAsync(caller, keyId, default);
        return true;
    });

    private Task<ApiKey?> FindAsync(string text, PostMantisHost? host = null) =>
        (host ?? _host).Services.GetRequiredService<ApiKeyCache>().FindAsync(text, TestContext.Current.CancellationToken);

    private Task<DateTimeOffset?> LastUsedAsync(CreatedApiKey key) => _host.InDatabaseAsync(db =>
        db.ApiKeys.Where(k => k.Id == key.Key.Id).Select(k => k.LastUsedAt).SingleAsync());
}
