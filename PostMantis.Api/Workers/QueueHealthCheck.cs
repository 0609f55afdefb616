using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>
/// Unhealthy when clocks are too far apart to agree on moments, or when due work is not being taken. Degraded while somebody
/// holds publishing back: posts are still accepted, so balancers go on sending them here.
/// </summary>
internal sealed class QueueHealthCheck(Heartbeat heartbeat, QueueTelemetry queue, IServiceScopeFactory scopes,
    IOptions<QueueOptions> options) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await using var scope = scopes.CreateAsyncScope();
        var status = await scope.ServiceProvider.GetRequiredService<InstancePause>().ReadAsync(cancellationToken);
        var lag = queue.Lag(status.Publishes);
        var data = new Dictionary<string, object>
        {
            ["clockSkewMs"] = heartbeat.ClockSkew.TotalMilliseconds,
            ["lagSeconds"] = lag.TotalSeconds,
            ["hasPeers"] = heartbeat.HasPeers,
        };
        if (heartbeat.ClockSkew.Duration() > options.Value.MostClockSkew)
            return HealthCheckResult.Unhealthy("The clocks of process and database differ.", data: data);
        if (lag > options.Value.MostLag) return HealthCheckResult.Unhealthy("Due work is not being taken.", data: data);
        return status switch
        {
            { HeldAt: { } held } => HealthCheckResult.Degraded(string.Create(CultureInfo.InvariantCulture,
                $"Publishing is held since {held:u} ({status.HoldReason}); 'queue status' says what is left."), data: data),
            { PausedAt: { } paused } => HealthCheckResult.Degraded(string.Create(CultureInfo.InvariantCulture,
                $"Publishing is paused since {paused:u}."), data: data),
            _ => HealthCheckResult.Healthy("Work is taken in time.", data),
        };
    }
}
