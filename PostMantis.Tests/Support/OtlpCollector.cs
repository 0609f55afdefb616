using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace PostMantis.Tests.Support;

/// <summary>A span as it was exported.</summary>
internal sealed record ExportedSpan(string Process, string Source, string TraceId, string SpanId, string ParentId, string Name,
    int Kind, IReadOnlyDictionary<string, string> Tags)
{
    /// <summary>OTLP's number of a kind.</summary>
    public const int Server = 2, Client = 3, Consumer = 5;
}

/// <summary>An operator's collector: takes OTLP over HTTP (protobuf) and keeps everything.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ExportedSpan> _spans = new();
    private readonly ConcurrentQueue<(string Path, byte[] Body)> _exports = new();
    private readonly SemaphoreSlim _arrivals = new(0);

    private OtlpCollector(WebApplication app) => _app = app;

    public IReadOnlyList<ExportedSpan> Spans => [.. _spans];

    /// <summary>What a process needs to be told to export here soon after anything happens.</summary>
    public Dictionary<string, string?> Settings => new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _app.Urls.First(),
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "100",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
    };

    public static async Task<OtlpCollector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var collector = new OtlpCollector(app);
        app.Run(collector.TakeAsync);
        await app.StartAsync();
        return collector;
    }

    /// <summary>Everything that was exported of one signal (<c>traces</c>, <c>metrics</c>, <c>logs</c>), its texts readable.</summary>
    public string Text(string signal) => string.Concat(_exports.Where(e => e.Path == $"/v1/{signal}")
        .Select(e => Encoding.Latin1.GetString(e.Body)));

    /// <summary>Waits until what arrived is as wanted.</summary>
    public async Task UntilAsync(Func<bool> isSo, Func<string>? tell = null)
    {
        while (!isSo())
            Assert.True(await _arrivals.WaitAsync(TimeSpan.FromMinutes(1)), "It was not exported. " + tell?.Invoke());
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _arrivals.Dispose();
    }

    private async Task TakeAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        _exports.Enqueue((http.Request.Path, body.ToArray()));
        if (http.Request.Path == "/v1/traces") ReadTraces(body.ToArray());
        http.Response.ContentType = "application/x-protobuf";
        _arrivals.Release();
    }

    // opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest, by the numbers of its fields.
    private void ReadTraces(byte[] request)
    {
        foreach (var resourceSpans in Field(request, 1))
        {
            var resource = Attributes(Field(resourceSpans, 1).SelectMany(r => Field(r, 1)));
            foreach (var scopeSpans in Field(resourceSpans, 2))
            {
                var source = Field(scopeSpans, 1).SelectMany(s => Field(s, 1)).Select(Encoding.UTF8.GetString).FirstOrDefault("");
                foreach (var span in Field(scopeSpans, 2))
                {
                    string Hex(int number) => Convert.ToHexStringLower(Field(span, number).FirstOrDefault([]));
                    _spans.Enqueue(new ExportedSpan(resource.GetValueOrDefault("service.instance.id", ""), source, Hex(1), Hex(2),
                        Hex(4), Encoding.UTF8.GetString(Field(span, 5).First()), (int)Numbers(span, 6).FirstOrDefault(),
                        Attributes(Field(span, 9))));
                }
            }
        }
    }

    private static Dictionary<string, string> Attributes(IEnumerable<byte[]> attributes)
    {
        Dictionary<string, string> tags = [];
        foreach (var attribute in attributes)
        {
            var (name, value) = (Encoding.UTF8.GetString(Field(attribute, 1).First()), Field(attribute, 2).FirstOrDefault([]));
            tags[name] = Field(value, 1).Select(Encoding.UTF8.GetString).FirstOrDefault()
                ?? Numbers(value, 3).Select(n => n.ToString(System.Globalization.CultureInfo.InvariantCulture)).FirstOrDefault("");
        }
        return tags;
    }

    private static IEnumerable<byte[]> Field(byte[] message, int number) =>
        Read(message).Where(f => f.Number == number && f.Bytes is not null).Select(f => f.Bytes!);

    private static IEnumerable<long> Numbers(byte[] message, int number) =>
        Read(message).Where(f => f.Number == number && f.Bytes is null).Select(f => f.Value);

    // The wire format: a tag, then a varint, eight or four bytes, or a length and as many bytes.
    private static List<(int Number, byte[]? Bytes, long Value)> Read(byte[] message)
    {
        const int varint = 0, eight = 1, lengthAndBytes = 2, typeBits = 3, typeMask = 7;
        List<(int, byte[]?, long)> fields = [];
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message, ref at);
            var (number, type) = ((int)(tag >> typeBits), (int)(tag & typeMask));
            switch (type)
            {
                case varint:
                    fields.Add((number, null, Varint(message, ref at)));
                    break;
                case eight:
                    fields.Add((number, null, BinaryPrimitives.ReadInt64LittleEndian(message.AsSpan(at))));
                    at += sizeof(long);
                    break;
                case lengthAndBytes:
                    var length = (int)Varint(message, ref at);
                    fields.Add((number, message[at..(at + length)], 0));
                    at += length;
                    break;
                default:
                    fields.Add((number, null, BinaryPrimitives.ReadInt32LittleEndian(message.AsSpan(at))));
                    at += sizeof(int);
                    break;
            }
        }
        return fields;
    }

    private static long Varint(byte[] message, ref int at)
    {
        const int sevenBits = 7, mask = 0x7F, more = 0x80;
        var (value, shift) = (0L, 0);
        while (true)
        {
            var next = message[at++];
            value |= (long)(next & mask) << shift;
            if ((next & more) == 0) return value;
            shift += sevenBits;
        }
    }
}
