using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Tests.Support;

/// <summary>Several processes of one instance: a client takes whichever answers, as a patient program does.</summary>
internal sealed class Fleet(Func<Task<ApiServer>> start, int size) : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);
    private readonly ApiServer?[] _replicas = new ApiServer?[size];
    private int _next;

    /// <summary>What no client may see: anything but 202, 503, a refusal, or that the first still runs.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<string> Faults { get; } = new();

    public ApiServer? this[int index] => Volatile.Read(ref _replicas[index]);

    /// <summary>Starts one; a process that ends at once, because its database is away, is started again.</summary>
    public async Task StartAsync(int index)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                Volatile.Write(ref _replicas[index], await start());
                return;
            }
            catch (InvalidOperationException) when (TimeProvider.System.GetElapsedTime(started) < _patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
            }
        }
    }

    /// <summary>SIGKILL, or SIGTERM when <paramref name="gently"/>.</summary>
    public async Task EndAsync(int index, bool gently)
    {
        if (Interlocked.Exchange(ref _replicas[index], null) is not { } replica) return;
        if (gently) await replica.StopAsync();
        else await replica.KillAsync();
        await replica.DisposeAsync();
    }

    /// <summary>Sends one post until it is accepted or refused, always under one key; any replica will do.</summary>
    /// <returns>Whether it was accepted.</returns>
    public async Task<bool> AcceptAsync(JsonObject body, string apiKey, string idempotencyKey)
    {
        var text = body.ToJsonString();
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (this[(int)((uint)Interlocked.Increment(ref _next) % size)] is { } replica
                && await IsAcceptedAsync(replica, text, apiKey, idempotencyKey) is { } isAccepted) return isAccepted;
            if (TimeProvider.System.GetElapsedTime(started) > _patience)
                throw new TimeoutException($"Nobody accepts {idempotencyKey}: {string.Join('\n', Faults)}");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas)
            if (replica is not null) await replica.DisposeAsync();
    }

    private async Task<bool?> IsAcceptedAsync(ApiServer replica, string text, string apiKey, string idempotencyKey)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(replica.Address, "/api/v1/posts"))
        {
            Content = new StringContent(text, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + apiKey);
        request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
        try
        {
            using var answer = await replica.Client.SendAsync(request);
            switch ((int)answer.StatusCode)
            {
                case 202:
                    return true;
                case 503:

                // What a killed process had taken of the minute's requests is lost until the next minute.
                case 429:
                case 409 when (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["code"]
                    == "idempotencyInProgress":
                    return null;
                case 400:
                    return false;
                default:
                    var said = $"{(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}";
                    Faults.Enqueue($"{said}\n{replica.Output}");
                    return null;
            }
        }
        catch (Exception e) when (e is HttpRequestException or ObjectDisposedException or TaskCanceledException)
        {
            // It died with the answer in its mouth; another one is asked.
            return null;
        }
    }
}
