using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Mastodon;

/// <summary>A status as the server keeps it.</summary>
internal sealed record MastodonStatus(
    long Id, Account Author, string Client, string Text, string Warning, string Visibility, bool Sensitive,
    string? Language, long? ReplyTo, IReadOnlyList<MastodonFile> Files, DateTimeOffset At);

/// <summary>Statuses: counted, turned into HTML, and said once per key within the hour.</summary>
internal sealed class MastodonStatuses(MastodonNetwork network)
{
    private const int LongestPage = 40;
    private const int PollOptions = 4;
    private const int PollOptionLength = 50;
    private readonly Lock _gate = new();
    private readonly List<MastodonStatus> _all = [];
    private readonly Dictionary<string, (long Id, DateTimeOffset From, DateTimeOffset Until)> _keys = [];
    private long _lastId;

    private MastodonSettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/api/v1/statuses", context => network.GuardAsync(context, "write:statuses", null,
            async grant => Post(context, await MastodonConsent.InputAsync(context.Request), grant)));
        routes.On("GET", "/api/v1/statuses/{id}", context => Task.FromResult(
            Find(context.Part("id")) is { } status ? Results.Json(Show(context.Request, status)) : NotFound()));
        routes.On("DELETE", "/api/v1/statuses/{id}", context => network.GuardAsync(context, "write:statuses",
            ("deletes", Rules.DeletesPerHalfHour, TimeSpan.FromMinutes(30)), grant =>
                Task.FromResult(Delete(context, grant))));
        routes.On("GET", "/api/v1/accounts/{id}/statuses", context => network.GuardAsync(context, "read:statuses", null,
            _ => Task.FromResult(List(context.Request, context.Part("id")))));
    }

    private IResult Post(HttpContext context, JsonObject body, Grant grant)
    {
        var request = context.Request;
        var key = request.Headers["Idempotency-Key"].ToString() is { Length: > 0 } sent && Rules.HonoursIdempotencyKey
            ? grant.Account.Id + "/" + sent : null;
        lock (_gate)
        {
            if (key is not null && _keys.TryGetValue(key, out var earlier)
                && earlier.From <= Sim.Now && earlier.Until > Sim.Now
                && _all.FirstOrDefault(one => one.Id == earlier.Id) is { } known)
                return Results.Json(Show(request, known));
            if (Problem(body, grant.Account, out var files) is { } problem) return problem;
            var allowance = Sim.Windows.Take("statuses/" + grant.Account.Id, Rules.StatusesPerThreeHours,
                TimeSpan.FromHours(3));
            if (!allowance.Granted) return MastodonNetwork.Error(429, "Too many requests");
            var status = Keep(body, grant, files);
            if (key is not null)
                _keys[key] = (status.Id, Sim.Now.AddSeconds(Rules.KeyLagSeconds),
                    Sim.Now.AddSeconds(Rules.IdempotencySeconds));
            var shown = Show(request, status);
            Sim.Publish(grant.Account, status.ReplyTo is null ? "post" : "reply", Number(status.Id), status.Text,
                files.Select(file => PublishedFile.Of(file.MimeType, file.Bytes, file.Description)),
                ("visibility", status.Visibility), ("warning", status.Warning), ("language", status.Language),
                ("sensitive", status.Sensitive ? "true" : "false"),
                ("replyTo", status.ReplyTo is { } to ? Number(to) : null), ("permalink", shown.Text("url")));
            return Results.Json(shown);
        }
    }

    private IResult? Problem(JsonObject body, Account author, out List<MastodonFile> files)
    {
        files = [];
        var (text, warning) = (body.Text("status") ?? "", body.Text("spoiler_text") ?? "");
        var ids = body.Texts("media_ids") ?? [];
        if (ids.Count > Rules.MaxAttachments)
            return Invalid($"Validation failed: Cannot attach more than {Rules.MaxAttachments} files");
        foreach (var id in ids)
        {
            if (network.Media.Find(id, author) is not { Attached: false, IsBroken: false } file)
                return Invalid($"Media with ID {id} not found or already attached to another post");
            files.Add(file);
        }
        if (files.Count > 1 && files.Any(file => file.Kind != "image"))
            return Invalid("Validation failed: Cannot attach a video to a post that already contains images");
        if (files.Any(file => file.ReadyAt > Sim.Now))
            return Invalid("Cannot attach files that have not finished processing. Try again in a moment!");
        if (text.Trim().Length == 0 && files.Count == 0) return Invalid("Validation failed: Text can't be blank");
        if (StatusText.Count(warning, text, Rules.LinkCharacters) > Rules.MaxCharacters)
            return Invalid($"Validation failed: Text character limit of {Rules.MaxCharacters} exceeded");
        if (body.Text("visibility") is not (null or "public" or "unlisted" or "private" or "direct"))
            return Invalid("Validation failed: Visibility is not included in the list");
        if (body["poll"] is { } poll && PollProblem(poll, files.Count > 0) is { } wrong) return Invalid(wrong);
        if (body.Text("scheduled_at") is not null)
            return Invalid("Validation failed: Scheduled at is not simulated");
        return body.Text("in_reply_to_id") is { } parent && Find(parent) is null
            ? MastodonNetwork.Error(404, "Record not found") : null;
    }

    private static string? PollProblem(JsonNode poll, bool hasMedia)
    {
        var options = poll.Texts("options");
        var seconds = poll.Number("expires_in");
        return hasMedia ? "Validation failed: Cannot attach media to a poll"
            : options is null or { Count: < 2 or > PollOptions }
                || options.Any(one => one.Length is 0 or > PollOptionLength)
                ? "Validation failed: Poll options are invalid"
            : seconds is null or < 300 or > 2_629_746 ? "Validation failed: Expires at is invalid" : null;
    }

    private MastodonStatus Keep(JsonObject body, Grant grant, List<MastodonFile> files)
    {
        _lastId = Math.Max(_lastId + 1, Sim.Now.ToUnixTimeMilliseconds() << 16);
        var status = new MastodonStatus(_lastId, grant.Account, grant.Client, body.Text("status") ?? "",
            body.Text("spoiler_text") ?? "",
                body.Text("visibility") ?? grant.Account.Traits.GetValueOrDefault("privacy",
                "public"), body.Flag("sensitive") ?? false, body.Text("language"),
            body.Text("in_reply_to_id") is { } to ? Find(to)?.Id : null, files, Sim.Now);
        foreach (var file in files) file.Attached = true;
        _all.Add(status);
        return status;
    }

    private MastodonStatus? Find(string id)
    {
        lock (_gate) return _all.FirstOrDefault(one => Number(one.Id) == id);
    }

    private IResult Delete(HttpContext context, Grant grant)
    {
        var status = Find(context.Part("id"));
        if (status is null || status.Author != grant.Account) return NotFound();
        lock (_gate) _all.Remove(status);
        return Results.Json(Show(context.Request, status));
    }

    private IResult List(HttpRequest request, string account)
    {
        var query = request.Query;
        var limit = int.TryParse(query["limit"], CultureInfo.InvariantCulture, out var asked)
            ? Math.Clamp(asked, 1, LongestPage) : 20;
        var since = long.TryParse(query["since_id"], CultureInfo.InvariantCulture, out var floor) ? floor : 0;
        var before = long.TryParse(query["max_id"], CultureInfo.InvariantCulture, out var ceiling) ? ceiling
            : long.MaxValue;
        lock (_gate)
            return Results.Json(new JsonArray([.. _all.Where(one => one.Author.Id == account && one.Id > since
                && one.Id < before).OrderByDescending(one => one.Id).Take(limit).Select(one => Show(request, one))]));
    }

    private JsonObject Show(HttpRequest request, MastodonStatus status)
    {
        var (origin, id) = (request.Origin(), Number(status.Id));
        return new JsonObject
        {
            ["id"] = id,
            ["created_at"] = MastodonNetwork.Moment(status.At),
            ["in_reply_to_id"] = status.ReplyTo is { } to ? Number(to) : null,
            ["sensitive"] = status.Sensitive,
            ["spoiler_text"] = status.Warning,
            ["visibility"] = status.Visibility,
            ["language"] = status.Language,
            ["uri"] = $"{origin}/users/{status.Author.Handle}/statuses/{id}",
            ["url"] = $"{origin}/@{status.Author.Handle}/{id}",
            ["content"] = StatusText.ToHtml(status.Text, origin),
            ["account"] = MastodonConsent.Person(request, status.Author),
            ["application"] = new JsonObject { ["name"] = network.Consent.NameOf(status.Client) },
            ["media_attachments"] = new JsonArray([.. status.Files.Select(file =>
                network.Media.Describe(request, file))]),
            ["tags"] = new JsonArray([.. StatusText.Tags(status.Text).Select(tag => new JsonObject
            {
                ["name"] = tag.ToLowerInvariant(),
                ["url"] = $"{origin}/tags/{tag.ToLowerInvariant()}",
            })]),
        };
    }

    private static IResult Invalid(string error) => MastodonNetwork.Error(422, error);

    private static IResult NotFound() => MastodonNetwork.Error(404, "Record not found");

    private static string Number(long id) => id.ToString(CultureInfo.InvariantCulture);
}
