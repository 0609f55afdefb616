using System.Diagnostics;
using System.Diagnostics.Metrics;
using PostMantis.Core.Common;
using PostMantis.Core.Posts;

namespace PostMantis.Core.Deliveries;

/// <summary>What the recovery loop can find amiss; when healthy each counts zero.</summary>
internal static class Repairs
{
    public const string ExpiredLease = "expiredLease";
    public const string MissingItem = "missingItem";
    public const string SettledItem = "settledItem";
    public const string OpenCount = "openCount";
    public const string OpenAttempt = "openAttempt";
}

/// <summary>What is measured of posts and deliveries. Tags are few and bounded; ids go on spans only.</summary>
public sealed class DeliveryTelemetry
{
    public const string PostsName = "PostMantis.Posts";
    public const string Name = "PostMantis.Deliveries";

    /// <summary>Spans of claim, publish, settle and reconcile.</summary>
    public static readonly ActivitySource Source = new(Name);

    private readonly Counter<long> _accepted;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _lateness;
    private readonly Histogram<double> _published;
    private readonly Counter<long> _reconciled;
    private readonly Counter<long> _repairs;
    private readonly Counter<long> _evidence;
    private readonly Counter<long> _overBudget;

    public DeliveryTelemetry(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _accepted = meters.Create(PostsName).CreateCounter<long>("postmantis.posts.accepted", "{post}",
            "Posts taken for publishing.");
        var meter = meters.Create(Name);
        _attempts = meter.CreateCounter<long>("postmantis.delivery.attempts", "{attempt}",
            "Attempts by network and verdict.");
        _duration = meter.CreateHistogram<double>("postmantis.delivery.attempt.duration", "s",
            "Time in the hands of an adapter.", advice: HistogramBuckets.Calls);
        _lateness = meter.CreateHistogram<double>("postmantis.delivery.lateness", "s",
            "First public call minus the moment.", advice: HistogramBuckets.Waits);
        _published = meter.CreateHistogram<double>("postmantis.delivery.time_to_publish", "s",
            "From the moment a delivery was due to its settlement as published.", advice: HistogramBuckets.Waits);
        _reconciled = meter.CreateCounter<long>("postmantis.delivery.reconciliations", "{look}",
            "Looks for unknown outcomes, by what they found.");
        _repairs = meter.CreateCounter<long>("postmantis.drift.repairs", "{repair}",
            "What the recovery loop put right; zero when healthy.");
        _evidence = meter.CreateCounter<long>("postmantis.delivery.evidence", "{answer}",
            "Answers of workers that had lost their lease, by kind.");
        _overBudget = meter.CreateCounter<long>("postmantis.delivery.over_budget", "{delivery}",
            "Deliveries kept back by a budget, by network and rule.");
    }

    /// <summary>A post was accepted.</summary>
    internal void Accepted(Post post) =>
        _accepted.Add(1, new KeyValuePair<string, object?>("test_mode", post.TestMode),
            new KeyValuePair<string, object?>("created_by", CamelCase.Of(post.CreatedByType)));

    internal void Attempted(string provider, AttemptVerdict verdict) =>
        _attempts.Add(1, Tag("provider", provider), Tag("verdict", CamelCase.Of(verdict)));

    internal void Ran(string provider, TimeSpan duration) => _duration.Record(duration.TotalSeconds, Tag("provider", provider));

    internal void Late(string provider, TimeSpan lateness) => _lateness.Record(lateness.TotalSeconds, Tag("provider", provider));

    internal void Published(string provider, TimeSpan sinceDue) =>
        _published.Record(sinceDue.TotalSeconds, Tag("provider", provider));

    internal void Reconciled(string provider, string result) =>
        _reconciled.Add(1, Tag("provider", provider), Tag("result", result));

    internal void Repaired(string kind, int count = 1) => _repairs.Add(count, Tag("kind", kind));

    internal void OverBudget(string provider, string rule) =>
        _overBudget.Add(1, Tag("provider", provider), Tag("rule", rule));

    internal void Evidence(string kind) => _evidence.Add(1, Tag("kind", kind));

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
