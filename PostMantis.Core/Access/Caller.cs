using PostMantis.Core.Common;

namespace PostMantis.Core.Access;

/// <summary>Who a change is said to come from.</summary>
public enum ActorType
{
    User,
    ApiKey,
    System,
}

/// <summary>
/// Who is asking and what they may touch: a person in the dashboard (everything of theirs) or an API key (its scope).
/// </summary>
/// <param name="ActorId">The user's id, or the API key's.</param>
/// <param name="TestMode">True sees only sandbox profiles and test objects, false never does, null (a person) both.</param>
/// <param name="Providers">Empty: every provider. The same for brands and profiles; each list narrows further.</param>
/// <param name="Address">Where the request came from, for the audit log.</param>
public sealed record Caller(
    Guid UserId,
    ActorType ActorType,
    Guid ActorId,
    Permission Permission,
    IReadOnlySet<Grant> Grants,
    IReadOnlyList<string> Providers,
    IReadOnlyList<Guid> BrandIds,
    IReadOnlyList<Guid> ProfileIds,
    bool? TestMode,
    KeyRules Rules,
    string? Address)
{
    /// <summary>The program the request came from, as it called itself; for the audit log.</summary>
    public string? UserAgent { get; init; }

    /// <summary>A signed-in person: everything of their own.</summary>
    public static Caller Person(Guid userId, string? address) => new(userId, ActorType.User, userId,
        Permission.Publish, new HashSet<Grant>(Enum.GetValues<Grant>()), [], [], [], null, KeyRules.None, address);

    /// <summary>A program with an API key: what the key's scope allows.</summary>
    public static Caller Of(ApiKey key, string? address)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new Caller(key.UserId, ActorType.ApiKey, key.Id, key.Permission, key.Grants.ToHashSet(), key.Providers,
            key.BrandIds, key.ProfileIds, key.TestMode, key.Rules, address);
    }

    /// <summary>True when the caller's rung is at least <paramref name="needed"/>.</summary>
    public bool May(Permission needed) => Permission >= needed;

    /// <summary>Throws <c>insufficientPermission</c> below <paramref name="needed"/>.</summary>
    public void Require(Permission needed)
    {
        if (!May(needed)) throw ProblemException.Forbidden($"permission {CamelCase.Of(needed)}");
    }

    /// <summary>Throws <c>insufficientPermission</c> without <paramref name="needed"/>.</summary>
    public void Require(Grant needed)
    {
        if (!Grants.Contains(needed)) throw ProblemException.Forbidden($"grant {CamelCase.Of(needed)}");
    }
}

/// <summary>Optional rules of a key that hold back what an agent does.</summary>
/// <param name="DailyCap">Most posts accepted per UTC day.</param>
/// <param name="QuietFrom">Start of the quiet hours, UTC; publishing waits until <paramref name="QuietUntil"/>.</param>
public sealed record KeyRules(
    bool ApprovalRequired = false, int? DailyCap = null, TimeOnly? QuietFrom = null, TimeOnly? QuietUntil = null)
{
    public static KeyRules None { get; } = new();
}
