using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Media;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;

namespace PostMantis.Core.Privacy;

/// <summary>
/// Erases accounts whose time has come. First the account is closed: nobody signs in, keys end, profiles are disconnected and
/// their networks told. A round later, when nothing of it is on its way any more, files and rows go in batches, each of which
/// commits; what was cut off is taken up by the next round. The user's own row goes last, with a nameless stone in its place.
/// </summary>
public sealed partial class Eraser(UnitOfWork unit, NpgsqlDataSource database, ProfileDisconnector disconnector, IMediaStore store,
    TimeProvider time, ILogger<Eraser> logger)
{
    private const int MostFilesPerBatch = 100;

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>One round over everybody whose time has come; answers how many are gone.</summary>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var due = await _db.Users.AsNoTracking().Where(u => u.EraseAt <= now)
            .OrderBy(u => u.EraseAt).Select(u => new { u.Id, IsClosed = u.PasswordHash == null }).Take(20).ToListAsync(ct);
        var gone = 0;
        foreach (var user in due)
        {
            if (!user.IsClosed) await CloseAsync(user.Id, ct);
            else if (!await IsBusyAsync(user.Id, ct)) gone += await EraseAsync(user.Id, ct) ? 1 : 0;
        }
        if (gone > 0) LogErased(logger, gone);
        return gone;
    }

    private async Task CloseAsync(Guid userId, CancellationToken ct)
    {
        var person = Caller.Person(userId, null);
        var now = time.GetUtcNow();
        await _db.ApiKeys.Where(k => k.UserId == userId && k.RevokedAt == null)
            .ExecuteUpdateAsync(k => k.SetProperty(x => x.RevokedAt, now), ct);
        foreach (var profile in await _db.Profiles.Where(p => p.UserId == userId && p.Status != ProfileStatus.Disconnected)
                     .Select(p => p.Id).ToListAsync(ct))
            await disconnector.DisconnectAsync(person, profile, ct);
        await unit.RunAsync(async cancel =>
        {
            await _db.Sessions.Where(s => s.UserId == userId).ExecuteDeleteAsync(cancel);
            await _db.UserLogins.Where(l => l.UserId == userId).ExecuteDeleteAsync(cancel);
            await _db.Set<Microsoft.AspNetCore.Identity.IdentityUserPasskey<Guid>>().Where(p => p.UserId == userId).ExecuteDeleteAsync(cancel);
            await _db.UserTokens.Where(t => t.UserId == userId).ExecuteDeleteAsync(cancel);
            await _db.WebhookEndpoints.Where(e => e.UserId == userId && e.DisabledAt == null).ExecuteUpdateAsync(e => e
                .SetProperty(x => x.DisabledAt, now).SetProperty(x => x.DisabledReason, Webhooks.DisabledReason.Person), cancel);
            await _db.Users.Where(u => u.Id == userId).ExecuteUpdateAsync(u => u.SetProperty(x => x.PasswordHash, (string?)null)
                .SetProperty(x => x.SecurityStamp, Ids.New(now).ToString()), cancel);
        }, ct);
    }

    // What a worker holds ends first: its answer must find the rows it belongs to.
    private async Task<bool> IsBusyAsync(Guid userId, CancellationToken ct)
    {
        await _db.WorkItems.Where(w => w.UserId == userId && w.LeaseToken == null).ExecuteDeleteAsync(ct);
        return await _db.WorkItems.AnyAsync(w => w.UserId == userId, ct);
    }

    private async Task<bool> EraseAsync(Guid userId, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await EraseFilesAsync(userId, ct);
        var stone = await StoneAsync(userId, ct);
        foreach (var table in PersonalTables.All.Where(t => t.Name is not ("users" or "audit_seals" or "audit_anchors")))
        {
            // Names come from code. The keys first, so that a batch is found by them in every partition.
            var sql = $"DELETE FROM {table.Name} WHERE ({table.Key}) IN (SELECT {table.Key} FROM {table.Name} WHERE {table.Owner} LIMIT {table.Batch})";
            int erased;
            do
            {
                await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = userId } }, CommandTimeout = 0 };
                erased = await command.ExecuteNonQueryAsync(ct);
            }
            while (erased == table.Batch);
        }
        await unit.RunAsync(async cancel =>
        {
            // The user first: who is about to add a link to their chain has them locked.
            if (await _db.Users.Where(u => u.Id == userId).ExecuteDeleteAsync(cancel) == 0) return;
            await _db.AuditSeals.Where(s => s.UserId == userId).ExecuteDeleteAsync(cancel);
            await _db.AuditAnchors.Where(a => a.UserId == userId).ExecuteDeleteAsync(cancel);
            _db.AuditTombstones.Add(stone);
            await _db.SaveChangesAsync(cancel);
        }, ct);
        return true;
    }

    private async Task<AuditTombstone> StoneAsync(Guid userId, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var last = await _db.AuditSeals.AsNoTracking().Where(s => s.UserId == userId)
            .OrderByDescending(s => s.Number).FirstOrDefaultAsync(ct);
        var anchor = await _db.AuditAnchors.AsNoTracking().SingleOrDefaultAsync(a => a.UserId == userId, ct);
        var dropped = anchor?.Number ?? 0;
        var entries = await _db.AuditSeals.Where(s => s.UserId == userId && s.Number > dropped).SumAsync(s => (long)s.Entries, ct);
        return new AuditTombstone
        {
            Id = Ids.New(now),
            ErasedAt = now,
            Seals = last?.Number ?? 0,
            Entries = entries + (anchor?.Entries ?? 0),
            Head = last?.Hash,
        };
    }

    private async Task EraseFilesAsync(Guid userId, CancellationToken ct)
    {
        Guid after = default;
        while (true)
        {
            var files = await _db.Artifacts.AsNoTracking().Where(a => a.UserId == userId && a.Id > after)
                .OrderBy(a => a.Id).Take(MostFilesPerBatch).ToListAsync(ct);
            if (files.Count == 0) return;
            foreach (var key in await MediaKeys.OfAsync(_db, files, ct)) await store.DeleteAsync(key, ct);
            after = files[^1].Id;
        }
    }

    [LoggerMessage(LogLevel.Information, "{Gone} accounts were erased.")]
    private static partial void LogErased(ILogger logger, int gone);
}
