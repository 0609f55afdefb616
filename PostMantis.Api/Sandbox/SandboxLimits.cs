using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Options;

namespace PostMantis.Api.Sandbox;

/// <summary>So many posts a minute for each page, when <see cref="SandboxOptions.PostsPerMinute"/> says so.</summary>
internal sealed class SandboxLimits(IOptions<SandboxOptions> options, TimeProvider time)
{
    private const int Window = 60;
    private readonly ConcurrentDictionary<string, (long Window, int Used)> _pages = new();

    /// <summary>Counts one post and says in headers what is left; true when it is one too many.</summary>
    public bool Refuses(string destinationId, HttpResponse response)
    {
        var limit = options.Value.PostsPerMinute;
        if (limit == 0) return false;
        var seconds = time.GetUtcNow().ToUnixTimeSeconds();
        var (window, used) = _pages.AddOrUpdate(destinationId, _ => (seconds / Window, 1),
            (_, page) => page.Window == seconds / Window ? (page.Window, page.Used + 1) : (seconds / Window, 1));
        var reset = ((window + 1) * Window) - seconds;
        response.Headers["X-RateLimit-Limit"] = Text(limit);
        response.Headers["X-RateLimit-Remaining"] = Text(Math.Max(0, limit - used));
        response.Headers["X-RateLimit-Reset"] = Text(reset);
        if (used <= limit) return false;
        response.Headers.RetryAfter = Text(reset);
        return true;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
