using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using PostMantis.Core.Common;

namespace PostMantis.Api.Sandbox;

/// <summary>
/// What the network remembers, in a schema of its own. Everything is committed before it is answered, so that what the
/// network says happened has happened.
/// </summary>
internal sealed class SandboxStore(NpgsqlDataSource database, TimeProvider time)
{
    private const long SchemaLock = 5_081_2026;
    private static readonly TimeSpan CodeLifetime = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan RefreshLifetime = TimeSpan.FromDays(60);
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    /// <summary>Creates the schema and its accounts; safe to run again and from two processes at once.</summary>
    public async Task CreateAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var create = new NpgsqlCommand($$"""
            SELECT pg_advisory_xact_lock({{SchemaLock}});
            CREATE SCHEMA IF NOT EXISTS sandbox;
            CREATE TABLE IF NOT EXISTS sandbox.accounts (id text PRIMARY KEY, name text NOT NULL, handle text NOT NULL);
            CREATE TABLE IF NOT EXISTS sandbox.destinations (id text PRIMARY KEY,
                account_id text NOT NULL REFERENCES sandbox.accounts, name text NOT NULL, handle text NOT NULL,
                mode text NOT NULL CHECK (mode IN ('idempotent', 'probe', 'readBack', 'none')), position int NOT NULL);
            CREATE TABLE IF NOT EXISTS sandbox.grants (id uuid PRIMARY KEY,
                account_id text NOT NULL REFERENCES sandbox.accounts, created_at timestamptz NOT NULL,
                revoked_at timestamptz);
            CREATE TABLE IF NOT EXISTS sandbox.codes (hash bytea PRIMARY KEY,
                account_id text NOT NULL REFERENCES sandbox.accounts, redirect_uri text NOT NULL,
                challenge text NOT NULL, expires_at timestamptz NOT NULL, grant_id uuid);
            CREATE TABLE IF NOT EXISTS sandbox.tokens (hash bytea PRIMARY KEY,
                grant_id uuid NOT NULL REFERENCES sandbox.grants, kind text NOT NULL CHECK (kind IN ('access', 'refresh')),
                expires_at timestamptz NOT NULL, traded_at timestamptz);
            CREATE TABLE IF NOT EXISTS sandbox.containers (id uuid PRIMARY KEY,
                destination_id text NOT NULL REFERENCES sandbox.destinations, body text NOT NULL,
                ready_at timestamptz NOT NULL, post_id uuid);
            CREATE TABLE IF NOT EXISTS sandbox.posts (id uuid PRIMARY KEY,
                destination_id text NOT NULL REFERENCES sandbox.destinations, parent_id uuid, body text NOT NULL,
                key text, created_at timestamptz NOT NULL, removed_at timestamptz);
            CREATE UNIQUE INDEX IF NOT EXISTS ix_posts_key ON sandbox.posts (destination_id, key) WHERE key IS NOT NULL;
            CREATE INDEX IF NOT EXISTS ix_posts_feed ON sandbox.posts (destination_id, created_at DESC, id DESC);
            ALTER TABLE sandbox.containers ADD COLUMN IF NOT EXISTS media jsonb NOT NULL DEFAULT '[]';
            ALTER TABLE sandbox.posts ADD COLUMN IF NOT EXISTS media jsonb NOT NULL DEFAULT '[]';
            {{SandboxFiles.Schema}}
            CREATE TABLE IF NOT EXISTS sandbox.fault_uses (key text PRIMARY KEY, used int NOT NULL);
            INSERT INTO sandbox.accounts VALUES ('studio', 'Sandbox Studio', '@studio'),
                ('lab', 'Settlement Lab', '@lab') ON CONFLICT DO NOTHING;
            INSERT INTO sandbox.destinations VALUES
                ('studio-page', 'studio', 'Studio Page', '@studio', 'idempotent', 1),
                ('studio-team', 'studio', 'Studio Team', '@studio-team', 'probe', 2),
                ('studio-notes', 'studio', 'Studio Notes', '@studio-notes', 'readBack', 3),
                ('lab-idempotent', 'lab', 'Lab · repeatable', '@lab-idempotent', 'idempotent', 1),
                ('lab-probe', 'lab', 'Lab · by container', '@lab-probe', 'probe', 2),
                ('lab-read-back', 'lab', 'Lab · by listing', '@lab-read-back', 'readBack', 3),
                ('lab-none', 'lab', 'Lab · no way to tell', '@lab-none', 'none', 4) ON CONFLICT DO NOTHING;
            """, connection, transaction);
        await create.ExecuteNonQueryAsync(ct);
        await using var tidy = Command(connection, """
            WITH codes AS (DELETE FROM sandbox.codes WHERE expires_at < $1)
            DELETE FROM sandbox.tokens WHERE expires_at < $1
            """, time.GetUtcNow() - Kept);
        await tidy.ExecuteNonQueryAsync(ct);
        await transaction.CommitAsync(ct);
    }

    public Task<List<SandboxAccount>> AccountsAsync(CancellationToken ct) => ListAsync(
        "SELECT id, name, handle FROM sandbox.accounts ORDER BY id DESC",
        Account, ct);

    public Task<List<SandboxDestination>> DestinationsAsync(string? accountId, CancellationToken ct) => ListAsync("""
        SELECT id, account_id, name, handle, mode FROM sandbox.destinations
        WHERE $1::text IS NULL OR account_id = $1 ORDER BY account_id DESC, position
        """, row => new SandboxDestination(
            row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4)), ct, accountId);

    /// <summary>A code for the browser to carry back.</summary>
    public async Task<string> IssueCodeAsync(string accountId, string redirectUri, string challenge, CancellationToken ct)
    {
        var code = NewSecret("sbx_code_");
        await ExecuteAsync("INSERT INTO sandbox.codes VALUES ($1, $2, $3, $4, $5)", ct, Hash(code), accountId, redirectUri,
            challenge, time.GetUtcNow() + CodeLifetime);
        return code;
    }

    /// <summary>Trades a code for tokens, once; a code used twice ends the grant it gave (RFC 6749 §4.1.2).</summary>
    public async Task<SandboxTokens?> TradeCodeAsync(
        string code, string redirectUri, string verifier, TimeSpan lifetime, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var find = Command(connection, """
            SELECT account_id, redirect_uri, challenge, expires_at, grant_id FROM sandbox.codes WHERE hash = $1 FOR UPDATE
            """, Hash(code));
        string accountId;
        await using (var row = await find.ExecuteReaderAsync(ct))
        {
            if (!await row.ReadAsync(ct)) return null;
            if (!row.IsDBNull(4))
            {
                var spent = row.GetGuid(4);
                await row.DisposeAsync();
                await Command(connection, "UPDATE sandbox.grants SET revoked_at = $2 WHERE id = $1", spent,
                    time.GetUtcNow()).ExecuteNonQueryAsync(ct);
                await transaction.CommitAsync(ct);
                return null;
            }
            var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
            if (row.GetString(1) != redirectUri || row.GetString(2) != challenge
                || row.GetFieldValue<DateTimeOffset>(3) <= time.GetUtcNow()) return null;
            accountId = row.GetString(0);
        }
        var grantId = Ids.New(time.GetUtcNow());
        await Command(connection, "INSERT INTO sandbox.grants VALUES ($1, $2, $3)", grantId, accountId, time.GetUtcNow())
            .ExecuteNonQueryAsync(ct);
        await Command(connection, "UPDATE sandbox.codes SET grant_id = $2 WHERE hash = $1", Hash(code), grantId)
            .ExecuteNonQueryAsync(ct);
        var tokens = await IssueAsync(connection, grantId, accountId, lifetime, ct);
        await transaction.CommitAsync(ct);
        return tokens;
    }

    /// <summary>Trades a refresh token for a new pair; the old one works again only within the grace.</summary>
    public async Task<SandboxTokens?> RefreshAsync(string refreshToken, TimeSpan lifetime, TimeSpan grace, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var now = time.GetUtcNow();
        await using var find = Command(connection, """
            SELECT t.grant_id, g.account_id FROM sandbox.tokens t JOIN sandbox.grants g ON g.id = t.grant_id
            WHERE t.hash = $1 AND t.kind = 'refresh' AND g.revoked_at IS NULL AND t.expires_at > $2
              AND (t.traded_at IS NULL OR t.traded_at > $3) FOR UPDATE
            """, Hash(refreshToken), now, now - grace);
        Guid grantId;
        string accountId;
        await using (var row = await find.ExecuteReaderAsync(ct))
        {
            if (!await row.ReadAsync(ct)) return null;
            (grantId, accountId) = (row.GetGuid(0), row.GetString(1));
        }
        await Command(connection, "UPDATE sandbox.tokens SET traded_at = COALESCE(traded_at, $2) WHERE hash = $1",
            Hash(refreshToken), now).ExecuteNonQueryAsync(ct);
        var tokens = await IssueAsync(connection, grantId, accountId, lifetime, ct);
        await transaction.CommitAsync(ct);
        return tokens;
    }

    /// <summary>Ends the grant of a token.</summary>
    public Task RevokeAsync(string token, CancellationToken ct) => ExecuteAsync("""
        UPDATE sandbox.grants SET revoked_at = COALESCE(revoked_at, $2)
        WHERE id = (SELECT grant_id FROM sandbox.tokens WHERE hash = $1)
        """, ct, Hash(token), time.GetUtcNow());

    /// <summary>Ends every grant of an account: what a person does in the network's settings.</summary>
    public Task RevokeAccountAsync(string accountId, CancellationToken ct) => ExecuteAsync(
        "UPDATE sandbox.grants SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL", ct, accountId,
        time.GetUtcNow());

    /// <summary>Whose token it is, and what it may publish to.</summary>
    public async Task<SandboxBearer?> BearerAsync(string token, string? destinationId, CancellationToken ct)
    {
        await using var command = database.CreateCommand("""
            SELECT g.account_id, t.expires_at, g.revoked_at, d.id, d.mode
            FROM sandbox.tokens t JOIN sandbox.grants g ON g.id = t.grant_id
            LEFT JOIN sandbox.destinations d ON d.account_id = g.account_id AND d.id = $2
            WHERE t.hash = $1 AND t.kind = 'access'
            """);
        AddParameters(command, Hash(token), destinationId);
        await using var row = await command.ExecuteReaderAsync(ct);
        if (!await row.ReadAsync(ct)) return null;
        return new SandboxBearer(row.GetString(0), row.GetFieldValue<DateTimeOffset>(1) <= time.GetUtcNow(),
            !row.IsDBNull(2), row.IsDBNull(3) ? null : row.GetString(3), row.IsDBNull(4) ? null : row.GetString(4));
    }

    /// <summary>Makes a post public; with a key, the post that key made before.</summary>
    public async Task<(SandboxPost Post, bool IsNew)> PublishAsync(
        string destinationId, SandboxSaying said, Guid? parentId, string? key, TimeSpan? removedAfter, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var made = await ListAsync("""
            INSERT INTO sandbox.posts (id, destination_id, parent_id, body, key, created_at, removed_at, media)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)
            ON CONFLICT (destination_id, key) WHERE key IS NOT NULL DO NOTHING
            RETURNING id, destination_id, parent_id, body, created_at, media
            """, Post, ct, Ids.New(now), destinationId, parentId, said.Body, key, now, now + removedAfter, Media(said.Media));
        if (made.Count > 0) return (made[0], true);
        return ((await FindByKeyAsync(destinationId, key!, ct))!, false);
    }

    public async Task<SandboxPost?> FindByKeyAsync(string destinationId, string key, CancellationToken ct) =>
        (await ListAsync("""
            SELECT id, destination_id, parent_id, body, created_at, media FROM sandbox.posts
            WHERE destination_id = $1 AND key = $2
            """, Post, ct, destinationId, key)).FirstOrDefault();

    public async Task<SandboxPost?> FindAsync(Guid id, CancellationToken ct) =>
        (await ListAsync("""
            SELECT id, destination_id, parent_id, body, created_at, media FROM sandbox.posts
            WHERE id = $1 AND (removed_at IS NULL OR removed_at > $2)
            """, Post, ct, id, time.GetUtcNow())).FirstOrDefault();

    /// <summary>What is public at a destination, newest first.</summary>
    public Task<List<SandboxPost>> FeedAsync(SandboxFeed asked, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return ListAsync("""
            SELECT id, destination_id, parent_id, body, created_at, media FROM sandbox.posts
            WHERE destination_id = $1 AND (removed_at IS NULL OR removed_at > $2) AND created_at <= $3
              AND ($4::timestamptz IS NULL OR created_at >= $4)
              AND ($5::uuid IS NULL OR (created_at, id) < (SELECT created_at, id FROM sandbox.posts WHERE id = $5))
            ORDER BY created_at DESC, id DESC LIMIT $6
            """, Post, ct, asked.DestinationId, now, now - asked.Delay, asked.Since, asked.Before, asked.Limit);
    }

    public async Task<Guid> CreateContainerAsync(
        string destinationId, SandboxSaying said, TimeSpan processing, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var id = Ids.New(now);
        await ExecuteAsync("""
            INSERT INTO sandbox.containers (id, destination_id, body, ready_at, media) VALUES ($1, $2, $3, $4, $5::jsonb)
            """, ct, id, destinationId, said.Body, now + processing, Media(said.Media));
        return id;
    }

    public async Task<SandboxContainer?> ContainerAsync(Guid id, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return (await ListAsync("SELECT id, destination_id, body, ready_at, post_id, media FROM sandbox.containers WHERE id = $1",
            row => new SandboxContainer(row.GetGuid(0), row.GetString(1), new SandboxSaying(row.GetString(2), Media(row.GetString(5))),
                row.GetFieldValue<DateTimeOffset>(3) <= now, row.IsDBNull(4) ? null : row.GetGuid(4)), ct, id))
            .FirstOrDefault();
    }

    /// <summary>Publishes a container once; later calls answer the post it became.</summary>
    public async Task<SandboxPost> PublishContainerAsync(
        SandboxContainer container, TimeSpan? removedAfter, CancellationToken ct)
    {
        var (post, _) = await PublishAsync(container.DestinationId, container.Said, null, $"container:{container.Id}",
            removedAfter, ct);
        await ExecuteAsync("UPDATE sandbox.containers SET post_id = $2 WHERE id = $1", ct, container.Id, post.Id);
        return post;
    }

    /// <summary>Counts one more use of a list of faults; the first use is 0.</summary>
    public async Task<int> UseFaultAsync(string key, CancellationToken ct) => (await ListAsync("""
        INSERT INTO sandbox.fault_uses VALUES ($1, 0)
        ON CONFLICT (key) DO UPDATE SET used = fault_uses.used + 1 RETURNING used
        """, row => row.GetInt32(0), ct, key))[0];

    /// <summary>How many uses of a list of faults there were.</summary>
    public async Task<int> FaultsUsedAsync(string key, CancellationToken ct) => (await ListAsync(
        "SELECT COALESCE((SELECT used + 1 FROM sandbox.fault_uses WHERE key = $1), 0)", row => row.GetInt32(0), ct, key))[0];

    private async Task<SandboxTokens> IssueAsync(
        NpgsqlConnection connection, Guid grantId, string accountId, TimeSpan lifetime, CancellationToken ct)
    {
        var (access, refresh, now) = (NewSecret("sbx_at_"), NewSecret("sbx_rt_"), time.GetUtcNow());
        await Command(connection, """
            INSERT INTO sandbox.tokens VALUES ($1, $3, 'access', $4), ($2, $3, 'refresh', $5)
            """, Hash(access), Hash(refresh), grantId, now + lifetime, now + RefreshLifetime).ExecuteNonQueryAsync(ct);
        await using var row = await Command(connection, "SELECT id, name, handle FROM sandbox.accounts WHERE id = $1",
            accountId).ExecuteReaderAsync(ct);
        await row.ReadAsync(ct);
        return new SandboxTokens(access, refresh, lifetime, RefreshLifetime, Account(row));
    }

    private async Task<List<T>> ListAsync<T>(
        string sql, Func<NpgsqlDataReader, T> read, CancellationToken ct, params object?[] values)
    {
        await using var command = database.CreateCommand(sql);
        AddParameters(command, values);
        await using var rows = await command.ExecuteReaderAsync(ct);
        List<T> found = [];
        while (await rows.ReadAsync(ct)) found.Add(read(rows));
        return found;
    }

    private async Task ExecuteAsync(string sql, CancellationToken ct, params object?[] values)
    {
        await using var command = database.CreateCommand(sql);
        AddParameters(command, values);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object?[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        AddParameters(command, values);
        return command;
    }

    private static void AddParameters(NpgsqlCommand command, params object?[] values)
    {
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
    }

    private static SandboxAccount Account(NpgsqlDataReader row) => new(row.GetString(0), row.GetString(1), row.GetString(2));

    private static SandboxPost Post(NpgsqlDataReader row) => new(row.GetGuid(0), row.GetString(1),
        row.IsDBNull(2) ? null : row.GetGuid(2), row.GetString(3), row.GetFieldValue<DateTimeOffset>(4), Media(row.GetString(5)));

    private static string Media(IReadOnlyList<SandboxAttachment> media) => JsonSerializer.Serialize(media);

    private static List<SandboxAttachment> Media(string media) => JsonSerializer.Deserialize<List<SandboxAttachment>>(media)!;

    private static string NewSecret(string prefix) =>
        prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}

