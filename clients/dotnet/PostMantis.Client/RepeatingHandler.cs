using System.Net;

namespace PostMantis.Client;

/// <summary>
/// Makes calls again that the server refused for the moment (429, 503, and 409 while the first call with the same key runs) or
/// that never arrived. Every POST has an Idempotency-Key, so that doing it again does it once.
/// </summary>
internal sealed class RepeatingHandler(PostMantisClientOptions options, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const string KeyHeader = "Idempotency-Key";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Method == HttpMethod.Post && !request.Headers.Contains(KeyHeader))
            request.Headers.TryAddWithoutValidation(KeyHeader, Guid.CreateVersion7(options.Time.GetUtcNow()).ToString());
        if (request.Content is { } content) await content.LoadIntoBufferAsync(cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            TimeSpan wait;
            try
            {
                var response = await base.SendAsync(request, cancellationToken);
                if (attempt >= options.MostTries || !IsPassing(response)) return response;
                wait = WaitOf(response, attempt);
                if (wait > options.LongestWait) return response;
                response.Dispose();
            }
            catch (HttpRequestException) when (attempt < options.MostTries && MayRepeat(request))
            {
                wait = options.FirstWait * Math.Pow(2, attempt - 1);
            }
            await Task.Delay(wait, options.Time, cancellationToken);
        }
    }

    private static bool IsPassing(HttpResponseMessage response) => response.StatusCode switch
    {
        HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable => true,
        HttpStatusCode.Conflict => response.Headers.RetryAfter is not null,
        _ => false,
    };

    // An edit or a deletion with If-Match cannot be done twice; without it, doing it again comes to the same.
    private static bool MayRepeat(HttpRequestMessage request) =>
        request.Method != HttpMethod.Post || request.Headers.Contains(KeyHeader);

    private TimeSpan WaitOf(HttpResponseMessage response, int attempt) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - options.Time.GetUtcNow() is { Ticks: > 0 } ahead ? ahead : TimeSpan.Zero,
        _ => options.FirstWait * Math.Pow(2, attempt - 1),
    };
}
