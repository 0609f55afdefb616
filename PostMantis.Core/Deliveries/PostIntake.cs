using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Core.Deliveries;

/// <summary>
/// The way in for posts from programs: requests that come while others are being stored share the next transaction, so
/// that a lone one never waits and a crowd pays once. Each is accepted, refused or answered by its key on its own; when
/// the shared transaction fails, or would have to wait for somebody, each goes on alone.
/// </summary>
public sealed partial class PostIntake
{
    private const int MostPerGroup = 64;
    private readonly IServiceScopeFactory _scopes;
    private readonly KeyRefusals _refusals;
    private readonly ILogger<PostIntake> _logger;
    private readonly Grouped<Creation, bool> _groups;

    public PostIntake(IServiceScopeFactory scopes, KeyRefusals refusals, ILogger<PostIntake> logger)
    {
        (_scopes, _refusals, _logger) = (scopes, refusals, logger);
        _groups = new Grouped<Creation, bool>(MostPerGroup, StoreAsync);
    }

    /// <summary>As <see cref="PostAcceptor.CreateAsync(Caller, JsonObject, CancellationToken)"/>, in company.</summary>
    /// <param name="key">Makes the request repeatable; <paramref name="write"/> writes the answer it remembers.</param>
    /// <returns>The accepted post, or the first answer to <paramref name="key"/>.</returns>
    /// <exception cref="ProblemException">
    /// As PostAcceptor's; idempotencyInProgress; idempotencyMismatch.
    /// </exception>
    /// <exception cref="CommitInDoubtException">The answer to the commit was lost.</exception>
    public async Task<(AcceptedPost? Accepted, IdempotencyKey? First)> CreateAsync(Caller caller, JsonObject body,
        KeyUse? key, Func<AcceptedPost, KeyedAnswer> write, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        caller.Require(PostAcceptor.NeededBy(body));
        var creation = Read(caller, body, key, write);

        // Once handed over it is stored whoever hangs up.
        ct.ThrowIfCancellationRequested();
        var isStored = !creation.GoesAlone && await _groups.AddAsync(creation);
        if (!isStored) await StoreAloneAsync(creation, ct);
        if (DailyCap.Is(creation.Refused)) await _refusals.RecordAsync(caller);
        return creation.Refused is null ? (creation.Accepted, creation.First) : throw creation.Refused;
    }

    private static Creation Read(Caller caller, JsonObject body, KeyUse? key, Func<AcceptedPost, KeyedAnswer> write)
    {
        List<Issue> issues = [];
        var input = Posts.PostRequestReader.Read(body, issues);
        ProblemException? malformed = null;
        if (issues.Count > 0) malformed = ProblemException.Invalid(issues);
        return new Creation(caller, input, Activity.Current?.Id, key, write, malformed);
    }

    private async Task<IReadOnlyList<bool>> StoreAsync(IReadOnlyList<Creation> group)
    {
        using var activity = DeliveryTelemetry.Source.StartActivity("accept batch", ActivityKind.Internal,
            default(ActivityContext), links: group
                .Select(c => ActivityContext.TryParse(c.Traceparent, null, out var context)
                    ? new ActivityLink(context)
                    : default)
                .Where(link => link.Context != default));
        activity?.SetTag("postmantis.batch.size", group.Count);
        var isStored = new bool[group.Count];
        try
        {
            await using var scope = _scopes.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<PostAcceptor>().CreateAsync(group, limitsWaits: true, CancellationToken.None);
            Array.Fill(isStored, true);
        }
        catch (Exception e) when (e is not CommitInDoubtException
            && (group.Count > 1 || e is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable }))
        {
            LogAlone(_logger, group.Count, e);
        }
        return isStored;
    }

    private async Task StoreAloneAsync(Creation creation, CancellationToken ct)
    {
        creation.Reset();
        await using var scope = _scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<PostAcceptor>().CreateAsync([creation], limitsWaits: false, ct);
    }

    [LoggerMessage(LogLevel.Warning, "{Count} posts could not be stored together; each goes on alone.")]
    private static partial void LogAlone(ILogger logger, int count, Exception exception);
}
