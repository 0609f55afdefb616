using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Connections;

/// <summary>Keeps what a network says of one account's limits as facts of its profile, no older than the network wants.</summary>
public sealed class AccountLimitsReader(PostMantisDb db, GrantOpener grants, TimeProvider time)
{
    /// <summary>The fact that says when the others were read.</summary>
    public const string CheckedAtFact = "limitsCheckedAt";

    /// <summary>
    /// The facts of a profile, read from the network again when they are too old. When nothing is answered, the old ones
    /// stay.
    /// </summary>
    /// <returns>The facts, and when they were true; null: nothing of them was ever read.</returns>
    public async Task<(IReadOnlyDictionary<string, string> Facts, DateTimeOffset? CheckedAt)> ReadAsync(
        Profile profile, IProvider provider, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(profile);
        ArgumentNullException.ThrowIfNull(provider);
        var now = time.GetUtcNow();
        if (provider.AccountLimits is not { } limits) return (profile.Facts, now);
        var checkedAt = CheckedAt(profile.Facts);
        if (checkedAt is { } at && now - at < limits.FreshFor) return (profile.Facts, at);
        if (await OpenAsync(profile, ct) is not { } tokens || await limits.ReadAsync(new PublishTarget(profile.Id, profile.ProviderProfileId, profile.Facts), tokens, ct)
                is not { } read)
            return (profile.Facts, checkedAt);

        Dictionary<string, string> news = new(read) { [CheckedAtFact] = now.ToString("O", CultureInfo.InvariantCulture) };
        var json = JsonSerializer.Serialize(news, Json.Options);
        await db.Database.ExecuteSqlAsync(
            $"UPDATE profiles SET facts = facts || {json}::jsonb WHERE id = {profile.Id} AND user_id = {profile.UserId}", ct);
        Dictionary<string, string> all = new(profile.Facts);
        foreach (var (name, value) in news) all[name] = value;
        return (all, now);
    }

    // A credential that does not open is told by those who need it; rules that are known are no worse for it.
    private async Task<GrantTokens?> OpenAsync(Profile profile, CancellationToken ct)
    {
        try
        {
            return await grants.OpenAsync(profile.ConnectionId, ct) is GrantOutcome.Opened { Tokens: var tokens } ? tokens : null;
        }
        catch (VaultException)
        {
            return null;
        }
    }

    private static DateTimeOffset? CheckedAt(IReadOnlyDictionary<string, string> facts) =>
        DateTimeOffset.TryParse(facts.GetValueOrDefault(CheckedAtFact), CultureInfo.InvariantCulture,
            DateTimeStyles.RoundtripKind, out var at) ? at : null;
}
