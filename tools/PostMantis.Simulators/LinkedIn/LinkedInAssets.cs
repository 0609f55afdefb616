using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.LinkedIn;

/// <summary>An image, a document or a film that somebody uploads.</summary>
internal sealed class Asset
{
    public required string Urn { get; init; }
    public required string Kind { get; init; }
    public required string Owner { get; init; }
    public required DateTimeOffset Until { get; init; }

    /// <summary>Bytes the film shall have.</summary>
    public long Size { get; init; }

    /// <summary>The parts of a film by their place, each with its mark.</summary>
    public ConcurrentDictionary<int, (string Mark, byte[] Bytes)> Parts { get; } = new();

    public byte[]? Bytes { get; set; }
    public DateTimeOffset ReadyAt { get; set; }
    public string? FailureReason { get; set; }
    public string MimeType { get; set; } = "";
}

/// <summary>Uploads: a place to put bytes, marks of parts, and time to work on them.</summary>
internal sealed class LinkedInAssets(LinkedInNetwork network)
{
    private readonly ConcurrentDictionary<string, Asset> _assets = new();

    private LinkedInSettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        foreach (var kind in (string[])["image", "document", "video"])
        {
            var path = $"/rest/{kind}s";
            routes.On("POST", path, context => network.GuardAsync(context, grant => ActAsync(context, grant, kind)));
            routes.On("GET", path + "/{urn}", context => network.GuardAsync(context, grant =>
                Task.FromResult(Show(context.Part("urn"), grant, kind))));
        }
        routes.On("PUT", "/dms-uploads/{id}", PutAsync);
        routes.On("PUT", "/dms-uploads/{id}/{part}", PutAsync);
    }

    public Asset? Find(string? urn) => urn is null ? null : _assets.GetValueOrDefault(urn);

    public string Status(Asset asset) => asset.Bytes is null ? "WAITING_UPLOAD" : asset.ReadyAt > Sim.Now ? "PROCESSING"
        : asset.FailureReason is not null ? "PROCESSING_FAILED" : "AVAILABLE";

    private async Task<IResult> ActAsync(HttpContext context, Grant grant, string kind)
    {
        var body = await context.Request.JsonAsync();
        return context.Request.Query["action"].ToString() switch
        {
            "initializeUpload" => Start(context.Request, grant, kind, body?["initializeUploadRequest"]),
            "finalizeUpload" when kind == "video" => Finish(grant, body?["finalizeUploadRequest"]),
            _ => LinkedInNetwork.Error(400, "INVALID_VALUE_FOR_FIELD", "The action is unknown"),
        };
    }

    private IResult Start(HttpRequest request, Grant grant, string kind, JsonNode? asked)
    {
        if (asked.Text("owner") is not { } owner)
            return LinkedInNetwork.Error(400, "MISSING_FIELD", "owner is required");
        if (!network.MayWrite(grant, owner)) return LinkedInNetwork.Denied($"{kind}s.ACTION-initializeUpload.NO_VERSION");
        var size = asked.Number("fileSizeBytes") ?? 0;
        if (kind == "video" && size < 1)
            return LinkedInNetwork.Error(400, "MISSING_FIELD", "fileSizeBytes is required");
        if (kind == "video" && size > Rules.VideoBytes)
            return LinkedInNetwork.Error(400, "INVALID_VALUE_FOR_FIELD", "fileSizeBytes is out of range");
        var id = "D4E" + Grants.Secret(8);
        var asset = new Asset
        {
            Urn = $"urn:li:{kind}:{id}",
            Kind = kind,
            Owner = owner,
            Size = size,
            Until = Sim.Now + TimeSpan.FromSeconds(Rules.UploadSeconds),
        };
        _assets[asset.Urn] = asset;
        var address = $"{request.Origin()}/dms-uploads/{kind}-{id}";
        var value = new JsonObject { [kind] = asset.Urn };
        if (kind != "video")
        {
            (value["uploadUrl"], value["uploadUrlExpiresAt"]) = (address, asset.Until.ToUnixTimeMilliseconds());
            return Results.Json(new JsonObject { ["value"] = value });
        }
        var parts = new JsonArray();
        for (long first = 0; first < size; first += Rules.PartBytes)
            parts.Add(new JsonObject
            {
                ["uploadUrl"] = $"{address}/{parts.Count}",
                ["firstByte"] = first,
                ["lastByte"] = Math.Min(size, first + Rules.PartBytes) - 1,
            });
        (value["uploadToken"], value["uploadUrlsExpireAt"]) = ("", asset.Until.ToUnixTimeMilliseconds());
        value["uploadInstructions"] = parts;
        return Results.Json(new JsonObject { ["value"] = value });
    }

    private async Task<IResult> PutAsync(HttpContext context)
    {
        var (kind, id) = context.Part("id").Split('-', 2) is [var first, var second] ? (first, second) : ("", "");
        if (Find($"urn:li:{kind}:{id}") is not { } asset) return Results.NotFound();
        if (asset.Until <= Sim.Now)
            return LinkedInNetwork.Error(400, "EXPIRED_UPLOAD_URL", "The upload URL has expired");
        var token = context.Request.Token("Bearer");
        if (kind != "video" && network.TokenProblem(token) is { } problem) return problem;
        if (kind == "video" && token is not null && Rules.PartsWithoutToken) return Results.StatusCode(400);
        var bytes = await context.Request.Body.BytesAsync();
        if (kind != "video")
        {
            Keep(asset, bytes);
            return Results.StatusCode(201);
        }
        if (!int.TryParse(context.Part("part"), NumberStyles.None, CultureInfo.InvariantCulture, out var part)
            || part * Rules.PartBytes >= asset.Size)
            return Results.NotFound();
        if (bytes.Length != Math.Min(Rules.PartBytes, asset.Size - part * Rules.PartBytes)
            || context.Request.ContentType != "application/octet-stream")
            return Results.StatusCode(400);
        var mark = "/ambry-video/signedId/" + Grants.Secret(8);
        asset.Parts[part] = (mark, bytes);
        context.Response.Headers.ETag = $"\"{mark}\"";
        return Results.Ok();
    }

    private IResult Finish(Grant grant, JsonNode? asked)
    {
        if (Find(asked.Text("video")) is not { Kind: "video" } asset)
            return LinkedInNetwork.Error(400, "INVALID_URN_ID", "The video is unknown");
        if (!network.MayWrite(grant, asset.Owner)) return LinkedInNetwork.Denied("videos.ACTION-finalizeUpload.NO_VERSION");
        if (asked.Text("uploadToken") != "")
            return LinkedInNetwork.Error(400, "INVALID_VALUE_FOR_FIELD", "uploadToken does not fit");
        var marks = asset.Parts.OrderBy(part => part.Key).Select(part => part.Value.Mark).ToList();
        var whole = marks.Count == (asset.Size + Rules.PartBytes - 1) / Rules.PartBytes;
        if (!whole || asked.Texts("uploadedPartIds") is not { } told || !told.SequenceEqual(marks))
            return LinkedInNetwork.Error(400, "INVALID_VALUE_FOR_FIELD", "uploadedPartIds do not fit the parts");
        if (asset.Bytes is null) Keep(asset, [.. asset.Parts.OrderBy(part => part.Key).SelectMany(part => part.Value.Bytes)]);
        return Results.Ok();
    }

    private IResult Show(string urn, Grant grant, string kind)
    {
        // Whoever may post for the member alone cannot look at images and documents.
        if (kind != "video" && !grant.Scopes.Contains("w_organization_social"))
            return LinkedInNetwork.Denied($"{kind}s.GET.NO_VERSION");
        if (Find(urn) is not { } asset || asset.Kind != kind)
            return LinkedInNetwork.Error(404, "NOT_FOUND", "Could not find entity");
        if (!network.MayWrite(grant, asset.Owner)) return LinkedInNetwork.Denied($"{kind}s.GET.NO_VERSION");
        var shown = new JsonObject { ["id"] = asset.Urn, ["owner"] = asset.Owner, ["status"] = Status(asset) };
        if (Status(asset) == "PROCESSING_FAILED") shown["processingFailureReason"] = asset.FailureReason;
        return Results.Json(shown);
    }

    private void Keep(Asset asset, byte[] bytes)
    {
        (asset.MimeType, asset.FailureReason) = asset.Kind switch
        {
            "image" => Image(bytes),
            "video" => Video(bytes),
            _ => Document(bytes),
        };
        (asset.Bytes, asset.ReadyAt) = (bytes, Sim.Now + TimeSpan.FromSeconds(Rules.ProcessingSeconds));
    }

    private (string, string?) Image(byte[] bytes) => ImageFacts.Read(bytes) switch
    {
        { MimeType: "image/jpeg" or "image/png" or "image/gif" } facts => (facts.MimeType,
            facts.Frames > Rules.GifFrames ? "TOO_MANY_FRAMES"
            : (long)facts.Width * facts.Height >= Rules.ImagePixels ? "TOO_MANY_PIXELS" : null),
        _ => ("", "UNSUPPORTED_FORMAT"),
    };

    private (string, string?) Video(byte[] bytes) => VideoFacts.Read(bytes) switch
    {
        { MimeType: "video/mp4", Measured: true } facts => (facts.MimeType,
            bytes.Length < Rules.SmallestVideo || bytes.Length > Rules.VideoBytes ? "INVALID_SIZE"
            : facts.Seconds < Rules.ShortestVideo || facts.Seconds > Rules.LongestVideo ? "INVALID_DURATION" : null),
        _ => ("", "UNSUPPORTED_FORMAT"),
    };

    private (string, string?) Document(byte[] bytes)
    {
        var isPdf = bytes.AsSpan().StartsWith("%PDF-"u8);
        var type = isPdf ? "application/pdf"
            : bytes.AsSpan().StartsWith("PK\u0003\u0004"u8) ? Has(bytes, "ppt/") ? "application/vnd.openxmlformats-"
                + "officedocument.presentationml.presentation" : "application/vnd.openxmlformats-officedocument."
                + "wordprocessingml.document"
            : bytes.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xD0, 0xCF, 0x11, 0xE0]) ? "application/msword" : "";
        return (type, type.Length == 0 ? "UNSUPPORTED_FORMAT" : bytes.Length > Rules.DocumentBytes ? "TOO_LARGE"
            : isPdf && Pages(bytes) > Rules.DocumentPages ? "TOO_MANY_PAGES" : null);
    }

    private static bool Has(byte[] bytes, string word) => bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(word)) >= 0;

    // Page objects name their type; the tree of pages has an s more.
    private static int Pages(ReadOnlySpan<byte> bytes)
    {
        var count = 0;
        for (int at; (at = bytes.IndexOf("/Page"u8)) >= 0; bytes = bytes[(at + 5)..])
            if (at + 5 >= bytes.Length || !char.IsAsciiLetter((char)bytes[at + 5])) count++;
        return count;
    }
}
