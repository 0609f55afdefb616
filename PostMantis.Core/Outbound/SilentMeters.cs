using System.Diagnostics.Metrics;

namespace PostMantis.Core.Outbound;

/// <summary>
/// Nobody hears what is measured here: the runtime tags its measurements with the host, and hosts that people choose are
/// without number.
/// </summary>
internal sealed class SilentMeters : IMeterFactory
{
    private readonly Meter _meter = new("silent");

    public Meter Create(MeterOptions options) => _meter;

    public void Dispose() => _meter.Dispose();
}
