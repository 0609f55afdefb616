using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;

namespace PostMantis.Api.Http;

/// <summary>
/// Makes a POST repeatable by <c>Idempotency-Key</c>: the key and its effect commit in one transaction, and the same
/// request gets the same answer for 24 hours. Permission and scope are checked again on every replay.
/// </summary>
internal sealed class IdempotencyFilter(Func<JsonObject, Permission> needed, ReplayAnswer? again = null) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var caller = context.Arguments.OfType<Caller>().Single();
        var body = context.Arguments.OfType<JsonBody>().SingleOrDefault()?.Value ?? [];
        if (IdempotentRequest.KeyOf(http.Request, caller, body) is not { } use) return await next(context);
        caller.Require(needed(body));
        var services = http.RequestServices;
        var store = services.GetRequiredService<IdempotencyStore>();
        return await IdempotentRequest.RunAsync(services, caller, use, token =>
            services.GetRequiredService<UnitOfWork>().RunAsync<(ApiAnswer?, IdempotencyKey?)>(async ct =>
            {
                if (await store.BeginAsync(use, ct) is { } first) return (null, first);
                var answer = (ApiAnswer)(await next(context))!;
                await store.StoreAsync(use, answer.Keyed(), ct);
                return (answer, null);
            }, token), http.RequestAborted, again);
    }
}

/// <summary>A request that may carry an <c>Idempotency-Key</c>.</summary>
internal static class IdempotentRequest
{
    private const string Header = "Idempotency-Key";

    /// <summary>The key of the request; null without one.</summary>
    /// <exception cref="ProblemException">invalidRequest: the header is malformed.</exception>
    /// <param name="files">What else makes the request what it is, such as the digests of files.</param>
    public static KeyUse? KeyOf(HttpRequest request, Caller caller, JsonObject body, IEnumerable<string>? files = null) =>
        request.Headers.ContainsKey(Header)
            ? new KeyUse(caller.UserId, ReadKey(request), FingerprintOf(request, body, files ?? []))
            : null;

    /// <summary>The key's first answer; null when this is the first request.</summary>
    /// <exception cref="ProblemException">idempotencyInProgress; idempotencyMismatch.</exception>
    public static async Task<ApiAnswer?> FirstAsync(
        IServiceProvider services, Caller caller, KeyUse use, CancellationToken ct)
    {
        await using var scope = services.CreateAsyncScope();
        var first = await scope.ServiceProvider.GetRequiredService<UnitOfWork>().RunAsync(token =>
            scope.ServiceProvider.GetRequiredService<IdempotencyStore>().BeginAsync(use, token), ct);
        if (first is null) return null;
        if (first.ResourceId is { } postId)
            await scope.ServiceProvider.GetRequiredService<PostReader>().GetAsync(caller, postId, ct);
        return ApiAnswer.Stored(first, isReplayed: true);
    }

    /// <summary>
    /// Runs an operation that answers anew or by the key's first answer, and looks the key up when the commit's answer
    /// was lost.
    /// </summary>
    public static async Task<ApiAnswer> RunAsync(IServiceProvider services, Caller caller, KeyUse? use,
        Func<CancellationToken, Task<(ApiAnswer? Answer, IdempotencyKey? First)>> run, CancellationToken ct,
        ReplayAnswer? again = null)
    {
        try
        {
            var (answer, first) = await run(ct);
            if (first is null) return answer!;
            if (again is not null) return await again(services, caller, first, ct);
            if (first.ResourceId is { } postId)
                await services.GetRequiredService<PostReader>().GetAsync(caller, postId, ct);
            return ApiAnswer.Stored(first, isReplayed: true);
        }
        catch (CommitInDoubtException) when (use is not null)
        {
            // The key went with the effect: if it is there, so is the effect, and this is its answer.
            if (await FindAsync(services, use, ct) is { } committed) return committed;
            throw;
        }
    }

    private static async Task<ApiAnswer?> FindAsync(IServiceProvider services, KeyUse use, CancellationToken ct)
    {
        await using var scope = services.CreateAsyncScope();
        IdempotencyKey? first;
        try
        {
            first = await scope.ServiceProvider.GetRequiredService<UnitOfWork>().RunAsync(token => scope.ServiceProvider
                .GetRequiredService<IdempotencyStore>().BeginAsync(use, token), ct);
            if (first is null) return null;
        }
        catch (ProblemException)
        {
            // The first transaction is still there: nobody knows yet.
            return null;
        }

        // Nobody rang for what committed unheard.
        var wakeUp = scope.ServiceProvider.GetRequiredService<WakeUp>();
        wakeUp.Signal(WorkKind.Publish);
        wakeUp.Signal(WorkKind.ImportMedia);
        wakeUp.Signal(EventWriter.Loop);
        return ApiAnswer.Stored(first, isReplayed: false);
    }

    // 1–255 printable ASCII characters, bare or as a quoted string (draft-ietf-httpapi-idempotency-key-header).
    private static string ReadKey(HttpRequest request)
    {
        var values = request.Headers[Header];
        var key = values.Count == 1 ? values[0]! : "";
        if (key.Length >= 2 && key[0] == '"' && key[^1] == '"') key = key[1..^1];
        return key.Length is >= 1 and <= IdempotencyStore.MostKeyLength && key.All(c => c is >= ' ' and <= '~')
            ? key
            : throw ProblemException.Invalid(new Issue(Header, Rule.WrongFormat,
                $"Must be one value of 1 to {IdempotencyStore.MostKeyLength} printable ASCII characters."));
    }

    private static byte[] FingerprintOf(HttpRequest request, JsonObject body, IEnumerable<string> files) =>
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n',
            [request.Method, $"{request.Path}{request.QueryString}", Canonical(body)?.ToJsonString(Json.Options) ?? "", .. files])));

    // The same request however its members are ordered.
    private static JsonNode? Canonical(JsonNode? node) => node switch
    {
        JsonObject members => new JsonObject(members.OrderBy(m => m.Key, StringComparer.Ordinal)
            .Select(m => KeyValuePair.Create(m.Key, Canonical(m.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Canonical)]),
        _ => node?.DeepClone(),
    };
}
