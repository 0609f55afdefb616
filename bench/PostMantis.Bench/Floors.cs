namespace PostMantis.Bench;

/// <summary>What Postgres alone does on this machine, as pgbench scripts over the real tables.</summary>
internal static class Floors
{
    /// <summary>Claims and finishes 100 bare rows.</summary>
    public const string Queue = """
        WITH due AS MATERIALIZED (
            SELECT id FROM bench_queue WHERE state = 0 ORDER BY run_at, id LIMIT 100 FOR UPDATE SKIP LOCKED)
        UPDATE bench_queue q SET state = 1 FROM due WHERE q.id = due.id;

        """;

    /// <summary>Every row that accepting a post for two profiles writes, in one statement.</summary>
    public static string Accept(int users, int profiles) => $$$"""
        \set p random(0, {{{profiles - 1}}})
        WITH chosen AS MATERIALIZED (
            SELECT n, id, user_id, gen_random_uuid() AS delivery_id FROM bench_profiles
            WHERE n IN (:p, (:p + 1) % {{{profiles}}}) LIMIT 2),
        owner AS MATERIALIZED (SELECT user_id, gen_random_uuid() AS post_id FROM chosen LIMIT 1),
        post AS (
            INSERT INTO posts (id, user_id, status, needs_attention, revision, test_mode, content, scheduled_at, metadata,
                issues, open_deliveries, created_by_type, created_by_id, accepted_at, accepted_by_id, is_capped, created_at,
                updated_at)
            SELECT post_id, user_id, 'scheduled', false, 1, false, bench_content(:p, true), now() + interval '1 day', '{}',
                '[]', (SELECT count(*) FROM chosen), 'api_key', user_id, now(), user_id, false, now(), now() FROM owner),
        deliveries AS (
            INSERT INTO deliveries (id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status,
                phase, content, content_hash, parts, scheduled_at, attempt_count, created_at, updated_at)
            SELECT c.delivery_id, o.post_id, c.user_id, c.id, 0, 'null', 'Page', false, 'pending', 'waiting',
                bench_content(:p, false), sha256(convert_to(o.post_id::text, 'UTF8')),
                '[{"index": 0, "kind": "root", "status": "pending", "providerPostId": null, "url": null, "error": null}]',
                now() + interval '1 day', 0, now(), now() FROM chosen c, owner o),
        items AS (
            INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, created_at)
            SELECT gen_random_uuid(), user_id, 'publish', delivery_id, id, 'null', 'waiting', now() + interval '1 day', 0,
                now() FROM chosen),
        happened AS (
            INSERT INTO events (id, user_id, type, test_mode, post_id, data, created_at)
            SELECT gen_random_uuid(), user_id, t, false, post_id,
                '{"post": {"id": "0198", "status": "scheduled", "outcome": null, "revision": 1, "metadata": {} } }', now()
            FROM owner, unnest(ARRAY['post.created', 'post.scheduled']) t RETURNING id, user_id),
        unnumbered AS (
            INSERT INTO unnumbered_events (event_id, user_id) SELECT id, user_id FROM happened),
        audit AS (
            INSERT INTO audit_entries (id, user_id, actor_type, action, subject_type, subject_id, post_id, created_at)
            SELECT gen_random_uuid(), user_id, 'api_key', a, 'post', post_id, post_id, now()
            FROM owner, unnest(ARRAY['post.created', 'post.accepted']) a)
        INSERT INTO idempotency_keys (user_id, key, fingerprint, status_code, body, created_at, expires_at)
        SELECT user_id, post_id::text, sha256('x'), 202, repeat('An answer of the usual size. ', 80), now(),
            now() + interval '1 day' FROM owner;

        """;
}
