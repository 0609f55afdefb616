namespace PostMantis.Core.Webhooks;

/// <summary>What makes messages of events, for those who do: <c>happened</c> (h) are the events, <c>w</c> is an endpoint.</summary>
internal static class MessageSql
{
    /// <summary>Columns of an event that a message is made of.</summary>
    public const string Happened = """
        n.user_id, n.sequence, e.id, e.type, e.test_mode, e.post_id, e.profile_id, e.created_at,
            CASE WHEN e.type = 'webhook.test' THEN (e.data -> 'endpoint' ->> 'id')::uuid END AS only_id
        """;

    /// <summary>
    /// Whether the endpoint is told of the event. With a brand or profile filter it hears of these profiles, of posts that go
    /// to one of them, and of nothing else.
    /// </summary>
    public const string Wants = """
        CASE WHEN h.only_id IS NOT NULL THEN w.id = h.only_id
            ELSE (cardinality(w.types) = 0 OR h.type = ANY(w.types))
                AND (w.mode = 'both' OR (w.mode = 'test') = h.test_mode)
                AND (cardinality(w.brand_ids) + cardinality(w.profile_ids) = 0 OR EXISTS (
                    SELECT FROM profiles p
                    WHERE p.id IN (SELECT h.profile_id UNION ALL SELECT d.profile_id FROM deliveries d
                            WHERE h.profile_id IS NULL AND d.post_id = h.post_id)
                        AND (cardinality(w.profile_ids) = 0 OR p.id = ANY(w.profile_ids))
                        AND (cardinality(w.brand_ids) = 0 OR p.brand_id = ANY(w.brand_ids)))) END
        """;

    /// <summary>The message's id: the moment of the event, and a hash of the pair.</summary>
    public const string Id = """
        (left(h.id::text, 18) || '-8' || substr(md5(w.id::text || h.id::text), 1, 3) || '-'
            || substr(md5(w.id::text || h.id::text), 4, 12))::uuid
        """;

    /// <summary>One of the endpoint's slots; events of one post go through the same.</summary>
    public const string Lane = """
        md5(w.id::text || ':' || mod(abs(hashtext(coalesce(h.post_id, h.profile_id, h.id)::text)::bigint), w.slots))::uuid
        """;

    /// <summary>
    /// Due at once by every replica's clock, and in the order of the numbers whoever gave them: the database's clock, which
    /// all share, less what clocks may be apart. A process whose own clock, $1, is further behind goes by that.
    /// </summary>
    public const string Due = "least($1, statement_timestamp() - interval '1 second')";
}
