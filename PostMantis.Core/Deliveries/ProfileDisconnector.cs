using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Ends a profile: what waits for it fails, its history stays, and with a connection's last profile its tokens are erased.
/// </summary>
public sealed partial class ProfileDisconnector(UnitOfWork unit, PostEvents postEvents, EventWriter events, AuditLog audit,
    SecretVault vault, ProviderCatalog catalog, WakeUp wakeUp, PostChanges changes, TimeProvider time,
    ILogger<ProfileDisconnector> logger)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Disconnects one profile; a second time changes nothing. Needs the grant <c>disconnect</c>.</summary>
    /// <exception cref="ProblemException">notFound: absent, or out of scope. insufficientPermission.</exception>
    public async Task DisconnectAsync(Caller caller, Guid profileId, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        caller.Require(Grant.Disconnect);
        var ended = await unit.RunAsync(token => DisconnectCoreAsync(caller, profileId, token), ct);
        if (ended is not { } grant || !catalog.TryGet(grant.Provider, out var provider)) return;

        // The tokens are gone here already; telling the network is a courtesy that may fail.
        try
        {
            await provider.Consent.RevokeAsync(grant.Tokens, ct);
        }
        catch (HttpRequestException e)
        {
            RevokeFailed(logger, grant.Provider, e.HttpRequestError);
        }
    }

    private async Task<(string Provider, GrantTokens Tokens)?> DisconnectCoreAsync(
        Caller caller, Guid profileId, CancellationToken ct)
    {
        if (!await _db.Profiles.InScope(caller).AnyAsync(p => p.Id == profileId, ct)) throw ProblemException.NotFound("profile");
        var now = time.GetUtcNow();

        // Work items first, then deliveries, then posts: the order every writer locks in.
        var items = await _db.WorkItems.FromSql($"""
            SELECT w.* FROM work_items w JOIN deliveries d ON d.id = w.key
            WHERE w.kind = 'publish' AND d.profile_id = {profileId} AND d.status = 'pending' AND w.state <> 'leased'
            ORDER BY w.id FOR UPDATE OF w
            """).ToListAsync(ct);
        var keys = items.Where(i => i.State != WorkState.Leased).Select(i => i.Key).ToArray();
        var deliveries = await _db.Deliveries.FromSql(
            $"SELECT * FROM deliveries WHERE id = ANY({keys}) AND status = 'pending' ORDER BY id FOR UPDATE").ToListAsync(ct);
        var postIds = deliveries.Select(d => d.PostId).Distinct().ToArray();
        var posts = await _db.Posts.FromSql($"SELECT * FROM posts WHERE id = ANY({postIds}) ORDER BY id FOR UPDATE")
            .ToDictionaryAsync(p => p.Id, ct);
        var profile = (await _db.Profiles.FromSql($"SELECT * FROM profiles WHERE id = {profileId} FOR UPDATE")
            .ToListAsync(ct)).Single();
        if (profile.Status == ProfileStatus.Disconnected) return null;

        var error = new DeliveryError(DeliveryErrorCode.ProfileDisconnected, "The profile was disconnected.",
            NextStep.Reconnect, Retryable: true);
        _db.WorkItems.RemoveRange(items.Where(i => keys.Contains(i.Key)));
        foreach (var delivery in deliveries)
        {
            // What is being processed may be public already, and without tokens nobody can find out.
            var isUnknown = delivery.Phase == DeliveryPhase.Processing;
            DeliverySettler.Move(delivery, delivery.IsRootLive ? DeliveryStatus.Incomplete
                : isUnknown ? DeliveryStatus.Unknown : DeliveryStatus.Failed, now);
            (delivery.Phase, delivery.NextAttemptAt, delivery.DeferReason) = (null, null, null);
            delivery.FailedAt = delivery.Status == DeliveryStatus.Failed ? now : null;
            delivery.PublishedAt = delivery.Status == DeliveryStatus.Incomplete ? now : null;
            delivery.Error = isUnknown ? Errors.Unknown("profile_disconnected", null) : error;
            audit.Add(caller, TypeOf(delivery), DeliveryResource.Kind, delivery.Id, delivery.PostId);
        }
        await AttemptLedger.ReleaseAsync(_db, [.. deliveries.Select(d => d.Id)], now, ct);
        var all = (await _db.Deliveries.Where(d => postIds.Contains(d.PostId)).ToListAsync(ct)).ToLookup(d => d.PostId);
        foreach (var (postId, post) in posts)
        {
            var closed = deliveries.Where(d => d.PostId == postId).ToList();
            var isEnded = PostCompletion.Close(post, [.. all[postId]], closed.Count, now);
            (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
            foreach (var delivery in closed) postEvents.Add(post, delivery, TypeOf(delivery));
            if (isEnded)
                postEvents.Add(post, post.Status == PostStatus.Canceled ? EventTypes.PostCanceled : EventTypes.PostCompleted);
            unit.AfterCommit(() => changes.Publish(post.UserId, postId));
        }

        profile.Disconnect(now);
        events.Add(profile.UserId, EventTypes.ProfileDisconnected,
            new JsonObject { ["profile"] = ProfileResource.From(profile).ToJson() }, profile.TestMode, profileId: profile.Id,
            provider: profile.Provider);
        audit.Add(caller, "profile.disconnected", ProfileResource.Kind, profile.Id);
        var ended = await EraseAsync(caller, profile, now, ct);
        await _db.SaveChangesAsync(ct);
        unit.AfterCommit(() => wakeUp.Signal(EventWriter.Loop));
        return ended;
    }

    private static string TypeOf(Delivery delivery) => delivery.Status switch
    {
        DeliveryStatus.Unknown => EventTypes.DeliveryUnknown,
        DeliveryStatus.Incomplete => EventTypes.DeliveryIncomplete,
        _ => EventTypes.DeliveryFailed,
    };

    private async Task<(string Provider, GrantTokens Tokens)?> EraseAsync(
        Caller caller, Profile profile, DateTimeOffset now, CancellationToken ct)
    {
        var connection = (await _db.Connections.FromSql(
            $"SELECT * FROM connections WHERE id = {profile.ConnectionId} FOR UPDATE").ToListAsync(ct)).SingleOrDefault();
        if (connection?.Credential is null || await _db.Profiles.AnyAsync(p => p.ConnectionId == connection.Id
                && p.Id != profile.Id && p.Status != ProfileStatus.Disconnected, ct)) return null;
        GrantTokens? tokens = null;
        try
        {
            using var opened = vault.Open(Connection.SealedCredential.Of(connection.Id, connection.UserId), connection.Credential);
            tokens = opened.ReadJson<GrantTokens>();
        }
        catch (VaultException)
        {
            // What cannot be opened cannot be revoked; it is erased all the same.
        }
        (connection.Credential, connection.Status, connection.UpdatedAt) = (null, ConnectionStatus.Disconnected, now);
        (connection.AccessTokenExpiresAt, connection.RefreshTokenExpiresAt) = (null, null);
        await _db.WorkItems.Where(w => w.Kind == WorkKind.RefreshToken && w.Key == connection.Id).ExecuteDeleteAsync(ct);
        audit.Add(caller, "connection.disconnected", "connection", connection.Id);
        return tokens is null ? null : (connection.Provider, tokens);
    }

    [LoggerMessage(LogLevel.Information, "{Provider} could not be told that a grant is over: {Reason}.")]
    private static partial void RevokeFailed(ILogger logger, string provider, HttpRequestError reason);
}
