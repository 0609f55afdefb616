using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.Bluesky;

/// <summary>A film at the video service.</summary>
internal sealed class VideoJob
{
    public required string Id { get; init; }
    public required Account Account { get; init; }
    public required long Size { get; init; }
    public required DateTimeOffset At { get; set; }
    public string Cid { get; set; } = "";
    public byte[]? Bytes { get; set; }
    public string? FailureCode { get; set; }
    public JsonObject? Blob { get; set; }
    public SortedDictionary<int, byte[]> Parts { get; } = [];
    public VideoJob? Completed { get; set; }
}

/// <summary>The video service: a token for one call, an upload, a job, and in the end a blob.</summary>
internal sealed class BlueskyVideo(BlueskyNetwork network)
{
    private const string UploadMethod = "com.atproto.repo.uploadBlob";
    private const string LimitsMethod = "app.bsky.video.getUploadLimits";
    private const string ServiceName = "did:web:video.bsky.app";
    private const int MostParts = 10_000;

    private static readonly string[] Steps =
    [
        "JOB_STATE_CREATED", "JOB_STATE_ENCODING", "JOB_STATE_ENCODED", "JOB_STATE_SCANNING", "JOB_STATE_SCANNED",
        "JOB_STATE_UPLOADING", "JOB_STATE_UPLOADED",
    ];

    private readonly ConcurrentDictionary<string, ServiceToken> _tokens = new();
    private readonly ConcurrentDictionary<string, VideoJob> _jobs = new();

    private sealed record ServiceToken(Account Account, string Audience, string Method, DateTimeOffset Until);

