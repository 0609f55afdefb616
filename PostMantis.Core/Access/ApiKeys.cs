using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Access;

/// <summary>What a person asks of a new key.</summary>
/// <param name="Providers">Empty: every provider. The same for brands and profiles; each list narrows further.</param>
public sealed record NewApiKey(
    string Name,
    Permission Permission,
    bool TestMode,
    IReadOnlyList<Grant> Grants,
    IReadOnlyList<string> Providers,
    IReadOnlyList<Guid> BrandIds,
    IReadOnlyList<Guid> ProfileIds,
    DateTimeOffset? ExpiresAt,
    KeyRules Rules);

/// <summary>A key with its text, which is never shown again.</summary>
public sealed record CreatedApiKey(ApiKey Key, string Text)
{
    public override string ToString() => Key.Prefix;
}

/// <summary>Makes, lists and revokes keys: only for a person in the dashboard.</summary>
public sealed class ApiKeys(UnitOfWork unit, AuditLog audit, ApiKeyCache cache, TimeProvider time)
{
    public const int MostNameLength = 100;
    public const int MostDailyCap = 100_000;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Makes a key and answers its text once.</summary>
    /// <exception cref="ProblemException">invalidRequest: name, expiry, scope or rules.</exception>
    public async Task<CreatedApiKey> CreateAsync(Caller caller, NewApiKey wanted, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(wanted);
        RequirePerson(caller);
        var now = time.GetUtcNow();
        await CheckAsync(caller, wanted, now, ct);
        var text = ApiKeyText.Create(Ids.New(now), wanted.TestMode);
        var key = new ApiKey
        {
            Id = text.Id,
            UserId = caller.UserId,
            Name = wanted.Name.Trim(),
            Prefix = text.Prefix,
            SecretHash = text.SecretHash(),
            TestMode = wanted.TestMode,
            Permission = wanted.Permission,
            Grants = [.. wanted.Grants.Distinct()],
            Providers = [.. wanted.Providers.Distinct()],
            BrandIds = [.. wanted.BrandIds.Distinct()],
            ProfileIds = [.. wanted.ProfileIds.Distinct()],
            Rules = wanted.Rules,
            CreatedAt = now,
            ExpiresAt = wanted.ExpiresAt,
        };
        await unit.RunAsync(token =>
        {
            _db.ApiKeys.Add(key);
            audit.Add(caller, "apiKey.created", "apiKey", key.Id, detail: new JsonObject
            {
                ["prefix"] = key.Prefix,
                ["permission"] = CamelCase.Of(key.Permission),
            });
            return _db.SaveChangesAsync(token);
        }, ct);
        return new CreatedApiKey(key, text.Reveal());
    }

    /// <summary>The user's keys, newest first, revoked ones included.</summary>
    public async Task<IReadOnlyList<ApiKey>> ListAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        RequirePerson(caller);
        return await _db.ApiKeys.AsNoTracking().Where(k => k.UserId == caller.UserId)
            .OrderByDescending(k => k.CreatedAt).ThenByDescending(k => k.Id).ToListAsync(ct);
    }

    /// <summary>One of the user's keys.</summary>
    /// <exception cref="ProblemException">notFound.</exception>
    public async Task<ApiKey> GetAsync(Caller caller, Guid keyId, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        RequirePerson(caller);
        return await _db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.Id == keyId && k.UserId == caller.UserId, ct)
            ?? throw ProblemException.NotFound("key");
    }

    /// <summary>Ends a key at once; a second time changes nothing.</summary>
    public async Task RevokeAsync(Caller caller, Guid keyId, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        RequirePerson(caller);
        await unit.RunAsync(async token =>
        {
            var key = await _db.ApiKeys.SingleOrDefaultAsync(k => k.Id == keyId && k.UserId == caller.UserId, token)
                ?? throw ProblemException.NotFound("key");
            if (key.RevokedAt is not null) return;
            key.RevokedAt = time.GetUtcNow();
            audit.Add(caller, "apiKey.revoked", "apiKey", key.Id, detail: new JsonObject { ["prefix"] = key.Prefix });
            await _db.SaveChangesAsync(token);
        }, ct);
        cache.Forget(keyId);
    }

    private async Task CheckAsync(Caller caller, NewApiKey wanted, DateTimeOffset now, CancellationToken ct)
    {
        List<Issue> issues = [];
        if (string.IsNullOrWhiteSpace(wanted.Name)) issues.Add(new Issue("/name", Rule.Required, "Give the key a name."));
        else if (wanted.Name.Length > MostNameLength)
            issues.Add(new Issue("/name", Rule.TooLong, $"At most {MostNameLength} characters.", Limit: MostNameLength,
                Actual: wanted.Name.Length, Unit: "characters"));
        else if (!ObjectReader.IsStorable(wanted.Name))
            issues.Add(new Issue("/name", Rule.WrongFormat, "Must be valid Unicode text without NUL."));
        if (wanted.ExpiresAt <= now) issues.Add(new Issue("/expiresAt", Rule.PastTime, "This moment has passed."));
        foreach (var provider in wanted.Providers.Where(p => !ProviderCatalog.KnownIds.Contains(p)))
            issues.Add(new Issue("/providers", Rule.NotFound, $"There is no provider '{provider}'."));
        if (wanted.TestMode && wanted.Providers.Any(p => p != ProviderCatalog.SandboxId))
            issues.Add(new Issue("/providers", Rule.Excluded, "A test key reaches only the sandbox."));
        if (wanted.Rules.DailyCap is < 1 or > MostDailyCap)
            issues.Add(new Issue("/rules/dailyCap", Rule.OutOfRange, $"From 1 to {MostDailyCap}.", Limit: MostDailyCap));
        if (wanted.Rules.QuietFrom.HasValue != wanted.Rules.QuietUntil.HasValue)
            issues.Add(new Issue("/rules/quietFrom", Rule.Required, "Quiet hours need a start and an end."));
        var (brands, profiles) = (wanted.BrandIds, wanted.ProfileIds);
        if (brands.Count > 0 && await _db.Brands.CountAsync(b => b.UserId == caller.UserId && brands.Contains(b.Id), ct)
            != brands.Distinct().Count())
            issues.Add(new Issue("/brands", Rule.NotFound, "There is no such brand."));
        if (profiles.Count > 0 && await _db.Profiles.CountAsync(p => p.UserId == caller.UserId
                && p.TestMode == wanted.TestMode && profiles.Contains(p.Id), ct) != profiles.Distinct().Count())
            issues.Add(new Issue("/profiles", Rule.NotFound, wanted.TestMode
                ? "A test key reaches only sandbox profiles." : "There is no such live profile."));
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
    }

    private static void RequirePerson(Caller caller)
    {
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }
}

