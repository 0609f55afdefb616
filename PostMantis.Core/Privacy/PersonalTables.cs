namespace PostMantis.Core.Privacy;

/// <summary>A table with rows of users: whose they are, what is handed out of them, in which order they go.</summary>
/// <param name="Owner">What makes a row the user's; <c>$1</c> is the user's id.</param>
/// <param name="Key">What names a row, for going through many in batches.</param>
internal sealed record PersonalTable(string Name, string Owner = PersonalTable.ByUser, string Key = "id")
{
    public const string ByUser = "user_id = $1";

    /// <summary>Columns that are secrets, or hashes of some: nobody is given them.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];

    /// <summary>How many go at once; more where finding them means looking through the table.</summary>
    public int Batch { get; init; } = 2_000;

    /// <summary>Why a person is given none of it; null: they are given all of it but secrets.</summary>
    public string? NotExported { get; init; }
}

/// <summary>
/// Every table that tells of a user, in the order in which erasing goes through them. A test compares it with the catalog of
/// the database, so that a new table is exported and erased, or does not pass.
/// </summary>
internal static class PersonalTables
{
    private const string OfTheirPosts = "post_id IN (SELECT id FROM posts WHERE user_id = $1)";
    private const string OfTheirProfiles = "subject_id IN (SELECT id FROM profiles WHERE user_id = $1)";

    public static IReadOnlyList<PersonalTable> All { get; } =
    [
        new("webhook_attempts", "endpoint_id IN (SELECT id FROM webhook_endpoints WHERE user_id = $1)"),
        new("webhook_messages", "endpoint_id IN (SELECT id FROM webhook_endpoints WHERE user_id = $1)"),
        new("webhook_replays"),
        new("webhook_endpoints") { Secrets = ["secret", "previous_secret"] },
        new("events") { Batch = 50_000 },
        new("unnumbered_events", Key: "position") { NotExported = "the same events are in events" },
        new("event_numbers", Key: "user_id, sequence"),
        new("event_sequences", Key: "user_id"),
        new("idempotency_keys", Key: "user_id, key") { Secrets = ["fingerprint"] },
        new("artifact_uses", OfTheirPosts, "artifact_id, post_id"),
        new("artifact_versions", "artifact_id IN (SELECT id FROM artifacts WHERE user_id = $1)"),
        new("artifacts"),
        new("attempts", "delivery_id IN (SELECT id FROM deliveries WHERE user_id = $1)"),
        new("deliveries") { Secrets = ["content_hash", "content_key"] },
        new("work_items") { NotExported = "it is the queue's; what waits is told by deliveries" },
        new("posts"),
        new("learned_windows", OfTheirProfiles, "provider, subject_id"),
        new("budget_windows", OfTheirProfiles, "provider, rule, subject_id"),
        new("connection_sessions") { Secrets = ["credential", "state_hash"] },
        new("profiles"),
        new("connections") { Secrets = ["credential"] },
        new("brands"),
        new("api_rate_windows", "key_id IN (SELECT id FROM api_keys WHERE user_id = $1)", "key_id, bucket"),
        new("api_keys") { Secrets = ["secret_hash"] },
        new("invitations", "invited_by = $1 OR lower(email) = (SELECT lower(email) FROM users WHERE id = $1)")
        {
            Secrets = ["token_hash"],
        },
        new("sessions"),
        new("authenticators") { Secrets = ["secret"] },
        new("recovery_codes", Key: "user_id, hash") { NotExported = "there is nothing but hashes" },
        new("user_passkeys", Key: "credential_id"),
        new("user_tokens", Key: "user_id, login_provider, name") { Secrets = ["value"] },
        new("user_logins", Key: "login_provider, provider_key"),
        new("user_claims"),
        new("audit_seals") { Secrets = ["seal"] },
        new("audit_anchors") { Secrets = ["seal"] },
        new("audit_entries", Key: "user_id, id"),
        new("users", "id = $1") { Secrets = ["password_hash", "security_stamp", "concurrency_stamp"] },
    ];
}
