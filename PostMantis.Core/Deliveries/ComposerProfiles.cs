using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Connections;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>A profile as the composer offers it.</summary>
/// <param name="Rules">Those of the account; null: this build has no adapter for its network.</param>
/// <param name="OptionsSchema">JSON schema of its network's options.</param>
/// <param name="Choices">What the account itself offers for options, by option.</param>
/// <param name="HasLiveChoices">Whether the network is asked what the account may choose.</param>
public sealed record ComposerProfile(
    ProfileResource Profile, ProviderRules? Rules, JsonObject OptionsSchema, JsonObject Choices, bool HasLiveChoices)
{
    public Guid Id => Profile.Id;
}

/// <summary>Reads the profiles a post can be written for, with what their networks take.</summary>
public sealed class ComposerProfiles(PostMantisDb db, ProviderCatalog catalog, AccountLimitsReader accounts)
{
    /// <summary>Profiles offered at most.</summary>
    public const int Most = 500;

    /// <summary>The active profiles in the order they were connected, in one query.</summary>
    /// <param name="also">Those that a post has already, whatever their state.</param>
    /// <param name="fresh">Those whose network is asked what the account may choose, where that is old.</param>
    public async Task<IReadOnlyList<ComposerProfile>> ListAsync(
        Caller caller, IReadOnlyCollection<Guid> also, IReadOnlyCollection<Guid> fresh, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(fresh);
        var known = also.ToArray();
        var profiles = await db.Profiles.InScope(caller).AsNoTracking()
            .Where(p => p.Status == ProfileStatus.Active || known.Contains(p.Id))
            .OrderBy(p => p.CreatedAt).ThenBy(p => p.Id).Take(Most).ToListAsync(ct);
        List<ComposerProfile> offered = [];
        foreach (var profile in profiles)
        {
            if (!catalog.TryGet(profile.Provider, out var provider))
            {
                offered.Add(new ComposerProfile(ProfileResource.From(profile), null, [], [], false));
                continue;
            }
            var facts = fresh.Contains(profile.Id)
                ? (await accounts.ReadAsync(profile, provider, ct)).Facts
                : profile.Facts;
            offered.Add(new ComposerProfile(ProfileResource.From(profile), provider.RulesOf(facts), provider.OptionsSchema,
                provider.ChoicesOf(facts), provider.AccountLimits is not null));
        }
        return offered;
    }
}
