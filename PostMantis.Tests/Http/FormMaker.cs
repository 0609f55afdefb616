using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace PostMantis.Tests.Http;

/// <summary>Makes forms of a post and its files: valid by the document, or broken in one known way.</summary>
internal sealed class FormMaker(RequestMaker maker)
{
    private const string Payload = "payload";
    private static readonly string[] _names = ["card", "b", "täfel", "c d"];

    /// <summary>A form whose payload is of <paramref name="schema"/>.</summary>
    /// <param name="isBroken">Whether it must be refused.</param>
    public HttpContent Make(JsonNode schema, out bool isBroken)
    {
        var payload = maker.Body(schema, breaks: maker.Chance(0.25))!.AsObject();
        isBroken = maker.IsBroken;
        List<(string Name, string FileName, string Type, byte[] Bytes)> files =
            [.. _names.Take(maker.Pick([0, 0, 1, 1, 2, 4])).Select(name => (name, name + ".png", "image/png", ContractInstance.Dot))];
        if (!isBroken && maker.Chance(0.6))
            payload["media"] = new JsonArray([.. files.Select(file => (JsonNode)new JsonObject { ["file"] = file.Name, ["alt"] = "A dot" })]);
        var way = maker.Chance(0.5) ? Way.None : maker.Pick(Enum.GetValues<Way>());
        switch (way)
        {
            case Way.Lie when files.Count > 0:
                files[0] = files[0] with { FileName = "card.jpg", Type = "image/jpeg" };
                break;
            case Way.Empty when files.Count > 0:
                files[0] = files[0] with { Bytes = [] };
                break;
            case Way.Twice when files.Count > 0:
                files.Add(files[0]);
                break;
            case Way.Unnamed:
                payload["media"] = new JsonArray(new JsonObject { ["file"] = "absent" });
                break;
            case Way.NoFileName or Way.Late or Way.NoPayload or Way.BadPayload or Way.Cut or Way.NoBoundary:
                break;
            default:
                way = Way.None;
                break;
        }
        isBroken |= way != Way.None;
        return Write(way, payload, files);
    }

    private HttpContent Write(Way way, JsonObject payload, List<(string Name, string FileName, string Type, byte[] Bytes)> files)
    {
        var form = new MultipartFormDataContent("fuzz");
        var said = way == Way.BadPayload ? maker.Garbage() : Encoding.UTF8.GetBytes(payload.ToJsonString());
        if (way is not (Way.Late or Way.NoPayload)) form.Add(Part(said, "application/json"), Payload);
        foreach (var (name, fileName, type, bytes) in files) form.Add(Part(bytes, type), name, fileName);
        if (way == Way.NoFileName) form.Add(Part(ContractInstance.Dot, "image/png"), "bare");
        if (way == Way.Late)
        {
            form.Add(Part(ContractInstance.Dot, "image/png"), "early", "early.png");
            form.Add(Part(said, "application/json"), Payload);
        }
        if (way is not (Way.Cut or Way.NoBoundary)) return form;
        var whole = form.ReadAsByteArrayAsync().GetAwaiter().GetResult();
        var content = new ByteArrayContent(way == Way.Cut ? whole[..^12] : whole);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(
            way == Way.Cut ? "multipart/form-data; boundary=fuzz" : "multipart/form-data");
        return content;
    }

    private static ByteArrayContent Part(byte[] bytes, string type)
    {
        var part = new ByteArrayContent(bytes);
        part.Headers.ContentType = new MediaTypeHeaderValue(type);
        return part;
    }

    /// <summary>How a form is broken.</summary>
    private enum Way
    {
        None,
        Lie,
        Empty,
        Twice,
        Unnamed,
        NoFileName,
        Late,
        NoPayload,
        BadPayload,
        Cut,
        NoBoundary,
    }
}
