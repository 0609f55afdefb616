using System.Diagnostics;
using System.Diagnostics.Metrics;
using PostMantis.Core.Common;

namespace PostMantis.Core.Webhooks;

/// <summary>What is measured of webhooks. Tags are few and bounded; ids go on spans only.</summary>
public sealed class WebhookTelemetry
{
    public const string Name = "PostMantis.Webhooks";

    /// <summary>Spans of attempts.</summary>
    public static readonly ActivitySource Source = new(Name);

    private readonly Counter<long> _messages;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _age;
    private readonly Counter<long> _disabled;
    private readonly Counter<long> _repairs;
    private readonly UpDownCounter<int> _slots;

    public WebhookTelemetry(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create(Name);
        _messages = meter.CreateCounter<long>("postmantis.webhook.messages", "{message}", "Messages made of events.");
        _attempts = meter.CreateCounter<long>("postmantis.webhook.attempts", "{attempt}",
            "Attempts by what came of them.");
        _duration = meter.CreateHistogram<double>("postmantis.webhook.attempt.duration", "s",
            "From the first byte sent to the end of the answer.", advice: HistogramBuckets.Calls);
        _age = meter.CreateHistogram<double>("postmantis.webhook.age", "s",
            "From an event to the answer that delivered it.", advice: HistogramBuckets.Waits);
        _disabled = meter.CreateCounter<long>("postmantis.webhook.endpoints.disabled", "{endpoint}",
            "Endpoints disabled by themselves, by reason.");
        _repairs = meter.CreateCounter<long>("postmantis.webhook.repairs", "{lane}",
            "Lanes that had messages and no work item; zero when healthy.");
        _slots = meter.CreateUpDownCounter<int>("postmantis.webhook.slots", "{slot}", "Endpoint slots in use.");
    }

    internal void Made(int messages) => _messages.Add(messages);

    internal void Attempted(WebhookError? error, TimeSpan duration)
    {
        var result = new KeyValuePair<string, object?>("result", error is { } why ? CamelCase.Of(why) : "delivered");
        _attempts.Add(1, result);
        _duration.Record(duration.TotalSeconds, result);
    }

    internal void Delivered(TimeSpan age) => _age.Record(age.TotalSeconds);

    internal void Disabled(DisabledReason reason) =>
        _disabled.Add(1, new KeyValuePair<string, object?>("reason", CamelCase.Of(reason)));

    internal void Repaired(int lanes) => _repairs.Add(lanes);

    internal void Occupied(int slots) => _slots.Add(slots);
}
