using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using PostMantis.Core.Queue;

namespace PostMantis.Web.Shared;

/// <summary>Tells an open page that something of its person changed (server-sent events); the page reads what it is.</summary>
internal static class LiveStream
{
    /// <summary>Where it is.</summary>
    public const string Path = "/live";

    private const string Still = ": still here\n\n";
    private const string Change = "event: change\ndata: \n\n";
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(150);

    // Where something changes all the time, a page is still not asked for more often than people can look.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(700);

    /// <summary>The stream for a page that is about to read what it shows.</summary>
    public static string AddressFor(Guid userId, PostChanges changes) => $"{Path}?seen={changes.Mark(userId)}";

    /// <param name="seen">Where changes stood before the page was read (<see cref="PostChanges.Mark"/>).</param>
    public static async Task StreamAsync(HttpContext http, string? seen, PostChanges changes, Heartbeat heartbeat, TimeProvider time,
        IHostApplicationLifetime host, CancellationToken gone)
    {
        // An open page must not hold up the stop of the process.
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(gone, host.ApplicationStopping);
        var ct = ends.Token;
        var userId = Guid.Parse(http.User.FindFirstValue(ClaimTypes.NameIdentifier)!);
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        using var subscription = changes.Subscribe(userId);
        try
        {
            // What changed between the page and its stream, or while there was none, the page did not hear: it looks once more,
            // unless all that changes is known here.
            await http.Response.WriteAsync(heartbeat.IsAlone && changes.Mark(userId) == seen ? Still : Change, ct);
            await http.Response.Body.FlushAsync(ct);
            long? told = null;
            while (!ct.IsCancellationRequested)
            {
                var isChange = await WaitAsync(subscription, told, time, ct);
                await http.Response.WriteAsync(isChange ? Change : Still, ct);
                await http.Response.Body.FlushAsync(ct);
                if (isChange) told = time.GetTimestamp();
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The page was closed.
        }
    }

    private static async Task<bool> WaitAsync(
        PostChanges.Subscription subscription, long? told, TimeProvider time, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(KeepAlive, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            if (!await subscription.Changes.WaitToReadAsync(either.Token)) return false;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }

        // Several changes of one settlement become one.
        var left = told is { } last ? Pause - time.GetElapsedTime(last) : Settle;
        await Task.Delay(left > Settle ? left : Settle, time, ct);
        while (subscription.Changes.TryRead(out _))
        {
        }
        return true;
    }
}
