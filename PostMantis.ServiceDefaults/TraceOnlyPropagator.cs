using System.Diagnostics;

namespace PostMantis.ServiceDefaults;

/// <summary>
/// Carries traces (W3C) and no baggage: what a caller put there is theirs, and is neither kept nor told to a network.
/// </summary>
internal sealed class TraceOnlyPropagator : DistributedContextPropagator
{
    private const string Parent = "traceparent";
    private const string State = "tracestate";

    public override IReadOnlyCollection<string> Fields { get; } = [Parent, State];

    public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter)
    {
        if (activity is not { IdFormat: ActivityIdFormat.W3C, Id: { } id } || setter is null) return;
        setter(carrier, Parent, id);
        if (activity.TraceStateString is { Length: > 0 } state) setter(carrier, State, state);
    }

    public override void ExtractTraceIdAndState(
        object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState)
    {
        (traceId, traceState) = (null, null);
        getter?.Invoke(carrier, Parent, out traceId, out _);
        if (traceId is not null) getter?.Invoke(carrier, State, out traceState, out _);
    }

    public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) =>
        null;
}
