using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Media;

namespace PostMantis.Simulators.Discord;

/// <summary>What a test may change at Discord; the defaults are the notes' facts or, where unsure, guesses.</summary>
internal sealed class DiscordSettings
{
    public int ContentLength { get; set; } = 2000;
    public int DescriptionLength { get; set; } = 1024;
    public long FileBytes { get; set; } = 10 << 20;
    public int Files { get; set; } = 10;

    /// <summary>How long the same nonce gives the same message, where it is enforced.</summary>
    public double NonceSeconds { get; set; } = 180;

    public int MessagesPerWindow { get; set; } = 50;
    public double WindowSeconds { get; set; } = 5;
}

/// <summary>Discord: bots and the messages of a channel.</summary>
internal sealed class DiscordNetwork : INetwork
{
    private const string Guild = "900000000000000001";
    private const long FirstMoment = 1_420_070_400_000;
    private readonly Lock _gate = new();
    private readonly List<Message> _messages = [];
    private long _lastId;

    public DiscordNetwork(Simulation sim)
    {
        Sim = sim;
        foreach (var (name, number) in ((string, int)[])[("ann-bot", 1), ("bob-bot", 2)])
        {
            var account = new Account($"80000000000000000{number}", name, name)
            {
                Traits = { ["token"] = $"token-of-{name}-0123456789", ["channel"] = $"70000000000000000{number}" },
            };
            sim.Accounts.Add(account);
            sim.Grants.Add(new Grant { Account = account, Client = "bot", Scopes = new HashSet<string>(), Access = account.Traits["token"] });
        }
    }

    public Simulation Sim { get; }
    public DiscordSettings Rules { get; } = new();
    public object Settings => Rules;