/// <summary>
/// Finds the key of a request. Keys stay in memory for <see cref="Kept"/>, so that most requests ask the database
/// nothing; a revocation holds at once on the replica it was made on and within that time on the others.
/// </summary>
public sealed class ApiKeyCache(IServiceScopeFactory scopes, TimeProvider time)
{
    /// <summary>How long a key read from the database is believed.</summary>
    public static TimeSpan Kept { get; } = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LastUsedEvery = TimeSpan.FromMinutes(1);
    private const int MostKeys = 10_000;
    private readonly ConcurrentDictionary<Guid, Entry> _entries = new();

    // A read that began before the revocation must not bring the key back.
    private readonly ConcurrentDictionary<Guid, bool> _revokedHere = new();

    /// <summary>The key of <paramref name="text"/> while it is good; null when unknown, expired, revoked or wrong.</summary>
    public async Task<ApiKey?> FindAsync(string? text, CancellationToken ct)
    {
        if (ApiKeyText.Parse(text) is not { } given) return null;
        var now = time.GetUtcNow();
        var started = time.GetTimestamp();
        if (!_entries.TryGetValue(given.Id, out var entry) || time.GetElapsedTime(entry.ReadAt) >= Kept)
        {
            if (await ReadAsync(given.Id, ct) is not { } read) return null;
            if (_entries.Count >= MostKeys) _entries.Clear();
            _entries[given.Id] = entry = new Entry(read, started);
        }
        var key = entry.Key;
        var isGood = CryptographicOperations.FixedTimeEquals(key.SecretHash, given.SecretHash())
            && key.TestMode == given.TestMode && key.RevokedAt is null && !(key.ExpiresAt <= now)
            && !_revokedHere.ContainsKey(key.Id);
        if (!isGood) return null;
        if (!(key.LastUsedAt > now - LastUsedEvery)) await TouchAsync(key, now, ct);
        return key;
    }

    /// <summary>The key is good for nothing from now on.</summary>
    internal void Forget(Guid keyId)
    {
        _revokedHere[keyId] = true;
        _entries.TryRemove(keyId, out _);
    }

    private async Task<ApiKey?> ReadAsync(Guid id, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        return await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(
            k => k.Id == id && db.Users.Any(u => u.Id == k.UserId && u.DisabledAt == null), ct);
    }

    private async Task TouchAsync(ApiKey key, DateTimeOffset now, CancellationToken ct)
    {
        key.LastUsedAt = now;
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        var since = now - LastUsedEvery;
        await db.ApiKeys.Where(k => k.Id == key.Id && (k.LastUsedAt == null || k.LastUsedAt <= since))
            .ExecuteUpdateAsync(k => k.SetProperty(x => x.LastUsedAt, now), ct);
    }

    private sealed record Entry(ApiKey Key, long ReadAt);
}
