using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Deliveries;

public sealed class BacklogTests : IAsyncLifetime
{
    private PublishingWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await PublishingWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_claim_reads_what_it_takes_although_statistics_say_that_nothing_waits()
    {
        const int Backlog = 5_000;
        var post = await _world.PostAsync("One of many", _world.Pages[0], at: _world.Host.Clock.GetUtcNow());

        // As a night leaves it: all is published, the queue is empty, and only then Postgres looks; not again for a while.
        await SqlAsync($"""
            ALTER TABLE deliveries SET (autovacuum_enabled = false);
            ALTER TABLE work_items SET (autovacuum_enabled = false);
            CREATE TABLE many AS SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS profile_id FROM generate_series(1, {Backlog}) n;
            INSERT INTO profiles (id, user_id, connection_id, provider, provider_profile_id, name, status, test_mode, facts,
                created_at, updated_at)
            SELECT m.profile_id, p.user_id, p.connection_id, p.provider, 'many-' || n, p.name, p.status, p.test_mode, p.facts,
                p.created_at, p.updated_at
            FROM profiles p, many m WHERE p.id = '{_world.Pages[0].Id}';
            INSERT INTO deliveries (id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status,
                content, content_hash, parts, scheduled_at, attempt_count, created_at, updated_at, published_at)
            SELECT gen_random_uuid(), d.post_id, d.user_id, m.profile_id, n, d.provider, d.profile_name, d.test_mode,
                'published', d.content, sha256(n::text::bytea), d.parts, d.scheduled_at, 1, d.created_at, d.updated_at,
                d.created_at
            FROM deliveries d, many m WHERE d.post_id = '{post.Id}';
            CREATE TABLE one AS SELECT * FROM work_items WHERE kind = 'publish';
            INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, created_at)
            SELECT m.id, w.user_id, w.kind, m.id, m.profile_id, w.pool, 'waiting', w.run_at, 0, w.created_at FROM one w, many m;
            DELETE FROM work_items WHERE kind = 'publish';
            UPDATE deliveries SET status = 'canceled', phase = NULL WHERE status = 'pending';
            ANALYZE;
            INSERT INTO deliveries (id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status, phase,
                content, content_hash, parts, scheduled_at, attempt_count, created_at, updated_at)
            SELECT m.id, d.post_id, d.user_id, m.profile_id, n, d.provider, d.profile_name, d.test_mode, 'pending', 'waiting',
                d.content, sha256(n::text::bytea), d.parts, d.scheduled_at, 0, d.created_at, d.updated_at
            FROM deliveries d, many m WHERE d.status = 'canceled';
            INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, created_at)
            SELECT m.id, w.user_id, w.kind, m.id, m.profile_id, w.pool, 'waiting', w.run_at, 0, w.created_at FROM one w, many m;
            """);

        var (claimed, read) = await _world.Host.InScopeAsync(services =>
        {
            var unit = services.GetRequiredService<UnitOfWork>();
            return unit.RunAsync(async ct =>
            {
                // What the session did before may be among it still.
                var before = await ReadAsync();
                var claim = await services.GetRequiredService<DeliveryClaims>().ClaimAsync(
                    20, new Dictionary<string, int>(), isIdle: false, ct);
                return (claim.Deliveries.Count, await ReadAsync() - before);

                Task<long> ReadAsync() => unit.Db.Database.SqlQuery<long>($"""
                    SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint AS "Value" FROM pg_stat_xact_user_tables
                    WHERE relname IN ('work_items', 'deliveries')
                    """).SingleAsync(ct);
            }, default);
        });
        Assert.Equal(20, claimed);
        Assert.InRange(read, claimed, Backlog / 2);
    }

    private Task<int> SqlAsync(string sql) => _world.Host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(sql));
}
