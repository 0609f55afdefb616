using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Audit;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Access;

/// <summary>
/// Remembers for a person what a key's daily cap refused: a count per key and UTC day, and an audit entry for the first, so
/// that a program that goes on asking writes nothing more than a number.
/// </summary>
public sealed class KeyRefusals(IServiceScopeFactory scopes, TimeProvider time)
{
    /// <summary>One more post was refused. In a transaction of its own: that of the post is undone.</summary>
    public async Task RecordAsync(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        await using var scope = scopes.CreateAsyncScope();
        var unit = scope.ServiceProvider.GetRequiredService<UnitOfWork>();
        var (now, keyId, userId) = (time.GetUtcNow(), caller.ActorId, caller.UserId);
        var today = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
        await unit.RunAsync(async token =>
        {
            var counts = await unit.Db.Database.SqlQuery<int>($"""
                UPDATE api_keys SET refused_at = {now},
                    refused_count = CASE WHEN refused_at >= {today} THEN refused_count + 1 ELSE 1 END
                WHERE id = {keyId} AND user_id = {userId} RETURNING refused_count AS "Value"
                """).ToListAsync(token);
            if (counts is not [1]) return;
            scope.ServiceProvider.GetRequiredService<AuditLog>().Add(caller, "apiKey.dailyCapReached", "apiKey", keyId,
                detail: new JsonObject { ["dailyCap"] = caller.Rules.DailyCap });
            await unit.Db.SaveChangesAsync(token);
        }, CancellationToken.None);
    }
}
