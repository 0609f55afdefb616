namespace PostMantis.Core.Webhooks;

/// <summary>When a message is tried again (contract §5).</summary>
public static class WebhookSchedule
{
    private const double Jitter = 0.2;

    /// <summary>The wait after the first failure, the second, and so on.</summary>
    public static IReadOnlyList<TimeSpan> Steps { get; } =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(2), TimeSpan.FromHours(5), TimeSpan.FromHours(10), TimeSpan.FromHours(14),
        TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>The wait after the <paramref name="failures"/>-th failure; null: it was the last attempt.</summary>
    /// <param name="failures">From 1.</param>
    /// <param name="retryAfter">What the receiver asks for: honoured between once and twice the step.</param>
    /// <param name="sample">Random, from 0 to below 1.</param>
    public static TimeSpan? Delay(int failures, TimeSpan? retryAfter, double sample)
    {
        if (failures > Steps.Count) return null;
        var step = Steps[failures - 1];
        if (retryAfter is { } asked && asked >= TimeSpan.Zero) return asked < step ? step : asked > step * 2 ? step * 2 : asked;
        return step * (1 - Jitter + (2 * Jitter * sample));
    }
}
