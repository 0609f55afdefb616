using Microsoft.Extensions.Options;
using PostMantis.Core.Audit;
using PostMantis.Core.Privacy;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Workers;

/// <summary>Links audit entries into their users' chains.</summary>
internal sealed class AuditWorker(IServiceScopeFactory scopes, WakeUp wakeUp, IOptions<AuditOptions> options, TimeProvider time,
    ILogger<AuditWorker> logger) : LoopWorker("Audit", wakeUp, time, logger)
{
    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<AuditChain>().SealOnceAsync(ct) > 0;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(options.Value.SealEvery);
}

/// <summary>Erases accounts whose time has come.</summary>
internal sealed class EraseWorker(IServiceScopeFactory scopes, WakeUp wakeUp, TimeProvider time, ILogger<EraseWorker> logger)
    : LoopWorker("Erase", wakeUp, time, logger)
{
    private static readonly TimeSpan _interval = TimeSpan.FromMinutes(1);

    protected override async Task<bool> RunOnceAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Eraser>().RunOnceAsync(ct);
        return false;
    }

    protected override Task<TimeSpan> NextAsync(CancellationToken ct) => Task.FromResult(_interval);
}
