using PostMantis.Core.Persistence;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>What a settlement adds to its line of the ledger.</summary>
internal sealed record AttemptChange(Guid Id, IReadOnlyList<AttemptStep> Steps, string? Traceparent,
    AttemptVerdict? Verdict, DateTimeOffset? CalledAt, DateTimeOffset? FinishedAt, DeliveryError? Error, string? ProviderPostId, string? Url)
{
    private const string WriteSql = """
        UPDATE attempts a SET steps = a.steps || c.steps, traceparent = coalesce(c.traceparent, a.traceparent),
            verdict = c.verdict, called_at = coalesce(a.called_at, c.called_at), finished_at = c.finished_at, error = c.error, provider_post_id = c.provider_post_id,
            url = c.url
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS c(id, steps, traceparent, verdict, called_at, finished_at,
            error, provider_post_id, url)
        WHERE a.id = c.id
        """;

    public static AttemptChange Of(Settlement settlement, DateTimeOffset now)
    {
        var (id, url) = settlement.Outcome switch
        {
            PublishOutcome.Published live => (live.ProviderPostId, live.Url),
            PublishOutcome.Incomplete live => (live.ProviderPostId, live.Url),
            _ => (null, null),
        };
        return new AttemptChange(settlement.Claimed.Attempt.Id, settlement.Steps, settlement.Traceparent,
            settlement.Verdict, settlement.CallStartedAt, settlement.Verdict is null ? null : now,
            settlement.Verdict is not null && settlement.Error is { } error ? ProviderText.Clean(error) : null,
            id, ProviderText.Url(url));
    }

    public static void Write(SqlBatch batch, IReadOnlyList<AttemptChange> changes)
    {
        var columns = new SqlColumns<AttemptChange>(batch.Add(WriteSql), changes);
        columns.Add(c => c.Id);
        columns.Document(c => c.Steps);
        columns.Add(c => c.Traceparent);
        columns.EnumOrNull(c => c.Verdict);
        columns.Add(c => c.CalledAt);
        columns.Add(c => c.FinishedAt);
        columns.Document(c => c.Error);
        columns.Add(c => c.ProviderPostId);
        columns.Add(c => c.Url);
    }
}
