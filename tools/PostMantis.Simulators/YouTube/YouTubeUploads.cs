using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.YouTube;

/// <summary>One upload: the bytes so far and, at the end, the video.</summary>
internal sealed class UploadSession
{
    public required string Id { get; init; }
    public required Grant Grant { get; init; }
    public required JsonObject Resource { get; init; }
    public required string MimeType { get; init; }
    public required DateTimeOffset Until { get; init; }
    public long? Total { get; set; }
    public MemoryStream Received { get; } = new();
    public JsonObject? Video { get; set; }
    public SemaphoreSlim Gate { get; } = new(1, 1);
}

/// <summary>Resumable uploads: a session, ranges, 308, and a probe that tells how far it came.</summary>
internal sealed class YouTubeUploads(YouTubeNetwork network)
{
    private const long Grain = 262_144;
    private readonly ConcurrentDictionary<string, UploadSession> _sessions = new();

    private YouTubeSettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/upload/youtube/v3/videos", context => network.GuardAsync(context, 0,
            [GoogleConsent.Upload, GoogleConsent.All, GoogleConsent.ForceSsl], grant => StartAsync(context, grant)));
        routes.On("PUT", "/upload/youtube/v3/videos", PutAsync);
    }

    /// <summary>How many bytes of a session have been read, also in the middle of a request.</summary>
    public long Received(Uri session) =>
        _sessions[session.Query[(session.Query.LastIndexOf('=') + 1)..]].Received.Length;

    private async Task<IResult> StartAsync(HttpContext context, Grant grant)
    {
        var request = context.Request;
        if (request.Query["uploadType"] != "resumable")
            return YouTubeNetwork.Error(400, "mediaBodyRequired", "The request does not include the video content.");
        if (grant.Account.Has("noChannel"))
            return YouTubeNetwork.Error(401, "youtubeSignupRequired", "Unauthorized", "youtube.header");
        var resource = await request.JsonAsync() ?? [];
        var type = request.Headers["X-Upload-Content-Type"].ToString() is { Length: > 0 } given ? given : "video/*";
        if (!type.StartsWith("video/", StringComparison.Ordinal) && type != "application/octet-stream")
            return YouTubeNetwork.Error(400, "badContent", $"Media type '{type}' is not supported.", "global");
        var declared = request.Headers["X-Upload-Content-Length"].ToString();
        if (VideoMetadata.Problem(resource, request.Query["part"].ToString(), Sim.Now) is { } problem) return problem;
        if (declared.Length > 0 && (!Whole(declared, out var size) || size > Rules.VideoBytes || size < 1))
            return YouTubeNetwork.Error(400, "mediaBodyRequired", "The declared length is out of range.");
        if (Rules.UploadLimitReached)
            return YouTubeNetwork.Error(400, "uploadLimitExceeded",
                "The user has exceeded the number of videos they may upload.");
        if (Rules.ChargeAtStart
            && !network.Spend("inserts", Rules.InsertsPerDay, 1)) return YouTubeNetwork.QuotaExceeded();
        var session = new UploadSession
        {
            Id = Grants.Secret(),
            Grant = grant,
            Resource = resource,
            MimeType = type,
            Total = Whole(declared, out var total) ? total : null,
            Until = Sim.Now.AddHours(Rules.SessionHours),
        };
        _sessions[session.Id] = session;
        context.Response.Headers.Location =
            $"{request.Origin()}/upload/youtube/v3/videos?uploadType=resumable&upload_id={session.Id}";
        return Results.Text("", statusCode: 200);
    }

    private async Task<IResult> PutAsync(HttpContext context)
    {
        var request = context.Request;
        if (!_sessions.TryGetValue(request.Query["upload_id"].ToString(), out var session) || session.Until <= Sim.Now)
            return Results.Text("Not Found", statusCode: Rules.GoneIs410 ? 410 : 404);
        if (session.Grant.Revoked) return YouTubeNetwork.Error(401, "authError", "Invalid Credentials", "global");
        await session.Gate.WaitAsync(context.RequestAborted);
        try
        {
            return await TakeAsync(context, session);
        }
        finally
        {
            session.Gate.Release();
        }
    }

    private async Task<IResult> TakeAsync(HttpContext context, UploadSession session)
    {
        if (session.Video is not null) return Results.Json(session.Video);
        var range = context.Request.Headers.ContentRange.ToString();
        if (range.StartsWith("bytes */", StringComparison.Ordinal)) return GoOn(context, session);
        var length = context.Request.ContentLength;
        var (first, last, total) = (0L, (length ?? 0) - 1, length);
        if (range.Length > 0)
        {
            var parts = range.StartsWith("bytes ", StringComparison.Ordinal) ? range[6..].Split('-', '/') : [];
            if (parts.Length != 3 || !Whole(parts[0], out first) || !Whole(parts[1], out last) || last < first)
                return YouTubeNetwork.Error(400, "badRequest", "Failed to parse Content-Range header.", "global");
            total = Whole(parts[2], out var whole) ? whole : null;
        }
        if (session.Total is { } known && total is not null && total != known)
            return YouTubeNetwork.Error(400, "badRequest", "The total is not the declared length.", "global");
        session.Total ??= total;
        if (first > session.Received.Length) return GoOn(context, session);
        var isLast = session.Total is { } end && last == end - 1;
        if (!isLast && (last - first + 1) % Grain != 0)
            return YouTubeNetwork.Error(400, "badRequest", "Chunks are multiples of 262144 bytes.", "global");
        if (session.Total > Rules.VideoBytes || last >= (session.Total ?? long.MaxValue))
            return YouTubeNetwork.Error(400, "badRequest", "The range is outside the file.", "global");
        await KeepAsync(context.Request.Body, session, first);
        if (session.Received.Length != session.Total) return GoOn(context, session);
        if (!Rules.ChargeAtStart
            && !network.Spend("inserts", Rules.InsertsPerDay, 1)) return YouTubeNetwork.QuotaExceeded();
        session.Video = network.Videos.Insert(session.Grant.Account, session.Resource, session.Received.ToArray());
        session.Received.SetLength(0);
        return Results.Json(session.Video);
    }

    /// <summary>Keeps whole grains of what comes, also when the line is cut.</summary>
    private static async Task KeepAsync(Stream body, UploadSession session, long first)
    {
        session.Received.Position = first;
        session.Received.SetLength(first);
        try
        {
            await body.CopyToAsync(session.Received);
        }
        catch (Exception cut) when (cut is IOException or OperationCanceledException)
        {
            session.Received.SetLength(session.Received.Length / Grain * Grain);
            throw;
        }
    }

    private static IResult GoOn(HttpContext context, UploadSession session)
    {
        if (session.Received.Length > 0)
            context.Response.Headers.Range = string.Create(CultureInfo.InvariantCulture,
                $"bytes=0-{session.Received.Length - 1}");
        return Results.Text("", statusCode: 308);
    }

    private static bool Whole(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