    private sealed record Message(long Id, string Channel, string Content, string? Nonce, JsonArray Attachments, Account Author, DateTimeOffset At);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET", "/api/v10/users/@me", context => GuardAsync(context, account =>
            Task.FromResult(Results.Json(new { id = account.Id, username = account.Handle, bot = true }))));
        routes.On("GET", "/api/v10/channels/{id}", context => GuardAsync(context, account => Task.FromResult(
            Seen(account, context.Part("id")) ?? Results.Json(new { id = context.Part("id"), type = 0, guild_id = Guild, name = "announcements" }))));
        routes.On("POST", "/api/v10/channels/{id}/messages", context => GuardAsync(context, account => SayAsync(context, account)));
        routes.On("GET", "/api/v10/channels/{id}/messages", context => GuardAsync(context, account => Task.FromResult(
            Seen(account, context.Part("id")) ?? List(context))));
    }

    private async Task<IResult> GuardAsync(HttpContext context, Func<Account, Task<IResult>> work)
    {
        if (context.Request.Headers.UserAgent.Count == 0) return Error(400, 0, "A User-Agent is required");
        var grant = Sim.Grants.ByAccess(context.Request.Token("Bot"));
        return grant is null || grant.Revoked ? Error(401, 0, "401: Unauthorized") : await work(grant.Account);
    }

    private static IResult? Seen(Account account, string channel) => account.Traits["channel"] != channel
        ? Error(404, 10003, "Unknown Channel")
        : account.Has("mute") ? Error(403, 50013, "Missing Permissions") : null;

    private async Task<IResult> SayAsync(HttpContext context, Account author)
    {
        var channel = context.Part("id");
        if (Seen(author, channel) is { } hidden) return hidden;
        var window = Sim.Windows.Take("say/" + channel, Rules.MessagesPerWindow, TimeSpan.FromSeconds(Rules.WindowSeconds));
        var after = (window.ResetAt - Sim.Now).TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
        context.Response.Headers["X-RateLimit-Remaining"] = window.Remaining.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["X-RateLimit-Reset"] = window.ResetAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["X-RateLimit-Reset-After"] = after;
        if (!window.Granted)
        {
            context.Response.Headers.RetryAfter = Math.Ceiling((window.ResetAt - Sim.Now).TotalSeconds).ToString(CultureInfo.InvariantCulture);
            return Results.Json(new { message = "You are being rate limited.", retry_after = double.Parse(after, CultureInfo.InvariantCulture), global = false }, statusCode: 429);
        }
        var (body, files) = await ReadAsync(context.Request);
        if (body is null) return Error(400, 50109, "The request body contains invalid JSON.");
        var content = body.Text("content") ?? "";
        if (content.Trim().Length == 0 && files.Count == 0) return Error(400, 50006, "Cannot send an empty message");
        if (content.Length > Rules.ContentLength) return Error(400, 50035, "Invalid Form Body");
        if (files.Count > Rules.Files || body.Text("nonce") is { Length: > 25 }) return Error(400, 50035, "Invalid Form Body");
        if (files.Exists(file => file.LongLength > Rules.FileBytes)) return Error(413, 40005, "Request entity too large");
        var described = (body["attachments"] as JsonArray ?? []).OfType<JsonObject>().ToDictionary(one => one.Number("id") ?? -1, one => one.Text("description"));
        if (described.Values.Any(words => words?.Length > Rules.DescriptionLength)) return Error(400, 50035, "Invalid Form Body");
        lock (_gate)
        {
            if (body.Flag("enforce_nonce") == true && _messages.LastOrDefault(one => one.Author == author && one.Nonce == body.Text("nonce")
                && one.At.AddSeconds(Rules.NonceSeconds) > Sim.Now) is { } known)
                return Results.Json(Show(known));
            _lastId = Math.Max(_lastId + 1, (Sim.Now.ToUnixTimeMilliseconds() - FirstMoment) << 22);
            var attachments = new JsonArray([.. files.Select((file, at) => (JsonNode)new JsonObject { ["id"] = at, ["size"] = file.Length, ["description"] = described.GetValueOrDefault(at) })]);
            var message = new Message(_lastId, channel, content, body.Text("nonce"), attachments, author, Sim.Now);
            _messages.Add(message);
            Sim.Publish(author, "post", Number(message.Id), content, files.Select((file, at) => PublishedFile.Of(
                ImageFacts.Read(file)?.MimeType ?? VideoFacts.Read(file)?.MimeType ?? "application/octet-stream", file, described.GetValueOrDefault(at))),
                ("permalink", $"https://discord.com/channels/{Guild}/{channel}/{message.Id}"));
            return Results.Json(Show(message));
        }
    }

    private static async Task<(JsonObject? Body, List<byte[]> Files)> ReadAsync(HttpRequest request)
    {
        if (!request.HasFormContentType) return (await request.JsonAsync(), []);
        var form = await request.ReadFormAsync();
        List<byte[]> files = [];
        foreach (var part in form.Files.Where(file => file.Name.StartsWith("files[", StringComparison.Ordinal)))
        {
            await using var stream = part.OpenReadStream();
            files.Add(await stream.BytesAsync());
        }
        try
        {
            return (JsonNode.Parse(form["payload_json"].ToString()) as JsonObject, files);
        }
        catch (JsonException)
        {
            return (null, files);
        }
    }

    private IResult List(HttpContext context)
    {
        var query = context.Request.Query;
        var limit = int.TryParse(query["limit"], CultureInfo.InvariantCulture, out var asked) ? Math.Clamp(asked, 1, 100) : 50;
        var after = long.TryParse(query["after"], CultureInfo.InvariantCulture, out var floor) ? floor : 0;
        lock (_gate)
            return Results.Json(new JsonArray([.. _messages.Where(one => one.Channel == context.Part("id") && one.Id > after)
                .OrderBy(one => one.Id).Take(limit).OrderByDescending(one => one.Id).Select(Show)]));
    }

    private static JsonNode Show(Message message)
    {
        var shown = new JsonObject
        {
            ["id"] = Number(message.Id),
            ["channel_id"] = message.Channel,
            ["content"] = message.Content,
            ["timestamp"] = message.At.ToString("O", CultureInfo.InvariantCulture),
            ["attachments"] = message.Attachments.DeepClone(),
            ["author"] = new JsonObject { ["id"] = message.Author.Id, ["username"] = message.Author.Handle, ["bot"] = true },
        };
        if (message.Nonce is { } nonce) shown["nonce"] = nonce;
        return shown;
    }

    private static IResult Error(int status, int code, string message) => Results.Json(new { code, message }, statusCode: status);

    private static string Number(long id) => id.ToString(CultureInfo.InvariantCulture);
}
