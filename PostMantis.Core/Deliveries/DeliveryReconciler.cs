using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Connections;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// Settles deliveries of unknown outcome by asking the network, never by sending. Found is published. Absence counts only
/// as proof: then the delivery is pending again. What cannot be proven stays unknown until a person decides.
/// </summary>
public sealed partial class DeliveryReconciler(IServiceScopeFactory scopes, HeldLeases leasesHeld,
    DeliveryTelemetry telemetry,
    IOptions<DeliveryOptions> options, IOptions<QueueOptions> queueOptions, TimeProvider time,
    ILogger<DeliveryReconciler> logger)
{
    private const int Slots = 16;

    // Clocks differ: a listing since the mark also shows what was published a while before it.
    private static readonly TimeSpan Before = TimeSpan.FromHours(1);
    private const string Inconclusive = "inconclusive";

    /// <summary>Looks once for everything that is due to be looked for.</summary>
    /// <returns>How many deliveries were looked at.</returns>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var leases = await ClaimAsync(ct);
        try
        {
            await Task.WhenAll(leases.Select(lease => ReconcileAsync(lease, ct)));
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The process stops: what was not asked yet goes back at once instead of waiting for its lease to expire.
            await using var scope = scopes.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<WorkQueue>().ReturnAsync(
                [.. leases.Select(l => new WorkReturn(l, time.GetUtcNow(), Counts: false))], CancellationToken.None);
        }
        return leases.Count;
    }

    private async Task<IReadOnlyList<WorkLease>> ClaimAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var queue = scope.ServiceProvider.GetRequiredService<WorkQueue>();
        while (true)
        {
            var claim = await queue.ClaimAsync(WorkKind.Reconcile, Slots, ct);
            if (claim.Leases.Count > 0 || !claim.Again) return claim.Leases;
        }
    }

    private async Task ReconcileAsync(WorkLease lease, CancellationToken ct)
    {
        using var held = leasesHeld.Hold(lease);
        ActivityContext.TryParse(lease.Traceparent, null, out var parent);
        using var activity = DeliveryTelemetry.Source.StartActivity("reconcile delivery", ActivityKind.Consumer, parent);
        activity?.SetTag("postmantis.delivery.id", lease.Key.ToString());
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        var look = await ReadAsync(db, lease.Key, ct);
        var result = look is null
            ? new ReconcileOutcome.CannotTell()
            : await AskAsync(scope.ServiceProvider, look, ct);
        var name = NameOf(result);
        activity?.SetTag("postmantis.reconcile.result", name);
        if (look is not null) telemetry.Reconciled(look.Delivery.Provider, name);
        db.ChangeTracker.Clear();
        await scope.ServiceProvider.GetRequiredService<UnitOfWork>().RunAsync(
            token => SettleAsync(scope.ServiceProvider, lease, look, result, token), CancellationToken.None);
    }

    private static async Task<Look?> ReadAsync(PostMantisDb db, Guid deliveryId, CancellationToken ct)
    {
        var delivery = await db.Deliveries.AsNoTracking().SingleOrDefaultAsync(d => d.Id == deliveryId, ct);
        if (delivery is null) return null;
        var profile = await db.Profiles.AsNoTracking().SingleAsync(p => p.Id == delivery.ProfileId, ct);
        var attempt = await db.Attempts.AsNoTracking().Where(a => a.DeliveryId == deliveryId)
            .OrderByDescending(a => a.Number).FirstOrDefaultAsync(ct);
        return attempt is null ? null : new Look(delivery, profile, attempt);
    }

    private async Task<ReconcileOutcome> AskAsync(IServiceProvider services, Look look, CancellationToken ct)
    {
        var (delivery, profile, attempt) = look;
        if (attempt.Evidence.Find(e => e.ProviderPostId is not null) is { } evidence)
            return new ReconcileOutcome.Found(evidence.ProviderPostId!, evidence.Url);

        // Nobody can look: neither for what a network does not list, nor for a handle that was forgotten.
        if (attempt.Mode == SettlementMode.None) return new ReconcileOutcome.CannotTell();
        if (!services.GetRequiredService<ProviderCatalog>().TryGet(delivery.Provider, out var provider))
            return new ReconcileOutcome.Inconclusive("no_adapter");
        try
        {
            var grant = await services.GetRequiredService<GrantOpener>().OpenAsync(profile.ConnectionId, ct);
            if (grant is not GrantOutcome.Opened opened)
                return new ReconcileOutcome.Inconclusive("no_grant", (grant as GrantOutcome.Refreshing)?.AskAgainAfter);
            var db = services.GetRequiredService<PostMantisDb>();
            var owned = await db.Deliveries
                .Where(d => d.ProfileId == profile.Id && d.Id != delivery.Id && d.ProviderPostId != null
                    && d.UpdatedAt >= attempt.StartedAt - Before)
                .Select(d => d.ProviderPostId!).ToListAsync(ct);
            using var timeout = new CancellationTokenSource(options.Value.AttemptTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
            return await provider.Reconciler.ReconcileAsync(new ReconcileWork(delivery.Id,
                new PublishTarget(profile.Id, profile.ProviderProfileId, profile.Facts), delivery.Content, attempt.Mode,
                opened.Tokens, attempt.Handles, attempt.CalledAt, time.GetUtcNow(), owned.ToHashSet()), either.Token);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            // No answer is an answer too: the delivery stays what it is and is asked for again.
            LogFailed(logger, delivery.Id, delivery.Provider, e);
            return new ReconcileOutcome.Inconclusive("adapter_fault");
        }
    }

    private async Task SettleAsync(IServiceProvider services, WorkLease lease, Look? look, ReconcileOutcome result,
        CancellationToken ct)
    {
        var (db, queue) = (services.GetRequiredService<PostMantisDb>(), services.GetRequiredService<WorkQueue>());
        if (!(await queue.LockAsync([lease], ct)).Contains(lease.Id)) return;
        var now = time.GetUtcNow();
        var delivery = await db.Deliveries.FromSql($"SELECT * FROM deliveries WHERE id = {lease.Key} FOR UPDATE")
            .SingleOrDefaultAsync(ct);
        if (look is null || delivery is not { Status: DeliveryStatus.Unknown, Phase: DeliveryPhase.Reconciling })
        {
            await queue.SettleAsync([lease], ct);
            return;
        }
        var post = await db.Posts.FromSql($"SELECT * FROM posts WHERE id = {delivery.PostId} FOR UPDATE").SingleAsync(ct);
        var settler = services.GetRequiredService<DeliverySettler>();

        // A post that another delivery owns by now is no proof for this one.
        if (result is ReconcileOutcome.Found claim && await db.Deliveries.AnyAsync(d => d.ProfileId == delivery.ProfileId
                && d.ProviderPostId == claim.ProviderPostId && d.Id != delivery.Id, ct))
            result = new ReconcileOutcome.Inconclusive("owned_by_another");
        var proofAt = ProofAt(look);
        var wait = result switch
        {
            ReconcileOutcome.Found or ReconcileOutcome.CannotTell or ReconcileOutcome.Absent => (DateTimeOffset?)null,
            ReconcileOutcome.NotListed => now >= proofAt ? null : proofAt,
            ReconcileOutcome.Inconclusive unsure => now + RetryPolicy.Delay(options.Value.ReconcileBase,
                options.Value.RetryMax, lease.Tries, unsure.RetryAfter, Random.Shared.NextDouble()),
            _ => throw new UnreachableException(),
        };
        if (wait is { } again && again - lease.CreatedAt <= options.Value.ReconcileFor)
        {
            await queue.ReturnAsync([new WorkReturn(lease, again, Counts: true)], ct);
            delivery.NextAttemptAt = again;
            await db.SaveChangesAsync(ct);
            return;
        }

        await queue.SettleAsync([lease], ct);
        delivery.NextAttemptAt = null;
        var closes = true;
        switch (result)
        {
            case ReconcileOutcome.Found found:
                closes = settler.ShowFound(post, delivery, found.ProviderPostId, found.Url, [], lease.Traceparent, now);
                break;
            case ReconcileOutcome.Absent or ReconcileOutcome.NotListed:
                closes = SendAgain(services, settler, post, delivery, lease, now);
                break;
            default:
                delivery.Phase = null;
                delivery.UpdatedAt = now;
                services.GetRequiredService<PostEvents>().Add(post, delivery, EventTypes.DeliveryUnknown, lease.Traceparent);
                services.GetRequiredService<AuditLog>().AddSystem(delivery.UserId, "delivery.unproven", DeliveryResource.Kind,
                    delivery.Id, post.Id);
                break;
        }
        var posts = new Dictionary<Guid, Post> { [post.Id] = post };
        if (closes) await settler.CloseAsync(posts, new Dictionary<Guid, int> { [post.Id] = 1 }, now, ct);
        (post.Revision, post.UpdatedAt) = (post.Revision + 1, now);
        await db.SaveChangesAsync(ct);
        services.GetRequiredService<UnitOfWork>().AfterCommit(() => settler.Tell([post], reconcile: false));
    }

    /// <summary>Proof of absence: it is sent again, unless it has been tried often enough.</summary>
    /// <returns>Whether the delivery is no longer open.</returns>
    private bool SendAgain(IServiceProvider services, DeliverySettler settler, Post post, Delivery delivery,
        WorkLease lease, DateTimeOffset now)
    {
        if (delivery.AttemptCount >= options.Value.MaxTries || delivery.LatestAt < now)
        {
            var error = delivery.LatestAt < now
                ? Errors.TooLate
                : new DeliveryError(DeliveryErrorCode.ProviderUnavailable,
                    "The network did not take it, however often it was sent.", NextStep.Retry, Retryable: true);
            return settler.EndUnpublished(isUnknown: false, post, delivery, error, lease.Traceparent, now);
        }
        DeliverySettler.Move(delivery, DeliveryStatus.Pending, now);
        (delivery.Phase, delivery.Error, delivery.NextAttemptAt) = (DeliveryPhase.Retrying, null, now);
        services.GetRequiredService<PostMantisDb>().WorkItems.Add(
            DeliverySettler.PublishItem(delivery, lease.Traceparent, now));
        services.GetRequiredService<AuditLog>().AddSystem(delivery.UserId, "delivery.absenceProven", DeliveryResource.Kind,
            delivery.Id, post.Id, new JsonObject { ["attempts"] = delivery.AttemptCount });
        return false;
    }

    // Not before the network has listed what it took, and not while a call could still be on its way.
    private DateTimeOffset ProofAt(Look look)
    {
        var onTheWay = options.Value.AttemptTimeout + queueOptions.Value.Lease;
        var horizon = options.Value.HorizonOf(look.Delivery.Provider);
        var attempt = look.Attempt;

        // What can be repeated, or was done by processes nobody remembers, was called again and again until the attempt ended.
        var called = attempt.CanRepeat || attempt.Steps.Exists(s => s.Name == ForgottenDeliveries.Step) ? attempt.FinishedAt ?? attempt.CalledAt : attempt.CalledAt ?? attempt.FinishedAt;
        return (called ?? attempt.StartedAt) + (horizon > onTheWay ? horizon : onTheWay);
    }

    private static string NameOf(ReconcileOutcome result) => result switch
    {
        ReconcileOutcome.Found => "found",
        ReconcileOutcome.Absent => "absent",
        ReconcileOutcome.NotListed => "notListed",
        ReconcileOutcome.CannotTell => "cannotTell",
        _ => Inconclusive,
    };

    [LoggerMessage(LogLevel.Error, "Delivery {DeliveryId}: the {Provider} adapter failed to reconcile.")]
    private static partial void LogFailed(ILogger logger, Guid deliveryId, string provider, Exception exception);

    private sealed record Look(Delivery Delivery, Profile Profile, Attempt Attempt);
}
