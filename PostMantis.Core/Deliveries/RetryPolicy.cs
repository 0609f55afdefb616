using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>When to try again: exponential with full jitter, by class of error, never sooner than the network asked.</summary>
internal static class RetryPolicy
{
    /// <summary>Doubling stops here, long before a wait overflows.</summary>
    private const int MostDoublings = 20;

    /// <summary>The wait after the <paramref name="tries"/>-th try.</summary>
    /// <param name="tries">From 1.</param>
    /// <param name="sample">Random, from 0 to below 1.</param>
    public static TimeSpan Delay(
        DeliveryOptions options, DeliveryErrorCode code, int tries, TimeSpan? retryAfter, double sample)
    {
        var first = code switch
        {
            DeliveryErrorCode.ProviderRateLimited or DeliveryErrorCode.BudgetExhausted => options.DeferFor,
            DeliveryErrorCode.PublisherFault or DeliveryErrorCode.ProviderMisconfigured => options.RetryBase * 4,
            _ => options.RetryBase,
        };
        return Delay(first, options.RetryMax, tries, retryAfter, sample);
    }

    /// <summary>Full jitter: anywhere from nothing to the doubled wait, after what was asked for.</summary>
    public static TimeSpan Delay(TimeSpan first, TimeSpan most, int tries, TimeSpan? retryAfter, double sample)
    {
        var doubled = first * Math.Pow(2, Math.Clamp(tries - 1, 0, MostDoublings));
        var upper = doubled < most ? doubled : most;
        if (retryAfter is not { } asked || asked <= TimeSpan.Zero) return upper * sample;

        // What the network asked for, and a little more, so that not everyone comes back in the same instant.
        var spread = asked / 10 < upper ? asked / 10 : upper;
        return asked + (spread * sample);
    }
}
