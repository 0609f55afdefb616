-- Ids that rise with their moment, as the product's do.
CREATE FUNCTION bench_at(at timestamptz, kind int, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
        || '8' || lpad(to_hex(n), 15, '0'))::uuid $$;

-- What months of use leave: posts of two deliveries each in every state, and everything that goes with them.
CREATE FUNCTION bench_pages(owner uuid, posts int, key_id uuid, endpoint uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    profile_count int;
    trace text := '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    content jsonb := '{"link": null, "thread": [], "firstComment": null, "media": [], "providerOptions": {}, "overrides": {}}';
    error jsonb := '{"code": "contentRejected", "message": "The network refused the text.", "nextStep": "editAndRetry", "retryable": true,
        "provider": {"code": "E100", "message": "Not allowed here.", "httpStatus": 422}, "docUrl": "/problems/content-rejected"}';
BEGIN
    INSERT INTO brands (id, user_id, name, created_at) SELECT bench_at(now(), 1, n), owner, 'Brand ' || n, now() FROM generate_series(1, 8) n;
    INSERT INTO connections (id, user_id, provider, provider_account_id, account_name, scopes, status, credential, credential_version,
        refresh_token_expires_at, created_at, updated_at)
    SELECT bench_at(now(), 2, n), owner, 'mastodon', 'account ' || n, 'Account ' || n, '{write,read}', 'active', '\x01', 1,
        now() + n * interval '2 days', now(), now() FROM generate_series(1, 12) n;
    INSERT INTO profiles (id, user_id, connection_id, provider, provider_profile_id, name, handle, status, brand_id, test_mode, facts,
        created_at, updated_at)
    SELECT bench_at(now(), 3, n), owner, bench_at(now(), 2, 1 + n % 12), 'mastodon', 'profile ' || n, 'Profile ' || n, '@profile' || n,
        'active', bench_at(now(), 1, 1 + n % 8), true, '{}', now(), now() FROM generate_series(1, 46) n;
    CREATE TEMP TABLE own ON COMMIT DROP AS
        SELECT row_number() OVER (ORDER BY created_at, id) - 1 AS n, id, provider, name FROM profiles WHERE user_id = owner;
    SELECT count(*) INTO profile_count FROM own;

    CREATE TEMP TABLE laid ON COMMIT DROP AS
    SELECT n, bench_at(at, 10, n) AS id, at,
        CASE WHEN kind < 71 THEN 'completed' WHEN kind < 91 THEN 'scheduled' WHEN kind < 95 THEN 'draft' WHEN kind = 95 THEN 'awaiting_approval'
            ELSE 'canceled' END AS status,
        CASE WHEN kind < 60 THEN 'published' WHEN kind < 68 THEN 'failed' WHEN kind < 70 THEN 'partial' WHEN kind = 70 THEN 'unknown' END AS outcome,
        CASE WHEN kind BETWEEN 71 AND 90 THEN now() + (n % 60 + 1) * interval '1 day' WHEN kind BETWEEN 91 AND 94 THEN NULL ELSE at END AS due
    FROM (SELECT n, now() - (posts - n) * (interval '90 days' / posts) AS at, n % 100 AS kind FROM generate_series(1, posts) n) g;
    INSERT INTO posts (id, user_id, status, outcome, needs_attention, revision, test_mode, content, scheduled_at, external_id, metadata, issues,
        open_deliveries, created_by_type, created_by_id, accepted_at, accepted_by_id, is_capped, traceparent, created_at, updated_at,
        completed_at, canceled_at)
    SELECT id, owner, status, outcome, coalesce(outcome = 'unknown', false), 3, true,
        content || jsonb_build_object('body', 'Post ' || n || ', of a length that is not unusual among posts of people and firms.'),
        due, 'cms-' || n, '{"campaign": "spring"}', '[]', CASE status WHEN 'scheduled' THEN 2 WHEN 'awaiting_approval' THEN 2 ELSE 0 END,
        CASE WHEN n % 2 = 0 THEN 'api_key' ELSE 'user' END, CASE WHEN n % 2 = 0 THEN key_id ELSE owner END,
        CASE WHEN status <> 'draft' THEN at END, CASE WHEN n % 2 = 0 THEN key_id ELSE owner END, false, trace, at,
        at + interval '2 seconds', CASE WHEN status = 'completed' THEN at + interval '2 seconds' END,
        CASE WHEN status = 'canceled' THEN at + interval '2 seconds' END
    FROM laid;

    CREATE TEMP TABLE sent ON COMMIT DROP AS
    SELECT l.*, k, bench_at(l.at, 11, l.n * 2 + k) AS delivery_id, o.id AS profile_id, o.provider, o.name,
        CASE l.status WHEN 'completed' THEN CASE l.outcome WHEN 'partial' THEN CASE k WHEN 0 THEN 'published' ELSE 'failed' END ELSE l.outcome END
            WHEN 'canceled' THEN 'canceled' ELSE 'pending' END AS state
    FROM laid l CROSS JOIN generate_series(0, 1) k JOIN own o ON o.n = (l.n * 2 + k) % profile_count;
    INSERT INTO deliveries (id, post_id, user_id, profile_id, position, provider, profile_name, test_mode, status, phase, content, content_hash,
        parts, scheduled_at, attempt_count, created_at, updated_at, started_at, published_at, failed_at, lateness_ms, provider_post_id, url, error)
    SELECT delivery_id, id, owner, profile_id, k, provider, name, true, state, CASE WHEN state = 'pending' THEN 'waiting' END,
        (content - 'providerOptions' - 'overrides') || jsonb_build_object('options', '{}'::jsonb, 'body', 'Post ' || n || ', of a length that is not unusual among posts of people and firms.'),
        sha256(convert_to(n || '-' || k, 'UTF8')),
        '[{"index": 0, "kind": "root", "status": "pending", "providerPostId": null, "url": null, "error": null}]',
        due, (status = 'completed')::int, at, at + interval '2 seconds', CASE WHEN status = 'completed' THEN at END,
        CASE WHEN state = 'published' THEN at + interval '2 seconds' END, CASE WHEN state = 'failed' THEN at + interval '2 seconds' END,
        CASE WHEN state = 'published' THEN 40 + n % 400 END, CASE WHEN state = 'published' THEN delivery_id::text END,
        CASE WHEN state = 'published' THEN 'https://social.example/' || delivery_id END, CASE WHEN state = 'failed' THEN error END
    FROM sent;
    INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, created_at)
    SELECT bench_at(at, 12, n * 2 + k), owner, 'publish', delivery_id, profile_id, provider, 'waiting', due, 0, at FROM sent WHERE status = 'scheduled';
    INSERT INTO attempts (id, delivery_id, user_id, number, mode, lease_token, worker_id, started_at, called_at, finished_at, verdict, handles,
        steps, evidence, error, traceparent)
    SELECT bench_at(at, 13, n * 2 + k), delivery_id, owner, 1, 'none', delivery_id, delivery_id, at, at + interval '1 second', at + interval '2 seconds',
        CASE state WHEN 'published' THEN 'published' WHEN 'failed' THEN 'rejected' ELSE 'unconfirmed' END, '{}',
        jsonb_build_array(jsonb_build_object('at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'name', 'mark', 'detail', NULL)),
        '[]', CASE WHEN state = 'failed' THEN error END, trace
    FROM sent WHERE status = 'completed';

    CREATE TEMP TABLE told ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY at, part) AS sequence, h.* FROM (
        SELECT n, at, 0 AS part, bench_at(at, 20, n * 8) AS event_id, 'post.created' AS type, id AS post_id, NULL::uuid AS delivery_id,
            NULL::uuid AS profile_id, NULL AS provider, outcome, '' AS name FROM laid
        UNION ALL
        SELECT n, at + interval '2 seconds', 1 + k, bench_at(at + interval '2 seconds', 20, n * 8 + 1 + k), 'delivery.' || state, id, delivery_id,
            profile_id, provider, outcome, name FROM sent WHERE status = 'completed'
        UNION ALL
        SELECT n, at + interval '2 seconds', 4, bench_at(at + interval '2 seconds', 20, n * 8 + 4), 'post.' || status, id, NULL, NULL, NULL, outcome, ''
        FROM laid WHERE status IN ('completed', 'canceled')) h;
    INSERT INTO events (id, user_id, type, test_mode, post_id, delivery_id, profile_id, provider, data, traceparent, created_at)
    SELECT event_id, owner, type, true, post_id, delivery_id, profile_id, provider,
        jsonb_build_object('post', jsonb_build_object('id', post_id, 'status', 'completed', 'outcome', outcome, 'revision', 3, 'externalId', 'cms-' || n,
            'metadata', '{"campaign": "spring"}'::jsonb))
        || CASE WHEN delivery_id IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('delivery', jsonb_build_object('id', delivery_id,
            'profileId', profile_id, 'profileName', name, 'provider', provider, 'status', substr(type, 10), 'latenessMs', 40,
            'error', CASE WHEN type = 'delivery.failed' THEN error END)) END, trace, at
    FROM told;
    INSERT INTO event_numbers (user_id, sequence, event_id) SELECT owner, 1000 + sequence, event_id FROM told;
    INSERT INTO event_sequences (user_id, last) SELECT owner, 1000 + max(sequence) FROM told
        ON CONFLICT (user_id) DO UPDATE SET last = excluded.last;
    INSERT INTO audit_entries (id, user_id, actor_type, actor_id, action, subject_type, subject_id, post_id, created_at)
    SELECT bench_at(at, 30, sequence), owner, CASE WHEN n % 2 = 0 AND delivery_id IS NULL THEN 'api_key' WHEN delivery_id IS NULL THEN 'user' ELSE 'system' END,
        CASE WHEN n % 2 = 0 AND delivery_id IS NULL THEN key_id WHEN delivery_id IS NULL THEN owner END, type,
        CASE WHEN delivery_id IS NULL THEN 'post' ELSE 'delivery' END, coalesce(delivery_id, post_id), post_id, at
    FROM told;

    -- The ids of messages are made as the product makes them.
    INSERT INTO webhook_messages (id, user_id, endpoint_id, event_id, sequence, type, lane, status, attempts, tries, last_attempt_at, last_status_code,
        last_error, delivered_at, first_try_at, first_try, created_at)
    SELECT (left(event_id::text, 18) || '-8' || substr(md5(endpoint::text || event_id::text), 1, 3) || '-' || substr(md5(endpoint::text || event_id::text), 4, 12))::uuid,
        owner, endpoint, event_id, 1000 + sequence, type, md5(endpoint::text || ':0')::uuid, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'delivered' END,
        1, 0, at, CASE WHEN n % 50 = 0 THEN 500 ELSE 204 END, CASE WHEN n % 50 = 0 THEN 'status' END, CASE WHEN n % 50 <> 0 THEN at END,
        CASE WHEN n % 50 <> 0 THEN at END, CASE WHEN n % 50 <> 0 THEN json_build_object('url', 'http://127.0.0.1:9/', 'durationMs', 30, 'statusCode', 204,
            'httpVersion', '1.1', 'answerHead', 'Server: nginx', 'answerBody', NULL, 'signatures', 1, 'traceparent', NULL) END, at
    FROM told;
    INSERT INTO webhook_attempts (id, user_id, endpoint_id, message_id, number, url, started_at, duration_ms, status_code, error, http_version, signatures)
    SELECT bench_at(created_at, 31, sequence), user_id, endpoint_id, id, 1, 'http://127.0.0.1:9/', created_at, 30, last_status_code, last_error, '1.1', 1
    FROM webhook_messages WHERE endpoint_id = endpoint AND first_try_at IS NULL;
END $$;
