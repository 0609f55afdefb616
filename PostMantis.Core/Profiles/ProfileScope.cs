using PostMantis.Core.Access;

namespace PostMantis.Core.Profiles;

/// <summary>Which profiles a caller may touch: the one place that says so.</summary>
public static class ProfileScope
{
    /// <summary>The caller's own profiles, narrowed by test mode, providers, brands and profiles of its key.</summary>
    public static IQueryable<Profile> InScope(this IQueryable<Profile> profiles, Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var (userId, providers, brands, ids) = (caller.UserId, caller.Providers, caller.BrandIds, caller.ProfileIds);
        profiles = profiles.Where(p => p.UserId == userId);
        if (caller.TestMode is { } testMode) profiles = profiles.Where(p => p.TestMode == testMode);
        if (providers.Count > 0) profiles = profiles.Where(p => providers.Contains(p.Provider));
        if (brands.Count > 0) profiles = profiles.Where(p => p.BrandId != null && brands.Contains(p.BrandId.Value));
        if (ids.Count > 0) profiles = profiles.Where(p => ids.Contains(p.Id));
        return profiles;
    }

    /// <summary>As <see cref="InScope"/>, asked of one profile that was read already.</summary>
    public static bool Covers(this Caller caller, Profile profile)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(profile);
        return profile.UserId == caller.UserId
            && (caller.TestMode is not { } testMode || profile.TestMode == testMode)
            && (caller.Providers.Count == 0 || caller.Providers.Contains(profile.Provider))
            && (caller.BrandIds.Count == 0 || (profile.BrandId is { } brand && caller.BrandIds.Contains(brand)))
            && (caller.ProfileIds.Count == 0 || caller.ProfileIds.Contains(profile.Id));
    }

    /// <summary>Whether the caller's key is narrower than everything of its user and mode.</summary>
    public static bool IsNarrowed(this Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return caller.Providers.Count + caller.BrandIds.Count + caller.ProfileIds.Count > 0;
    }
}
