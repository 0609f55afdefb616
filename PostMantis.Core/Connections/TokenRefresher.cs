using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Connections;

/// <summary>
/// Renews tokens ahead of their end. One item per connection and its lease make it single-flight over all replicas; no row
/// is locked across HTTP; the new pair is stored before anybody uses it.
/// </summary>
public sealed class TokenRefresher(IServiceScopeFactory scopes, HeldLeases leasesHeld, IOptions<ConnectionOptions> options)
{
    /// <summary>Promotes, claims and renews what is due.</summary>
    /// <param name="jitter">Random sample from 0 to 1 for waits between tries.</param>
    /// <returns>How many connections were looked at.</returns>
    public async Task<int> RunOnceAsync(double jitter, CancellationToken ct)
    {
        IReadOnlyList<WorkLease> leases;
        await using (var scope = scopes.CreateAsyncScope())
        {
            var queue = scope.ServiceProvider.GetRequiredService<WorkQueue>();
            leases = (await queue.ClaimAsync(WorkKind.RefreshToken, options.Value.RefreshSlots, ct)).Leases;
        }
        await Task.WhenAll(leases.Select(lease => RenewAsync(lease, jitter, ct)));
        return leases.Count;
    }

    private async Task RenewAsync(WorkLease lease, double jitter, CancellationToken ct)
    {
        using var held = leasesHeld.Hold(lease);
        await using var scope = scopes.CreateAsyncScope();
        await ActivatorUtilities.CreateInstance<Renewal>(scope.ServiceProvider).RunAsync(lease, jitter, ct);
    }

