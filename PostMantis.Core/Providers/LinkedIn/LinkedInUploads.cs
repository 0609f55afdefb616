using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>
/// Brings files: a place is asked for, bytes are put there, LinkedIn works on them. Films go in the parts LinkedIn names;
/// the mark of each part is saved, so that a killed upload goes on with the next one.
/// </summary>
internal sealed class LinkedInUploads(LinkedInClient client, LinkedInSettings settings)
{
    private static readonly TimeSpan CheckAgain = TimeSpan.FromSeconds(3);

    // A part never starts on an address that is about to end.
    private static readonly TimeSpan LeastLife = TimeSpan.FromMinutes(1);

    /// <summary>The handle of a file's URN, once its bytes are there.</summary>
    public static string Handle(int index) => string.Create(CultureInfo.InvariantCulture, $"asset{index}");

    /// <summary>Brings one file and waits for it; anything but a URN ends this turn.</summary>
    public async Task<(string? Urn, PublishOutcome? Stop)> BringAsync(PublishWork work, int index, PublishFile file, CancellationToken ct)
    {
        var kind = file.Kind switch { MediaKind.Video => "video", MediaKind.Document => "document", _ => "image" };
        if (!work.Handles.TryGetValue(Handle(index), out var urn))
        {
            var (brought, said) = file.Kind == MediaKind.Video
                ? await FilmAsync(work, index, file, ct) : await PutAsync(work, kind, file, ct);
            if (brought is null) return (null, LinkedInErrors.All.BeforePublic(work, said));
            await work.SaveHandleAsync(Handle(index), urn = brought, ct);
        }
        var stop = work.Handles.ContainsKey(Handle(index) + "Ready") ? null : await WaitAsync(work, index, kind, urn, ct);
        return stop is null ? (urn, null) : (null, stop);
    }

    // Pictures and documents are put whole: after a crash the unfinished one is left and a new one begun.
    private async Task<(string? Urn, ProviderAnswer Said)> PutAsync(PublishWork work, string kind, PublishFile file, CancellationToken ct)
    {
        var made = await BeginAsync(work, kind, [], ct);
        if (!made.IsSuccess || made.Body.Id("value", kind) is not { } urn || made.Body.Address("value", "uploadUrl") is not { } url)
            return (null, made);
        var put = await client.UploadAsync(HttpMethod.Put, url,
            new FileSlice(file, mimeType: "application/octet-stream"), work.Tokens.AccessToken, ct);
        return (put.IsSuccess ? urn : null, put);
    }

    private async Task<(string? Urn, ProviderAnswer Said)> FilmAsync(PublishWork work, int index, PublishFile file, CancellationToken ct)
    {
        var (planHandle, marksHandle) = (Handle(index) + "Plan", Handle(index) + "Marks");
        var plan = work.Handles.TryGetValue(planHandle, out var saved) ? JsonSerializer.Deserialize<FilmPlan>(saved) : null;
        var marks = work.Handles.GetValueOrDefault(marksHandle, "").Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
        if (plan is null || plan.Until - LeastLife <= client.Now)
        {
            var made = await BeginAsync(work, "video",
                new() { ["fileSizeBytes"] = file.SizeBytes, ["uploadCaptions"] = false, ["uploadThumbnail"] = false }, ct);
            if (!made.IsSuccess || ReadPlan(made.Body, file.SizeBytes) is not { } fresh) return (null, made);
            (plan, marks) = (fresh, []);
            await work.SaveHandleAsync(planHandle, JsonSerializer.Serialize(plan), ct);
            await work.SaveHandleAsync(marksHandle, "", ct);
        }
        foreach (var part in plan.Parts.Skip(marks.Count))
        {
            // Films are put without the token; what LinkedIn signed the address with is enough.
            var put = await client.UploadAsync(HttpMethod.Put, part.Url,
                new FileSlice(file, part.First, part.Last - part.First + 1, "application/octet-stream"), null, ct);
            if (!put.IsSuccess || ProviderText.Token(put.Header("ETag")?.Trim('"')) is not { } mark) return (null, put);
            marks.Add(mark);
            await work.SaveHandleAsync(marksHandle, string.Join('\n', marks), ct);
        }
        var done = await client.PostAsync("/rest/videos?action=finalizeUpload", new JsonObject
        {
            ["finalizeUploadRequest"] = new JsonObject
            {
                ["video"] = plan.Urn,
                ["uploadToken"] = plan.Token,
                ["uploadedPartIds"] = new JsonArray([.. marks.Select(mark => JsonValue.Create(mark))]),
            },
        }, work.Tokens.AccessToken, ct);
        return (done.IsSuccess ? plan.Urn : null, done);
    }

    // A post with a file that is not ready fails or stays invisible.
    private async Task<PublishOutcome?> WaitAsync(PublishWork work, int index, string kind, string urn, CancellationToken ct)
    {
        if (work.Handles.MomentOf(Handle(index) + "Until") is { } until)
            return until > client.Now ? new PublishOutcome.Processing(until - client.Now) : null;
        var status = await client.GetAsync($"/rest/{kind}s/{LinkedInClient.Segment(urn)}", work.Tokens.AccessToken, ct);
        if (status.Status == HttpStatusCode.Forbidden)
        {
            // Whoever may post as a member alone cannot read it: a short while is all there is. A post that came too early
            // is refused, and the next try waits longer.
            var grace = settings.UnreadableGrace * work.AttemptNumber;
            await work.SaveMomentAsync(Handle(index) + "Until", client.Now + grace, ct);
            return new PublishOutcome.Processing(grace);
        }
        var stop = LinkedInErrors.All.OfWork(work, status, StateOf, CheckAgain, status.Body.Words("processingFailureReason"));
        if (stop is null) await work.SaveHandleAsync(Handle(index) + "Ready", "1", ct);
        return stop;
    }

    private static RemoteState StateOf(string? status) => status switch
    {
        "AVAILABLE" => RemoteState.Ready,
        "PROCESSING_FAILED" => RemoteState.Failed,
        _ => RemoteState.Working,
    };

    private Task<ProviderAnswer> BeginAsync(PublishWork work, string kind, JsonObject asked, CancellationToken ct)
    {
        asked["owner"] = work.Target.ProviderProfileId;
        return client.PostAsync($"/rest/{kind}s?action=initializeUpload", new JsonObject { ["initializeUploadRequest"] = asked },
            work.Tokens.AccessToken, ct);
    }

    private sealed record Part(Uri Url, long First, long Last);

    private sealed record FilmPlan(string Urn, string Token, DateTimeOffset Until, IReadOnlyList<Part> Parts);

    // Parts must cover the film without a gap: anything else is not an answer that can be worked with.
    private FilmPlan? ReadPlan(JsonNode? body, long size)
    {
        List<Part> parts = [];
        foreach (var item in body.Objects("value", "uploadInstructions") ?? [])
        {
            if (item.Address("uploadUrl") is not { } url || item.Number("firstByte") is not { } first
                || item.Number("lastByte") is not { } last || first != (parts.Count == 0 ? 0 : parts[^1].Last + 1) || last < first)
                return null;
            parts.Add(new Part(url, first, last));
        }
        return body.Id("value", "video") is { } urn && parts.Count > 0 && parts[^1].Last == size - 1
            ? new FilmPlan(urn, body.Text("value", "uploadToken") ?? "",
                body.Moment("value", "uploadUrlsExpireAt") ?? client.Now.AddHours(1), parts)
            : null;
    }
}