internal sealed record SandboxAccount(string Id, string Name, string Handle);

internal sealed record SandboxDestination(string Id, string AccountId, string Name, string Handle, string Mode);

/// <summary>What a post says and shows.</summary>
internal sealed record SandboxSaying(string Body, IReadOnlyList<SandboxAttachment> Media);

internal sealed record SandboxPost(Guid Id, string DestinationId, Guid? ParentId, string Body, DateTimeOffset CreatedAt,
    IReadOnlyList<SandboxAttachment> Media);

/// <summary>A part of a feed: what is older than the post <paramref name="Before"/> and was made at or after
/// <paramref name="Since"/>, but <paramref name="Delay"/> ago at least.</summary>
internal sealed record SandboxFeed(
    string DestinationId, int Limit, DateTimeOffset? Since = null, Guid? Before = null, TimeSpan Delay = default);

internal sealed record SandboxContainer(Guid Id, string DestinationId, SandboxSaying Said, bool IsReady, Guid? PostId);

/// <summary>The holder of an access token; the destination only when it is theirs.</summary>
internal sealed record SandboxBearer(
    string AccountId, bool IsExpired, bool IsRevoked, string? DestinationId, string? Mode);

internal sealed record SandboxTokens(
    string Access, string Refresh, TimeSpan Lifetime, TimeSpan RefreshLifetime, SandboxAccount Account)
{
    public override string ToString() => nameof(SandboxTokens);
}