    private BlueskySettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        const string Video = "/xrpc/app.bsky.video.";
        routes.On("GET", "/xrpc/com.atproto.server.getServiceAuth", context => network.GuardAsync(context,
            "rpc:" + context.Request.Query["lxm"], 0, grant =>
                Task.FromResult(Authorize(context.Request, grant.Account))));
        routes.On("GET", Video + "getUploadLimits", context => Task.FromResult(
            Caller(context.Request, LimitsMethod) is { } account ? Limits(account) : Unauthorized()));
        routes.On("POST", Video + "uploadVideo", UploadAsync);
        routes.On("GET", Video + "getJobStatus", context => Task.FromResult(
            _jobs.TryGetValue(context.Request.Query["jobId"].ToString(), out var job) ? Status(job, 200)
                : BlueskyNetwork.Error(404, "NotFound", "Job not found")));
        routes.On("POST", Video + "startUpload", StartAsync);
        routes.On("POST", Video + "uploadPart", PartAsync);
        routes.On("POST", Video + "finishUpload", FinishAsync);
        routes.On("GET", Video + "getUploadStatus", context => Task.FromResult(
            Open(context.Request, context.Request.Query["jobId"].ToString()) is { } job
                ? Results.Json(new { jobId = job.Id, parts = job.Parts.Keys, completedJobId = job.Completed?.Id })
                : Unauthorized()));
    }

    private IResult Authorize(HttpRequest request, Account account)
    {
        var until = long.TryParse(request.Query["exp"], CultureInfo.InvariantCulture, out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds) : Sim.Now.AddMinutes(1);
        if (until <= Sim.Now) return BlueskyNetwork.Error(400, "BadExpiration", "expiration is in past");
        if (until > Sim.Now.AddHours(1))
            return BlueskyNetwork.Error(400, "BadExpiration",
                "cannot request a token with an expiration more than an hour");
        var audience = request.Query["aud"].ToString();
        if (!audience.StartsWith("did:", StringComparison.Ordinal))
            return BlueskyNetwork.Error(400, "InvalidRequest", "Params must have a valid \"aud\"");
        var token = BlueskySessions.Token("JWT", account, Sim.Now, until);
        _tokens[token] = new ServiceToken(account, audience, request.Query["lxm"].ToString(), until);
        return Results.Json(new { token });
    }

    private Account? Caller(HttpRequest request, string method)
    {
        if (!_tokens.TryGetValue(request.Token("Bearer") ?? "", out var token) || token.Until <= Sim.Now
            || token.Method != method)
            return null;
        var own = token.Audience == "did:web:" + request.Host.Value!.Replace(":", "%3A", StringComparison.Ordinal)
            || token.Audience == "did:web:" + request.Host.Host;
        var fits = method == UploadMethod ? own
            : token.Audience == ServiceName || (own && !Rules.LimitsWantServiceAudience);
        return fits ? token.Account : null;
    }

    private (int Count, long Bytes) Today(Account account)
    {
        var today = _jobs.Values.Where(job => job.Account == account && job.Bytes is not null
            && job.At > Sim.Now.AddDays(-1)).ToList();
        return (today.Count, today.Sum(job => job.Size));
    }

    private IResult Limits(Account account)
    {
        var (count, bytes) = Today(account);
        var may = count < Rules.VideosPerDay && bytes < Rules.VideoBytesPerDay && !account.Has("emailUnconfirmed");
        var answer = new JsonObject
        {
            ["canUpload"] = may,
            ["remainingDailyVideos"] = Math.Max(0, Rules.VideosPerDay - count),
            ["remainingDailyBytes"] = Math.Max(0, Rules.VideoBytesPerDay - bytes),
        };
        if (!may)
            answer["message"] = account.Has("emailUnconfirmed")
                ? "You must confirm your email before uploading videos" : "User has exceeded daily upload limits";
        return Results.Json(answer);
    }

    private async Task<IResult> UploadAsync(HttpContext context)
    {
        var request = context.Request;
        if (Caller(request, UploadMethod) is not { } account
            || request.Query["did"] != account.Id) return Unauthorized();
        if (request.ContentType != "video/mp4" || request.ContentLength is null or 0)
            return BlueskyNetwork.Error(400, "InvalidRequest", "A video/mp4 body with Content-Length is required");
        if (Refused(account, request.ContentLength.Value) is { } refused) return refused;
        var job = Begin(account, await request.Body.BytesAsync(), out var known);
        return Status(job, known ? Rules.AlreadyExistsStatus : 200, known);
    }

    private IResult? Refused(Account account, long size)
    {
        if (size > Rules.VideoBytes) return BlueskyNetwork.Error(413, "PayloadTooLarge", "The video is too large");
        var (count, bytes) = Today(account);
        return account.Has("emailUnconfirmed")
            ? BlueskyNetwork.Error(401, "unconfirmed_email", "User must confirm their email to upload videos")
            : count >= Rules.VideosPerDay || bytes + size > Rules.VideoBytesPerDay
                ? BlueskyNetwork.Error(429, "RateLimitExceeded", "User has exceeded daily upload limits") : null;
    }

    private VideoJob Begin(Account account, byte[] bytes, out bool known)
    {
        var cid = Cid.OfBytes(bytes);
        var earlier = _jobs.Values.FirstOrDefault(one => one.Account == account && one.Cid == cid
            && Failure(one) is null);
        known = earlier is not null;
        if (earlier is not null) return earlier;
        var job = New(account, bytes.Length);
        (job.Bytes, job.Cid, job.FailureCode) = (bytes, cid, Rules.FailureCode);
        return job;
    }

    private VideoJob New(Account account, long size)
    {
        var job = new VideoJob { Id = Grants.Secret(10), Account = account, Size = size, At = Sim.Now };
        return _jobs[job.Id] = job;
    }

    private string? Failure(VideoJob job)
    {
        if (job.FailureCode is { Length: > 0 }) return job.FailureCode;
        return VideoFacts.Read(job.Bytes) is not { Measured: true, MimeType: "video/mp4" } facts ? "validation_failure"
            : facts.Seconds > Rules.VideoSeconds ? "validation_failure" : null;
    }

    private IResult Status(VideoJob job, int status, bool known = false)
    {
        var part = Rules.ProcessingSeconds <= 0 ? 1 : (Sim.Now - job.At).TotalSeconds / Rules.ProcessingSeconds;
        var shown = new JsonObject { ["jobId"] = job.Id, ["did"] = job.Account.Id };
        if (job.Bytes is null) shown["state"] = Steps[0];
        else if (part < 1)
        {
            shown["state"] = Steps[(int)(part * Steps.Length)];
            shown["progress"] = (int)(part * 100);
        }
        else if (Failure(job) is { } code)
        {
            shown["state"] = "JOB_STATE_FAILED";
            (shown["failureCode"], shown["error"]) = (code, "Video processing failed");
            shown["message"] = "The video could not be processed";
        }
        else
        {
            job.Blob ??= network.Repo.Keep(job.Account, job.Bytes, "video/mp4");
            shown["state"] = "JOB_STATE_COMPLETED";
            shown["blob"] = job.Blob.DeepClone();
        }
        if (known) (shown["error"], shown["message"]) = ("already_exists", "Video already processed");
        return Results.Json(Rules.WrapJob ? new JsonObject { ["jobStatus"] = shown } : shown, statusCode: status);
    }

    private async Task<IResult> StartAsync(HttpContext context)
    {
        var body = await context.Request.JsonAsync();
        if (Caller(context.Request, UploadMethod) is not { } account) return Unauthorized();
        if (body.Number("sizeBytes") is not > 0 || body.Text("mimeType") != "video/mp4")
            return BlueskyNetwork.Error(400, "InvalidRequest", "sizeBytes and mimeType video/mp4 are required");
        var size = body.Number("sizeBytes")!.Value;
        if (Refused(account, size) is { } refused) return refused;
        return Results.Json(new
        {
            jobId = New(account, size).Id,
            partSizeBytes = Rules.PartBytes,
            partCount = (size + Rules.PartBytes - 1) / Rules.PartBytes,
            expiresAt = Sim.Now.AddHours(1),
        });
    }

    private async Task<IResult> PartAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (Open(context.Request, query["jobId"].ToString()) is not { } job) return Unauthorized();
        var bytes = await context.Request.Body.BytesAsync();
        var count = (job.Size + Rules.PartBytes - 1) / Rules.PartBytes;
        if (!int.TryParse(query["partNumber"], CultureInfo.InvariantCulture, out var number) || number < 1
            || number > count
            || number > MostParts
                || bytes.Length != (number < count ? Rules.PartBytes : job.Size - (count - 1) * Rules.PartBytes))
            return BlueskyNetwork.Error(400, "InvalidRequest", "The part does not fit");
        lock (job.Parts) job.Parts[number] = bytes;
        return Results.Json(new { jobId = job.Id, partNumber = number });
    }

    private async Task<IResult> FinishAsync(HttpContext context)
    {
        var body = await context.Request.JsonAsync();
        if (Open(context.Request, body.Text("jobId") ?? "") is not { } job) return Unauthorized();
        if (job.Completed is null)
        {
            if (job.Parts.Values.Sum(part => (long)part.Length) != job.Size)
                return BlueskyNetwork.Error(400, "InvalidRequest", "Parts are missing");
            job.Completed = Begin(job.Account, [.. job.Parts.Values.SelectMany(part => part)], out _);
        }
        return Results.Json(new { completedJobId = job.Completed.Id });
    }

    private VideoJob? Open(HttpRequest request, string id) => Caller(request, UploadMethod) is { } account
        && _jobs.TryGetValue(id, out var job) && job.Account == account ? job : null;

    private static IResult Unauthorized() =>
        BlueskyNetwork.Error(401, "AuthenticationRequired", "The token does not fit");
}
