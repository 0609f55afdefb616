using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Unhealthy when clocks are too far apart to agree on moments, or when due work is not being taken.</summary>
internal sealed class QueueHealthCheck(Heartbeat heartbeat, QueueTelemetry queue, IOptions<QueueOptions> options)
    : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var data = new Dictionary<string, object>
        {
            ["clockSkewMs"] = heartbeat.ClockSkew.TotalMilliseconds,
            ["lagSeconds"] = queue.Lag.TotalSeconds,
            ["hasPeers"] = heartbeat.HasPeers,
        };
        if (heartbeat.ClockSkew.Duration() > options.Value.MostClockSkew)
            return Task.FromResult(HealthCheckResult.Unhealthy("The clocks of process and database differ.", data: data));
        return Task.FromResult(queue.Lag > options.Value.MostLag
            ? HealthCheckResult.Unhealthy("Due work is not being taken.", data: data)
            : HealthCheckResult.Healthy("Work is taken in time.", data));
    }
}
