using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>What came of bringing one file, or of waiting for it.</summary>
internal readonly record struct LinkedInAsset(string? Urn, PublishOutcome? Stop);

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
    public async Task<LinkedInAsset> BringAsync(PublishWork work, int index, PublishFile file, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(Handle(index), out var urn))
        {
            var brought = file.Kind == MediaKind.Video
                ? await FilmAsync(work, index, file, ct)
                : await PutAsync(work, file, ct);
            if (brought.Urn is null) return brought;
            urn = brought.Urn;
            await work.SaveHandleAsync(Handle(index), urn, ct);
        }
        return work.Handles.ContainsKey(Handle(index) + "Ready") ? new(urn, null) : await WaitAsync(work, index, file, urn, ct);
    }

    private static string Resource(PublishFile file) => file.Kind switch
    {
        MediaKind.Video => "video",
        MediaKind.Document => "document",
        _ => "image",
    };

    // Pictures and documents are put whole: after a crash the unfinished one is left and a new one begun.
    private async Task<LinkedInAsset> PutAsync(PublishWork work, PublishFile file, CancellationToken ct)
    {
        var kind = Resource(file);
        var made = await client.PostAsync($"/rest/{kind}s?action=initializeUpload", Asked(work, []), work.Tokens.AccessToken, ct);
        if (ProviderText.Id(made.Body.Text("value", kind)) is not { } urn
            || Address(made.Body.Text("value", "uploadUrl")) is not { } url || !made.IsSuccess)
            return Stop(work, made);
        var put = await client.UploadAsync(HttpMethod.Put, url,
            new FileSlice(file, mimeType: "application/octet-stream"), work.Tokens.AccessToken, ct);
        return put.IsSuccess ? new(urn, null) : Stop(work, put);
    }

    private async Task<LinkedInAsset> FilmAsync(PublishWork work, int index, PublishFile file, CancellationToken ct)
    {
        var (planHandle, marksHandle) = (Handle(index) + "Plan", Handle(index) + "Marks");
        var plan = Plan(work.Handles.GetValueOrDefault(planHandle));
        var marks = work.Handles.GetValueOrDefault(marksHandle)?.Split('\n').ToList() ?? [];
        if (plan is null || plan.Until - LeastLife <= client.Now)
        {
            var made = await client.PostAsync("/rest/videos?action=initializeUpload",
                Asked(work, new() { ["fileSizeBytes"] = file.SizeBytes, ["uploadCaptions"] = false, ["uploadThumbnail"] = false }),
                work.Tokens.AccessToken, ct);
            if (!made.IsSuccess || ReadPlan(made.Body, file.SizeBytes) is not { } fresh) return Stop(work, made);
            (plan, marks) = (fresh, []);
            await work.SaveHandleAsync(planHandle, JsonSerializer.Serialize(plan), ct);
            await work.SaveHandleAsync(marksHandle, "", ct);
        }
        marks.RemoveAll(string.IsNullOrEmpty);
        foreach (var part in plan.Parts.Skip(marks.Count))
        {
            // Films are put without the token; what LinkedIn signed the address with is enough.
            var put = await client.UploadAsync(HttpMethod.Put, part.Url,
                new FileSlice(file, part.First, part.Last - part.First + 1, "application/octet-stream"), null, ct);
            if (!put.IsSuccess || ProviderText.Token(put.Header("ETag")?.Trim('"')) is not { } mark)
                return put.IsSuccess ? new(null, new PublishOutcome.Retry(LinkedInErrors.Common.Unavailable(put))) : Stop(work, put);
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
        return done.IsSuccess ? new(plan.Urn, null) : Stop(work, done);
    }

    // A post with a file that is not ready fails or stays invisible.
    private async Task<LinkedInAsset> WaitAsync(PublishWork work, int index, PublishFile file, string urn, CancellationToken ct)
    {
        var ready = Handle(index) + "Ready";
        if (work.Handles.MomentOf(Handle(index) + "Until") is { } until)
            return until > client.Now ? new(null, new PublishOutcome.Processing(until - client.Now)) : new(urn, null);
        var status = await client.GetAsync($"/rest/{Resource(file)}s/{LinkedInClient.Segment(urn)}", work.Tokens.AccessToken, ct);
        if (status.Status == HttpStatusCode.Forbidden)
        {
            // Whoever may post as a member alone cannot read it: a short while is all there is. A post that came too early
            // is refused, and the next try waits longer.
            var grace = settings.UnreadableGrace * work.AttemptNumber;
            await work.SaveMomentAsync(Handle(index) + "Until", client.Now + grace, ct);
            return new(null, new PublishOutcome.Processing(grace));
        }
        if (status.SaysNothing) return new(null, new PublishOutcome.Processing(CheckAgain));
        if (!status.IsSuccess) return Stop(work, status);
        switch (status.Body.Text("status"))
        {
            case "AVAILABLE":
                await work.SaveHandleAsync(ready, "1", ct);
                return new(urn, null);
            case "PROCESSING_FAILED":
                return new(null, new PublishOutcome.Rejected(LinkedInErrors.Common.Media(status,
                    "LinkedIn could not work with one of the files"
                    + (status.Body.Words("processingFailureReason") is { } why ? $" ({why})." : "."))));
            default:
                return new(null, new PublishOutcome.Processing(CheckAgain));
        }
    }

    private LinkedInAsset Stop(PublishWork work, ProviderAnswer answer) => new(null,
        answer.SaysNothing || answer.IsSuccess
            ? new PublishOutcome.Retry(LinkedInErrors.Common.Unavailable(answer), answer.Wait)
            : LinkedInErrors.Refusal(answer, LinkedInErrors.Of(answer, work.Tokens), client.Now));

    private static JsonObject Asked(PublishWork work, JsonObject more)
    {
        more["owner"] = work.Target.ProviderProfileId;
        return new JsonObject { ["initializeUploadRequest"] = more };
    }

    private sealed record Part(Uri Url, long First, long Last);

    private sealed record FilmPlan(string Urn, string Token, DateTimeOffset Until, IReadOnlyList<Part> Parts);

    private static FilmPlan? Plan(string? saved) => saved is null ? null : JsonSerializer.Deserialize<FilmPlan>(saved);

    // Parts must cover the film without a gap: anything else is not an answer that can be worked with.
    private FilmPlan? ReadPlan(JsonNode? body, long size)
    {
        List<Part> parts = [];
        foreach (var item in body.Objects("value", "uploadInstructions") ?? [])
        {
            if (Address(item.Text("uploadUrl")) is not { } url || item.Number("firstByte") is not { } first
                || item.Number("lastByte") is not { } last || first != (parts.Count == 0 ? 0 : parts[^1].Last + 1) || last < first)
                return null;
            parts.Add(new Part(url, first, last));
        }
        return ProviderText.Id(body.Text("value", "video")) is { } urn && parts.Count > 0 && parts[^1].Last == size - 1
            ? new FilmPlan(urn, body.Text("value", "uploadToken") ?? "",
                body.Moment("value", "uploadUrlsExpireAt") ?? client.Now.AddHours(1), parts)
            : null;
    }

    private static Uri? Address(string? text) => ProviderText.Url(text) is { } url ? new Uri(url) : null;
}
