using PostMantis.Core.Connections;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Renews tokens ahead of their end.</summary>
internal sealed class TokenWorker(TokenRefresher refresher, IServiceScopeFactory scopes, Heartbeat heartbeat,
    WakeUp wakeUp, TimeProvider time, ILogger<TokenWorker> logger)
    : QueueLoop(WorkKind.RefreshToken, scopes, heartbeat, wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct) =>
        await refresher.RunOnceAsync(Random.Shared.NextDouble(), ct) > 0;
}