    private sealed class Renewal(UnitOfWork unit, WorkQueue queue, ProviderCatalog catalog, SecretVault vault,
        EventWriter events, AuditLog audit, WakeUp wakeUp, IOptions<ConnectionOptions> options, TimeProvider time,
        ConnectionTelemetry telemetry)
    {
        private const string RefreshLost = "refreshLost";
        private static readonly TimeSpan MostWait = TimeSpan.FromHours(1);
        private readonly PostMantisDb _db = unit.Db;

        public async Task RunAsync(WorkLease lease, double jitter, CancellationToken ct)
        {
            var connection = await _db.Connections.AsNoTracking().SingleOrDefaultAsync(c => c.Id == lease.Key, ct);
            if (connection is not { Status: ConnectionStatus.Active, Credential: not null }
                || !catalog.TryGet(connection.Provider, out var provider))
            {
                await unit.RunAsync(token => queue.SettleAsync([lease], token), ct);
                return;
            }
            var tokens = GrantStore.Open(vault, connection);
            if (string.IsNullOrEmpty(tokens.RefreshToken)
                && connection.AccessTokenExpiresAt is { } end && end - time.GetUtcNow() > options.Value.RefreshAhead)
            {
                await unit.RunAsync(token => WarnAsync(lease, connection.Id, end, token), ct);
                return;
            }
            var outcome = string.IsNullOrEmpty(tokens.RefreshToken)
                ? new RefreshOutcome.Revoked(Lost("The network gave nothing to renew the grant with."))
                : await provider.Consent.RefreshAsync(tokens, ct);
            await unit.RunAsync(token => SettleAsync(lease, connection, tokens, outcome, jitter, token), ct);
            telemetry.Refreshed(connection.Provider, outcome);
            wakeUp.Signal(WorkKind.Publish);
        }

        private async Task SettleAsync(WorkLease lease, Connection seen, GrantTokens before, RefreshOutcome outcome,
            double jitter, CancellationToken ct)
        {
            var now = time.GetUtcNow();
            var connection = (await _db.Connections.FromSql($"SELECT * FROM connections WHERE id = {seen.Id} FOR UPDATE")
                .AsTracking().ToListAsync(ct)).SingleOrDefault();
            if (connection is null || connection.CredentialVersion != seen.CredentialVersion)
            {
                // Somebody stored a newer pair meanwhile; it stays.
                await queue.SettleAsync([lease], ct);
                if (connection is { Status: ConnectionStatus.Active })
                    await GrantStore.ScheduleRefreshAsync(_db, connection, options.Value, now, ct);
                return;
            }
            switch (outcome)
            {
                // Stored even by a worker whose lease ran out: the old pair is worth nothing any more.
                case RefreshOutcome.Refreshed renewed:
                    var lastLook = connection.RefreshedAt ?? connection.CreatedAt;
                    GrantStore.Put(vault, connection, renewed.Tokens, now, before);
                    (connection.RefreshedAt, connection.LastRefreshError) = (now, null);
                    await _db.SaveChangesAsync(ct);
                    await queue.SettleAsync([lease], ct);
                    await GrantStore.ScheduleRefreshAsync(_db, connection, options.Value, now, ct);

                    // Told once: by the first renewal that comes so near to the end of what renews.
                    if (connection.RefreshTokenExpiresAt is { } last && last - options.Value.ExpiringAhead is var near && near <= now && near > lastLook)
                        await TellExpiringAsync(connection.Id, last, ct);
                    break;
                case RefreshOutcome.Revoked revoked:
                    if ((await queue.SettleAsync([lease], ct)).Count == 0) return;

                    // An answer that was lost may have traded the token: then this is not a person's doing.
                    var isLost = connection.LastRefreshError == nameof(RefreshOutcome.Transient);
                    connection.Status = ConnectionStatus.ReauthRequired;
                    connection.LastRefreshError = isLost ? RefreshLost : CamelCase.Of(revoked.Error.Code);
                    connection.UpdatedAt = now;
                    await RequireReauthAsync(connection, now, ct);
                    await _db.SaveChangesAsync(ct);
                    break;
                case RefreshOutcome.Transient transient:
                    connection.LastRefreshError = nameof(RefreshOutcome.Transient);
                    connection.UpdatedAt = now;
                    await _db.SaveChangesAsync(ct);
                    await queue.ReturnAsync([new WorkReturn(lease, now + Wait(transient, lease.Tries, jitter), Counts: true)], ct);
                    break;
                default:
                    throw new InvalidOperationException($"Unforeseen outcome {outcome.GetType().Name}.");
            }
        }

        // Nothing can be renewed: a person hears of it in time, and at the end the grant is over.
        private async Task WarnAsync(WorkLease lease, Guid connectionId, DateTimeOffset end, CancellationToken ct)
        {
            await TellExpiringAsync(connectionId, end, ct);
            await queue.ReturnAsync([new WorkReturn(lease, end - options.Value.RefreshAhead, Counts: false)], ct);
        }

        private async Task TellExpiringAsync(Guid connectionId, DateTimeOffset end, CancellationToken ct)
        {
            var (profiles, atRisk) = await ProfilesAsync(connectionId, ct);
            foreach (var profile in profiles)
                events.Add(profile.UserId, EventTypes.ProfileExpiring, new JsonObject
                {
                    ["profile"] = ProfileResource.From(profile).ToJson(),
                    ["expiresAt"] = UtcMillisecondsConverter.Format(end),
                    ["deliveriesAtRisk"] = new JsonArray([.. atRisk[profile.Id]]),
                }, profile.TestMode, profileId: profile.Id, provider: profile.Provider);
            await _db.SaveChangesAsync(ct);
            unit.AfterCommit(() => wakeUp.Signal(EventWriter.Loop));
        }

        private async Task<(List<Profile> Profiles, ILookup<Guid, JsonNode> AtRisk)> ProfilesAsync(Guid connectionId, CancellationToken ct)
        {
            var profiles = await _db.Profiles.Where(p => p.ConnectionId == connectionId && p.Status == ProfileStatus.Active)
                .OrderBy(p => p.Id).ToListAsync(ct);
            return (profiles, await DeliveriesAtRisk.ReadAsync(_db, [.. profiles.Select(p => p.Id)], ct));
        }

        private async Task RequireReauthAsync(Connection connection, DateTimeOffset now, CancellationToken ct)
        {
            var (profiles, atRisk) = await ProfilesAsync(connection.Id, ct);
            foreach (var profile in profiles)
            {
                profile.RequireReauth(now);
                events.Add(profile.UserId, EventTypes.ProfileReauthRequired, new JsonObject
                {
                    ["profile"] = ProfileResource.From(profile).ToJson(),
                    ["reason"] = connection.LastRefreshError,
                    ["deliveriesAtRisk"] = new JsonArray([.. atRisk[profile.Id]]),
                }, profile.TestMode, profileId: profile.Id, provider: profile.Provider);
                audit.AddSystem(profile.UserId, "profile.reauthRequired", ProfileResource.Kind, profile.Id,
                    detail: new JsonObject { ["reason"] = connection.LastRefreshError });
            }
            unit.AfterCommit(() => wakeUp.Signal(EventWriter.Loop));
        }

        private TimeSpan Wait(RefreshOutcome.Transient transient, int tries, double jitter)
        {
            if (transient.RetryAfter is { } asked) return asked < MostWait ? asked : MostWait;
            var longest = options.Value.RefreshRetry.TotalSeconds * Math.Pow(2, Math.Min(tries - 1, 10));
            return TimeSpan.FromSeconds(Math.Min(longest * (0.5 + (jitter / 2)), MostWait.TotalSeconds));
        }

        private static DeliveryError Lost(string message) =>
            new(DeliveryErrorCode.AuthRevoked, message, NextStep.Reconnect, Retryable: false);
    }
}
