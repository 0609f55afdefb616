using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Connections;

/// <summary>How tokens are kept on a connection and when they are renewed.</summary>
internal static class GrantStore
{
    /// <summary>Seals a pair onto its connection; what the new pair leaves blank stays as it was.</summary>
    public static void Put(SecretVault vault, Connection connection, GrantTokens tokens, DateTimeOffset now,
        GrantTokens? before = null)
    {
        var whole = before is null
            ? tokens
            : new GrantTokens
            {
                AccessToken = tokens.AccessToken,
                RefreshToken = string.IsNullOrEmpty(tokens.RefreshToken) ? before.RefreshToken : tokens.RefreshToken,
                AccessTokenExpiresAt = tokens.AccessTokenExpiresAt,
                RefreshTokenExpiresAt = string.IsNullOrEmpty(tokens.RefreshToken)
                    ? tokens.RefreshTokenExpiresAt ?? before.RefreshTokenExpiresAt
                    : tokens.RefreshTokenExpiresAt,
                Scopes = tokens.Scopes.Count > 0 ? tokens.Scopes : before.Scopes,
                Secrets = before.Secrets.Where(s => !tokens.Secrets.ContainsKey(s.Key)).Concat(tokens.Secrets).ToDictionary(),
            };
        connection.Credential = vault.SealJson(Connection.SealedCredential.Of(connection.Id, connection.UserId), whole);
        connection.CredentialVersion++;
        connection.CanRenew = !string.IsNullOrEmpty(whole.RefreshToken);
        connection.AccessTokenExpiresAt = whole.AccessTokenExpiresAt;
        connection.RefreshTokenExpiresAt = whole.RefreshTokenExpiresAt;
        connection.Scopes = [.. whole.Scopes];
        connection.UpdatedAt = now;
    }

    public static GrantTokens Open(SecretVault vault, Connection connection)
    {
        using var opened = vault.Open(Connection.SealedCredential.Of(connection.Id, connection.UserId), connection.Credential);
        return opened.ReadJson<GrantTokens>();
    }

    /// <summary>Makes sure that exactly one item waits to renew the tokens before they end.</summary>
    /// <param name="isRenewable">Whether they can be: what cannot is told of ahead.</param>
    public static async Task ScheduleRefreshAsync(PostMantisDb db, Connection connection, ConnectionOptions options,
        DateTimeOffset now, CancellationToken ct, bool isRenewable = true)
    {
        if (RefreshAt(connection, options, now) is not { } runAt) return;
        if (!isRenewable && connection.AccessTokenExpiresAt - options.ExpiringAhead is { } warnAt && warnAt > now) runAt = warnAt;
        await EnsureItemAsync(db, connection.Id, connection.UserId, runAt, now, ct);
    }

    /// <summary>One item per connection: an earlier moment wins, one that a worker holds is left alone.</summary>
    public static Task EnsureItemAsync(
        PostMantisDb db, Guid connectionId, Guid userId, DateTimeOffset runAt, DateTimeOffset now, CancellationToken ct)
    {
        var traceparent = System.Diagnostics.Activity.Current?.Id;
        return db.Database.ExecuteSqlAsync($"""
            INSERT INTO work_items AS w (id, user_id, kind, key, lane, state, run_at, tries, traceparent, created_at)
            VALUES ({Ids.New(now)}, {userId}, {SnakeCase<WorkKind>.Write(WorkKind.RefreshToken)}, {connectionId},
                {connectionId}, {SnakeCase<WorkState>.Write(WorkState.Waiting)}, {runAt}, 0, {traceparent}, {now})
            ON CONFLICT (kind, key) DO UPDATE SET run_at = LEAST(w.run_at, excluded.run_at)
            WHERE w.state = 'waiting' AND w.run_at > excluded.run_at
            """, ct);
    }

    /// <summary>
    /// When to renew: ahead of the end, of long-lived tokens by a tenth of their life, but never before half of what is left
    /// has passed.
    /// </summary>
    public static DateTimeOffset? RefreshAt(Connection connection, ConnectionOptions options, DateTimeOffset now)
    {
        if (connection.AccessTokenExpiresAt is not { } end) return null;
        var life = Math.Max(0, (end - now).Ticks);
        return end - TimeSpan.FromTicks(Math.Min(Math.Max(options.RefreshAhead.Ticks, life / 10), life / 2));
    }
}
