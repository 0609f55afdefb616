namespace PostMantis.ServiceDefaults;

/// <summary>
/// Keeps the transport from sending a write twice. When a pooled connection closes without an answer, the socket
/// handler sends the request again unless it has begun to send a body; a write without a body thus gets an empty one.
/// </summary>
internal sealed class SendWritesOnceHandler : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        var reads = request.Method == HttpMethod.Get || request.Method == HttpMethod.Head
            || request.Method == HttpMethod.Options || request.Method == HttpMethod.Trace;
        if (!reads) request.Content ??= new ByteArrayContent([]);
        return base.SendAsync(request, ct);
    }
}
