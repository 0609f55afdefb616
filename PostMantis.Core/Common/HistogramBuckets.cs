using System.Diagnostics.Metrics;

namespace PostMantis.Core.Common;

/// <summary>Where histograms of seconds have their bounds, so that every target of docs/slo.md is one of them.</summary>
internal static class HistogramBuckets
{
    /// <summary>Of one call, from a local answer to the longest time limit.</summary>
    public static InstrumentAdvice<double> Calls { get; } = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300],
    };

    /// <summary>Of waiting, from at once to a day.</summary>
    public static InstrumentAdvice<double> Waits { get; } = new()
    {
        HistogramBucketBoundaries = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400],
    };
}
