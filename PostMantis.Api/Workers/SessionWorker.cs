using PostMantis.Core.Connections;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Ends consent trips that nobody came back from, and erases what they held.</summary>
internal sealed class SessionWorker(IServiceScopeFactory scopes, WakeUp wakeUp, TimeProvider time,
    ILogger<SessionWorker> logger) : LoopWorker("Sessions", wakeUp, time, logger)
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(30);

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ConnectionSessions>().ExpireAsync(ct);
        return false;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(_interval);
}
