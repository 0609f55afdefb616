using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Outbound;

namespace PostMantis.Core.Webhooks;

/// <summary>What one try came to.</summary>
internal sealed record WebhookOutcome(DueMessage Message, WebhookTarget Endpoint, WebhookAttempt Attempt, TimeSpan? RetryAfter)
{
    public bool IsDelivered => Attempt.Error is null;

    /// <summary>Delivered, and nothing was known of an attempt before.</summary>
    public bool IsFirstTry => IsDelivered && Message.Attempts == 0;
    public DateTimeOffset EndedAt => Attempt.StartedAt.AddMilliseconds(Attempt.DurationMs);
}

/// <summary>Signs a message and sends it once.</summary>
internal sealed class WebhookSender(
    GuardedPoster poster, WebhookTelemetry telemetry, IOptions<WebhookOptions> options, TimeProvider time)
{
    private const int FirstRedirect = 300;
    private const int FirstClientError = 400;
    private readonly WebhookOptions _options = options.Value;

    /// <summary>Sends once.</summary>
    /// <param name="timeout">Called off when the answer takes too long; set for this message.</param>
    /// <param name="stopping">The other one who calls <paramref name="timeout"/> off.</param>
    /// <exception cref="OperationCanceledException"><paramref name="stopping"/>: what came of it is not known.</exception>
    public async Task<WebhookOutcome> SendAsync(WebhookTarget endpoint, WebhookSigner signer, DueMessage message,
        CancellationToken timeout, CancellationToken stopping)
    {
        var now = time.GetUtcNow();
        var started = time.GetTimestamp();
        ActivityContext.TryParse(message.Traceparent, null, out var parent);
        using var activity = WebhookTelemetry.Source.StartActivity("webhook attempt", ActivityKind.Client, parent);
        var isTold = activity?.IsAllDataRequested == true;
        if (isTold)
        {
            activity!.SetTag("postmantis.event.id", message.EventId.ToString())
                .SetTag("postmantis.event.type", message.Type)
                .SetTag("postmantis.webhook.endpoint.id", endpoint.Id.ToString())
                .SetTag("postmantis.webhook.message.id", message.Id.ToString())
                .SetTag("postmantis.attempt.number", message.Attempts + 1);
        }
        var traceparent = activity?.Id ?? message.Traceparent;
        var answer = message.Body is { } body
            ? await PostAsync(endpoint, signer, message, body, now, traceparent, timeout, stopping)
            : new Answer(WebhookError.EventExpired);
        var duration = time.GetElapsedTime(started);
        if (isTold) activity!.SetTag("http.response.status_code", answer.StatusCode);
        if (answer.Error is { } error) activity?.SetStatus(ActivityStatusCode.Error, CamelCase.Of(error));
        telemetry.Attempted(answer.Error, duration);
        if (answer.Error is null) telemetry.Delivered(now + duration - message.HappenedAt);
        return new WebhookOutcome(message, endpoint, new WebhookAttempt
        {
            Id = Ids.New(now),
            UserId = endpoint.UserId,
            EndpointId = endpoint.Id,
            MessageId = message.Id,
            Number = message.Attempts + 1,
            Url = endpoint.ShownUrl,
            StartedAt = now,
            DurationMs = (int)Math.Min(duration.TotalMilliseconds, int.MaxValue),
            StatusCode = answer.StatusCode,
            Error = answer.Error,
            HttpVersion = answer.Version,
            AnswerHead = answer.Head,
            AnswerBody = answer.Body,
            Signatures = message.Body is null ? 0 : signer.Count,
            Traceparent = traceparent,
        }, answer.RetryAfter);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Answer> PostAsync(WebhookTarget endpoint, WebhookSigner signer, DueMessage message,
        ReadOnlyMemory<byte> body, DateTimeOffset now, string? traceparent, CancellationToken timeout, CancellationToken stopping)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint.Url) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        var headers = request.Headers;
        var (id, timestamp) = (message.EventId.ToString(), now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        headers.TryAddWithoutValidation("webhook-id", id);
        headers.TryAddWithoutValidation("webhook-timestamp", timestamp);
        headers.TryAddWithoutValidation("webhook-signature", signer.Sign(id, timestamp, body.Span));
        headers.TryAddWithoutValidation("User-Agent", "PostMantis");
        if (traceparent is not null) headers.TryAddWithoutValidation("traceparent", traceparent);
        try
        {
            using var answer = await poster.SendAsync(request, timeout);
            var kept = answer.Content.Headers.ContentLength == 0 ? null : await ReadAsync(answer, timeout);
            stopping.ThrowIfCancellationRequested();
            var error = ErrorOf(answer.StatusCode);
            return new Answer(error)
            {
                StatusCode = (int)answer.StatusCode,
                Version = answer.Version == HttpVersion.Version11 ? "1.1" : answer.Version.ToString(),
                Head = WebhookText.Head(answer),
                Body = kept,
                RetryAfter = error is null ? null : RetryAfterOf(answer, now),
            };
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return new Answer(WebhookError.Timeout);
        }
        catch (Exception e) when ((e as HttpRequestException)?.InnerException is OutboundRefusedException || e is OutboundRefusedException)
        {
            return new Answer(WebhookError.AddressRefused);
        }
        catch (HttpRequestException e)
        {
            stopping.ThrowIfCancellationRequested();
            return new Answer(ErrorOf(e));
        }
    }

    // The status decides. Of the rest no more is read than the limit, nor for longer than is spared for it.
    private async Task<string?> ReadAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(_options.BodyTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        var buffer = ArrayPool<byte>.Shared.Rent(_options.MostAnswerBytes);
        var read = 0;
        try
        {
            await using var stream = await answer.Content.ReadAsStreamAsync(either.Token);
            int count;
            while (read < _options.MostAnswerBytes
                && (count = await stream.ReadAsync(buffer.AsMemory(read, _options.MostAnswerBytes - read), either.Token)) > 0)
                read += count;
            return WebhookText.Body(buffer.AsSpan(0, read), _options.KeptAnswerBytes);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            return WebhookText.Body(buffer.AsSpan(0, read), _options.KeptAnswerBytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static WebhookError? ErrorOf(HttpStatusCode status) => (int)status switch
    {
        (int)HttpStatusCode.Gone => WebhookError.Gone,
        >= (int)HttpStatusCode.OK and < FirstRedirect => null,
        >= FirstRedirect and < FirstClientError => WebhookError.Redirect,
        _ => WebhookError.Status,
    };

    private static WebhookError ErrorOf(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => WebhookError.NameNotFound,
        HttpRequestError.SecureConnectionError => WebhookError.TlsFailed,
        HttpRequestError.InvalidResponse or HttpRequestError.ResponseEnded or HttpRequestError.HttpProtocolError
            or HttpRequestError.ConfigurationLimitExceeded => WebhookError.BadAnswer,
        _ => e.InnerException is System.Net.Sockets.SocketException
            {
                SocketErrorCode: System.Net.Sockets.SocketError.HostNotFound or System.Net.Sockets.SocketError.NoData,
            } ? WebhookError.NameNotFound : WebhookError.NotReachable,
    };

    private static TimeSpan? RetryAfterOf(HttpResponseMessage answer, DateTimeOffset now) =>
        answer.Headers.RetryAfter is { } after ? after.Delta ?? (after.Date is { } date ? date - now : null) : null;

    private readonly record struct Answer(WebhookError? Error)
    {
        public int? StatusCode { get; init; }
        public string? Version { get; init; }
        public string? Head { get; init; }
        public string? Body { get; init; }
        public TimeSpan? RetryAfter { get; init; }
    }
}
