-- Ids that rise, as the product's do.
CREATE FUNCTION bench_id(batch int, kind int, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT (lpad(to_hex(1764000000000 + batch * 100000000::bigint + n / 100), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
        || '8' || lpad(to_hex(n), 15, '0'))::uuid $$;

CREATE FUNCTION bench_content(n bigint, whole boolean) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'body', 'Post ' || n || ', of a length that is not unusual among posts of people and firms.',
        'link', NULL, 'thread', '[]'::jsonb, 'firstComment', NULL, 'media', '[]'::jsonb)
        || CASE WHEN whole THEN '{"providerOptions": {}, "overrides": {}}' ELSE '{"options": {}}' END::jsonb $$;

-- Posts of up to two deliveries each, spread over the profiles: accepted and due, or as publishing would have left them.
CREATE FUNCTION bench_lay(batch int, deliveries int, profiles int, provider text, due timestamptz, settled boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    per_post int := least(2, profiles);
    trace text := '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
BEGIN
    CREATE TEMP TABLE lay ON COMMIT DROP AS
        SELECT g.n, k, bench_id(batch, 1, g.n) AS post_id, bench_id(batch, 2, g.n * per_post + k) AS id, p.user_id,
            p.id AS profile_id
        FROM generate_series(0, deliveries / per_post - 1) g(n) CROSS JOIN generate_series(0, per_post - 1) k
        JOIN bench_profiles p ON p.n = (g.n::bigint * per_post + k) % profiles;
    INSERT INTO posts (id, user_id, status, outcome, needs_attention, revision, test_mode, content, scheduled_at, metadata,
        issues, open_deliveries, created_by_type, created_by_id, accepted_at, accepted_by_id, is_capped, traceparent,
        created_at, updated_at, completed_at)
    SELECT post_id, user_id, CASE WHEN settled THEN 'completed' ELSE 'scheduled' END,
        CASE WHEN settled THEN 'published' END, false, 1, false, bench_content(n, true), due, '{}', '[]',
        CASE WHEN settled THEN 0 ELSE per_post END, 'api_key', user_id, now(), user_id, false, trace, now(), now(),
        CASE WHEN settled THEN now() END
    FROM lay WHERE k = 0;
    INSERT INTO deliveries (id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status, phase,
        content, content_hash, parts, scheduled_at, attempt_count, created_at, updated_at, published_at, provider_post_id)
    SELECT id, post_id, user_id, profile_id, k, bench_lay.provider, 'Page', false,
        CASE WHEN settled THEN 'published' ELSE 'pending' END, CASE WHEN settled THEN NULL ELSE 'waiting' END,
        bench_content(n, false), sha256(convert_to(batch || '-' || n, 'UTF8')),
        '[{"index": 0, "kind": "root", "status": "pending", "providerPostId": null, "url": null, "error": null}]',
        due, settled::int, now(), now(), CASE WHEN settled THEN now() END, CASE WHEN settled THEN id::text END
    FROM lay;
    IF NOT settled THEN
        INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, traceparent, created_at)
        SELECT bench_id(batch, 6, n * per_post + k), user_id, 'publish', id, profile_id, bench_lay.provider, 'waiting', due,
            0, trace, now()
        FROM lay;
        RETURN;
    END IF;
    INSERT INTO attempts (id, delivery_id, user_id, number, mode, lease_token, worker_id, started_at, finished_at, verdict,
        handles, steps, evidence)
    SELECT bench_id(batch, 3, n * per_post + k), id, user_id, 1, 'idempotent', id, id, now(), now(), 'published', '{}', '[]',
        '[]'
    FROM lay;
    INSERT INTO events (id, user_id, type, test_mode, post_id, data, created_at)
    SELECT bench_id(batch, 4, n * per_post + k), user_id, 'delivery.published', false, post_id, '{}', now() FROM lay;
    INSERT INTO audit_entries (id, user_id, actor_type, action, subject_type, subject_id, post_id, created_at)
    SELECT bench_id(batch, 5, n * per_post + k), user_id, 'system', 'delivery.published', 'delivery', id, post_id, now()
    FROM lay;
END $$;
