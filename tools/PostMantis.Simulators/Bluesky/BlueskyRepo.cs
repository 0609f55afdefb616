using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.Bluesky;

/// <summary>A file that waits for a record to show it.</summary>
internal sealed record BlueskyBlob(string Cid, string MimeType, byte[] Bytes, DateTimeOffset At);

/// <summary>A record of a repository.</summary>
internal sealed record BlueskyRecord(string Uri, string Cid, JsonObject Value);

/// <summary>The repository: blobs and records, whose names follow from what they hold.</summary>
internal sealed class BlueskyRepo(BlueskyNetwork network)
{
    private readonly ConcurrentDictionary<(string Did, string Cid), BlueskyBlob> _blobs = new();
    private readonly Dictionary<string, BlueskyRecord> _records = [];
    private readonly Lock _gate = new();
    private int _clock;

    private BlueskySettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/xrpc/com.atproto.repo.uploadBlob", context => network.GuardAsync(context,
            "blob:" + (context.Request.ContentType ?? "*/*"), 0, grant => UploadAsync(context.Request, grant.Account)));
        routes.On("POST", "/xrpc/com.atproto.repo.putRecord", context => WriteAsync(context, 2, Put));
        routes.On("POST", "/xrpc/com.atproto.repo.createRecord", context => WriteAsync(context, 3, Create));
        routes.On("POST", "/xrpc/com.atproto.repo.deleteRecord", context => WriteAsync(context, 1, Delete));
        routes.On("GET", "/xrpc/com.atproto.repo.getRecord", context => Task.FromResult(Get(context.Request)));
        routes.On("GET", "/xrpc/com.atproto.repo.listRecords", context => Task.FromResult(List(context.Request)));
    }

    /// <summary>Keeps a file; its real type counts where it is known.</summary>
    public JsonObject Keep(Account account, byte[] bytes, string declared)
    {
        var type = ImageFacts.Read(bytes)?.MimeType ?? VideoFacts.Read(bytes)?.MimeType ?? declared.Split(';')[0];
        var blob = new BlueskyBlob(Cid.OfBytes(bytes), type, bytes, Sim.Now);
        _blobs[(account.Id, blob.Cid)] = blob;
        return new JsonObject
        {
            ["$type"] = "blob",
            ["ref"] = new JsonObject { ["$link"] = blob.Cid },
            ["mimeType"] = type,
            ["size"] = bytes.Length,
        };
    }

    private async Task<IResult> UploadAsync(HttpRequest request, Account account)
    {
        if (string.IsNullOrEmpty(request.ContentType))
            return BlueskyNetwork.Error(400, "InvalidRequest",
                "Request encoding (Content-Type) required but not provided");
        if (request.ContentLength > Rules.BlobBytes)
            return BlueskyNetwork.Error(413, "PayloadTooLarge", "request entity too large");
        var bytes = await request.Body.BytesAsync();
        if (bytes.LongLength > Rules.BlobBytes)
            return BlueskyNetwork.Error(413, "PayloadTooLarge", "request entity too large");
        return Results.Json(new JsonObject { ["blob"] = Keep(account, bytes, request.ContentType) });
    }

    private async Task<IResult> WriteAsync(HttpContext context, int points, Func<Account, JsonObject, IResult> write)
    {
        var body = await context.Request.JsonAsync();
        return await network.GuardAsync(context, "repo:" + (body.Text("collection") ?? ""), points, grant =>
        {
            if (body is null || body.Text("repo") is not { } repo || body.Text("collection") is not { Length: > 0 })
                return Task.FromResult(Invalid("Input must have the properties \"repo\" and \"collection\""));
            if (Sim.FindAccount(repo) != grant.Account)
                return Task.FromResult(BlueskyNetwork.Error(403, "Forbidden", "The repo is not yours"));
            lock (_gate) return Task.FromResult(write(grant.Account, body));
        });
    }

    private IResult Put(Account account, JsonObject body)
    {
        if (body.Text("rkey") is not { } key) return Invalid("Input must have the property \"rkey\"");
        var collection = body.Text("collection")!;
        if (Problem(account, body, key) is { } problem) return problem;
        var record = Named(account, collection, key, body["record"]!.AsObject());
        var old = _records.GetValueOrDefault(record.Uri);
        if (old?.Cid == record.Cid && Rules.PutIsNoOp) return Results.Json(Answer(record, body, false));
        if (body.ContainsKey("swapRecord") && old?.Cid != body.Text("swapRecord"))
            return BlueskyNetwork.Error(400, "InvalidSwap", $"Record was at {old?.Cid ?? "null"}");
        return Save(account, record, body, old is null);
    }

    private IResult Create(Account account, JsonObject body)
    {
        var key = body.Text("rkey") ?? Tid.At(Sim.Now.AddMicroseconds(_clock++), 1);
        if (Problem(account, body, key) is { } problem) return problem;
        var record = Named(account, body.Text("collection")!, key, body["record"]!.AsObject());
        return _records.ContainsKey(record.Uri)
            ? BlueskyNetwork.Error(500, "InternalServerError", "Internal Server Error")
            : Save(account, record, body, true);
    }

    private IResult Delete(Account account, JsonObject body)
    {
        if (body.Text("rkey") is not { } key) return Invalid("Input must have the property \"rkey\"");
        _records.Remove(Address(account, body.Text("collection")!, key));
        return Results.Json(new JsonObject());
    }

    private IResult? Problem(Account account, JsonObject body, string key)
    {
        if (body["record"] is not JsonObject record) return Invalid("Input must have the property \"record\"");
        var collection = body.Text("collection")!;
        if (record["$type"] is not null && record.Text("$type") != collection)
            return Invalid($"Invalid $type: expected {collection}, got {record.Text("$type")}");
        if (collection == PostRecord.Collection && body.Flag("validate") != false)
        {
            if (!Tid.IsOne(key)) return Invalid("Invalid record key for " + collection);
            if (PostRecord.Problem(record, Rules) is { } wrong) return Invalid($"Invalid {collection} record: {wrong}");
        }
        else if (body.Flag("validate") == true) return Invalid("Lexicon not found: lex:" + collection);
        foreach (var (cid, type, size) in PostRecord.Blobs(record))
        {
            if (!_blobs.TryGetValue((account.Id, cid), out var blob) || IsForgotten(blob))
                return BlueskyNetwork.Error(400, "BlobNotFound", "Could not find blob: " + cid);
            if (blob.MimeType != type)
                return BlueskyNetwork.Error(400, "InvalidMimeType",
                    $"Referenced MimeType does not match stored blob. Expected: {blob.MimeType}, Got: {type}");
            if (blob.Bytes.Length != size)
                return BlueskyNetwork.Error(400, "InvalidSize",
                    $"Referenced Size does not match stored blob. Expected: {blob.Bytes.Length}, Got: {size}");
        }
        return null;
    }

    private bool IsForgotten(BlueskyBlob blob) => blob.At.AddHours(Rules.UnusedBlobHours) <= Sim.Now
        && !_records.Values.Any(record => PostRecord.Blobs(record.Value).Any(shown => shown.Cid == blob.Cid));

    private static BlueskyRecord Named(Account account, string collection, string key, JsonObject value)
    {
        value["$type"] ??= collection;
        return new BlueskyRecord(Address(account, collection, key), Cid.OfRecord(value), (JsonObject)value.DeepClone());
    }

    private static string Address(Account account, string collection, string key) =>
        $"at://{account.Id}/{collection}/{key}";

    private IResult Save(Account account, BlueskyRecord record, JsonObject body, bool isNew)
    {
        _records[record.Uri] = record;
        if (body.Text("collection") == PostRecord.Collection)
        {
            var kind = !isNew ? "update" : record.Value["reply"] is null ? "post" : "reply";
            Sim.Publish(account, kind, record.Uri, record.Value.Text("text") ?? "",
                Files(account, record.Value["embed"]),
                ("cid", record.Cid), ("record", record.Value.ToJsonString()), ("replyTo",
                    record.Value["reply"]?["parent"].Text("uri")),
                ("permalink", $"https://bsky.app/profile/{account.Id}/post/{record.Uri.Split('/')[^1]}"));
        }
        return Results.Json(Answer(record, body, true));
    }

    private IEnumerable<PublishedFile> Files(Account account, JsonNode? embed)
    {
        var shown = (embed?["images"] ?? embed?["items"]) is JsonArray list
            ? list.Select(item => (item?["image"], item.Text("alt")))
            : [(embed?["video"] ?? embed?["external"]?["thumb"], embed.Text("alt"))];
        if (embed?["media"] is { } media) return Files(account, media);
        return shown.Where(item => item.Item1 is not null).Select(item =>
        {
            var blob = _blobs[(account.Id, item.Item1!["ref"].Text("$link")!)];
            return PublishedFile.Of(blob.MimeType, blob.Bytes, item.Item2);
        });
    }

    private static JsonObject Answer(BlueskyRecord record, JsonObject body, bool written)
    {
        var answer = new JsonObject { ["uri"] = record.Uri, ["cid"] = record.Cid };
        if (written) answer["commit"] = new JsonObject { ["cid"] = record.Cid, ["rev"] = record.Uri.Split('/')[^1] };
        if (written || body.Flag("validate") != false)
            answer["validationStatus"] = body.Text("collection") == PostRecord.Collection
                && body.Flag("validate") != false ? "valid" : "unknown";
        return answer;
    }

    private IResult Get(HttpRequest request)
    {
        var query = request.Query;
        if (Sim.FindAccount(query["repo"].ToString()) is not { } account)
            return Invalid("Could not find repo: " + query["repo"]);
        var uri = Address(account, query["collection"].ToString(), query["rkey"].ToString());
        lock (_gate)
            return _records.TryGetValue(uri, out var record) && (query["cid"].Count == 0 || query["cid"] == record.Cid)
                ? Results.Json(Show(record))
                : BlueskyNetwork.Error(400, "RecordNotFound", "Could not locate record: " + uri);
    }

    private IResult List(HttpRequest request)
    {
        var query = request.Query;
        if (Sim.FindAccount(query["repo"].ToString()) is not { } account)
            return Invalid("Could not find repo: " + query["repo"]);
        var limit = 50;
        if (query["limit"].Count > 0
            && (!int.TryParse(query["limit"], CultureInfo.InvariantCulture, out limit) || limit is < 1 or > 100))
            return Invalid("Error: limit must be between 1 and 100");
        var prefix = Address(account, query["collection"].ToString(), "");
        var cursor = query["cursor"].ToString();
        var oldestFirst = query["reverse"] == "true";
        List<BlueskyRecord> found;
        lock (_gate) found = [.. _records.Values.Where(one => one.Uri.StartsWith(prefix, StringComparison.Ordinal))];
        var ordered = oldestFirst ? found.OrderBy(one => one.Uri, StringComparer.Ordinal)
            : found.OrderByDescending(one => one.Uri, StringComparer.Ordinal);
        var page = ordered.Where(one => cursor.Length == 0
            || string.CompareOrdinal(one.Uri, prefix + cursor) is var order && (oldestFirst ? order > 0 : order < 0))
            .Take(limit).ToList();
        var answer = new JsonObject { ["records"] = new JsonArray([.. page.Select(Show)]) };
        if (page.Count > 0) answer["cursor"] = page[^1].Uri.Split('/')[^1];
        return Results.Json(answer);
    }

    private static JsonObject Show(BlueskyRecord record) =>
        new() { ["uri"] = record.Uri, ["cid"] = record.Cid, ["value"] = record.Value.DeepClone() };

    private static IResult Invalid(string message) => BlueskyNetwork.Error(400, "InvalidRequest", message);
}
