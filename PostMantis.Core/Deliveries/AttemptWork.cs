using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>One attempt as its adapter holds it: every write is durable before it returns and guarded by the lease.</summary>
internal sealed class AttemptWork : PublishWork
{
    private readonly NpgsqlDataSource _source;
    private readonly CallMarker _marker;
    private readonly TimeProvider _time;
    private readonly Guid _leaseToken;
    private readonly Dictionary<string, string> _handles;
    private readonly List<AttemptStep> _steps = [];
    private readonly List<LearnedBudget> _learned = [];

    [SetsRequiredMembers]
    public AttemptWork(ClaimedDelivery claimed, GrantTokens tokens, IReadOnlyDictionary<Guid, PublishFile> files,
        NpgsqlDataSource source, CallMarker marker, TimeProvider time)
    {
        (_source, _marker, _time, _leaseToken) = (source, marker, time, claimed.Lease.LeaseToken);
        _handles = new Dictionary<string, string>(claimed.Attempt.Handles, StringComparer.Ordinal);
        DeliveryId = claimed.Delivery.Id;
        AttemptId = claimed.Attempt.Id;
        AttemptNumber = claimed.Delivery.AttemptCount + 1;
        Target = claimed.Target;
        Content = claimed.Delivery.Content;
        Tokens = tokens;
        Files = files;
        Parts = claimed.Delivery.Parts;
        Handles = _handles;
    }

    /// <summary>When the first public call of this claim started.</summary>
    public DateTimeOffset? CallStartedAt { get; private set; }

    /// <summary>From here on the network may have taken it.</summary>
    public bool MayHaveCalled { get; private set; }

    public IReadOnlyList<AttemptStep> Steps => _steps;

    /// <summary>What the network's answers said about budgets, oldest first.</summary>
    public IReadOnlyList<LearnedBudget> Learned => _learned;

    public override async Task SaveHandleAsync(string name, string value, CancellationToken ct)
    {
        await using var command = _source.CreateCommand("""
            UPDATE attempts SET handles = handles || $3 WHERE id = $1 AND lease_token = $2 AND finished_at IS NULL
            """);
        command.Parameters.AddWithValue(AttemptId);
        command.Parameters.AddWithValue(_leaseToken);
        command.Parameters.AddWithValue(NpgsqlDbType.Jsonb,
            JsonSerializer.Serialize(new Dictionary<string, string> { [name] = value }, Json.Options));
        if (await command.ExecuteNonQueryAsync(ct) == 0) throw new LeaseLostException();
        _handles[name] = value;
        AddStep("handle", name);
    }

    public override async Task<CallWindow> MarkAsync(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var window = await _marker.MarkAsync(AttemptId, _leaseToken);
        AddStep("mark");
        return window;
    }

    public override void CallStarts()
    {
        MayHaveCalled = true;
        CallStartedAt ??= _time.GetUtcNow();
        AddStep("call");
    }

    public override void Learn(LearnedBudget learned) => _learned.Add(learned);

    private void AddStep(string name, string? detail = null) =>
        _steps.Add(new AttemptStep(_time.GetUtcNow(), name, detail));
}
