using PostMantis.Core.Audit;
using PostMantis.Core.Outbox;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Persistence;

/// <summary>
/// What accompanies a change, such as its events, gathered to be written by one statement per table. Closed, as it is at
/// first, everything goes the way of the change tracker; the busiest paths open it.
/// </summary>
public sealed class PendingRows
{
    private const string EventsSql = """
        WITH happened AS (
            INSERT INTO events (id, user_id, type, test_mode, post_id, delivery_id, profile_id, provider, data, traceparent,
                created_at)
            SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id, user_id)
        INSERT INTO unnumbered_events (event_id, user_id) SELECT id, user_id FROM happened
        """;

    private const string AuditSql = """
        INSERT INTO audit_entries (id, user_id, actor_type, actor_id, address, user_agent, action, subject_type, subject_id,
            post_id, detail, created_at)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """;

    private const string ItemsSql = """
        INSERT INTO work_items (id, user_id, kind, key, lane, pool, state, run_at, tries, traceparent, created_at)
        SELECT id, user_id, kind, key, lane, pool, 'waiting', run_at, 0, traceparent, created_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS w(id, user_id, kind, key, lane, pool, run_at, traceparent,
            created_at)
        """;

    private readonly List<(Event Event, string Data)> _events = [];
    private readonly List<AuditEntry> _audit = [];
    private readonly List<WorkItem> _items = [];

    /// <summary>Whether rows are gathered here.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Gathers from here on, with nothing left of an earlier try.</summary>
    public void Open()
    {
        Clear();
        IsOpen = true;
    }

    /// <summary>Gathers until the answer is disposed: what was not written by then is forgotten.</summary>
    public IDisposable Gather()
    {
        Open();
        return new Gathering(this);
    }

    /// <summary>Adds the statements that write what was gathered, and closes.</summary>
    public void Write(SqlBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        WriteEvents(batch);
        WriteAudit(batch);
        WriteItems(batch);
        Clear();
        IsOpen = false;
    }

    internal void Add(Event happened, string data) => _events.Add((happened, data));

    internal void Add(AuditEntry entry) => _audit.Add(entry);

    internal void Add(WorkItem item) => _items.Add(item);

    private void Clear()
    {
        _events.Clear();
        _audit.Clear();
        _items.Clear();
    }

    private sealed class Gathering(PendingRows rows) : IDisposable
    {
        public void Dispose()
        {
            rows.Clear();
            rows.IsOpen = false;
        }
    }

    private void WriteEvents(SqlBatch batch)
    {
        if (_events.Count == 0) return;
        var columns = new SqlColumns<(Event Event, string Data)>(batch.Add(EventsSql), _events);
        columns.Add(e => e.Event.Id);
        columns.Add(e => e.Event.UserId);
        columns.Add(e => e.Event.Type);
        columns.Add(e => e.Event.TestMode);
        columns.Add(e => e.Event.PostId);
        columns.Add(e => e.Event.DeliveryId);
        columns.Add(e => e.Event.ProfileId);
        columns.Add(e => e.Event.Provider);
        columns.JsonText(e => e.Data);
        columns.Add(e => e.Event.Traceparent);
        columns.Add(e => e.Event.CreatedAt);
    }

    private void WriteAudit(SqlBatch batch)
    {
        if (_audit.Count == 0) return;
        var columns = new SqlColumns<AuditEntry>(batch.Add(AuditSql), _audit);
        columns.Add(a => a.Id);
        columns.Add(a => a.UserId);
        columns.Enum(a => a.ActorType);
        columns.Add(a => a.ActorId);
        columns.Add(a => a.Address);
        columns.Add(a => a.UserAgent);
        columns.Add(a => a.Action);
        columns.Add(a => a.SubjectType);
        columns.Add(a => a.SubjectId);
        columns.Add(a => a.PostId);
        columns.Json(a => a.Detail?.ToJsonString(Common.Json.Options));
        columns.Add(a => a.CreatedAt);
    }

    private void WriteItems(SqlBatch batch)
    {
        if (_items.Count == 0) return;
        var columns = new SqlColumns<WorkItem>(batch.Add(ItemsSql), _items);
        columns.Add(w => w.Id);
        columns.Add(w => w.UserId);
        columns.Enum(w => w.Kind);
        columns.Add(w => w.Key);
        columns.Add(w => w.Lane);
        columns.Add(w => w.Pool);
        columns.Add(w => w.RunAt);
        columns.Add(w => w.Traceparent);
        columns.Add(w => w.CreatedAt);
    }
}
