using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PostMantis.Client;

namespace PostMantis.Cli;

/// <summary>The commands of <c>postmantis</c>. Exit codes: 0 done, 1 refused or failed, 2 misused.</summary>
internal sealed class Commands(TextWriter output, TextWriter errors)
{
    public const string DefaultAddress = "http://127.0.0.1:5080";

    private static readonly JsonSerializerOptions Line = new(JsonSerializerDefaults.Web)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Runs a command line.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter errors, CancellationToken ct)
    {
        var parsed = new Commands(output, errors).Root().Parse(args);
        if (parsed.Errors.Count > 0 && !args.Contains("--help"))
        {
            foreach (var error in parsed.Errors) await errors.WriteLineAsync(error.Message);
            return 2;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = errors }, ct);
    }

    private RootCommand Root() => new("Publishes to social accounts through PostMantis.")
    {
        Login(), Profiles(), Post(), Schedule(), Status(), Logs(), Listen(),
    };

    private Command Login()
    {
        var key = new Option<string?>("--key") { Description = "pm_live_… or pm_test_…; asked on standard input when left out" };
        var address = new Option<string>("--address") { Description = "Of the instance", DefaultValueFactory = _ => DefaultAddress };
        var command = new Command("login", "Keeps a key for the commands that follow.") { key, address };
        command.SetAction((parsed, ct) => TryAsync(async () =>
        {
            var given = parsed.GetValue(key) ?? (await Console.In.ReadLineAsync(ct))?.Trim() ?? "";
            if (given.Length == 0) throw new ArgumentException("No key was given.");
            var settings = new Settings(parsed.GetValue(address)!, given);
            using var client = Open(settings);
            var known = (await client.GetKeyAsync(ct)).Data;
            await settings.WriteAsync(ct);
            await output.WriteLineAsync($"{known.Name}: {Lower(known.Permission)}, {(known.TestMode ? "test" : "live")}, at {settings.Address}");
        }));
        return command;
    }

    private Command Profiles()
    {
        var command = new Command("profiles", "Lists the profiles that can be posted to.");
        command.SetAction((_, ct) => WithClientAsync(async client =>
        {
            string? cursor = null;
            do
            {
                var page = await client.ListProfilesAsync(limit: 100, cursor: cursor, cancellationToken: ct);
                foreach (var profile in page.Data)
                    await output.WriteLineAsync($"{profile.Id}  {profile.Provider,-10} {profile.Name}{(profile.PausedAt is null ? "" : "  (paused)")}");
                cursor = page.Pagination.NextCursor;
            }
            while (cursor is not null);
        }, ct));
        return command;
    }

    private Command Post()
    {
        var text = new Argument<string>("text") { Description = "What to say" };
        var profiles = new Option<Guid[]>("--profile", "-p") { Description = "Where; repeatable", Required = true, AllowMultipleArgumentsPerToken = true };
        var at = new Option<DateTimeOffset?>("--at") { Description = "When, with Z or an offset; now when left out" };
        var draft = new Option<bool>("--draft") { Description = "Store it and publish nothing" };
        var key = new Option<string?>("--idempotency-key") { Description = "The same key and post within 24 hours make one post" };
        var watch = new Option<bool>("--watch", "-w") { Description = "Follow it to its end" };
        var command = new Command("post", "Publishes a text, now or at a moment.") { text, profiles, at, draft, key, watch };
        command.SetAction((parsed, ct) => WithClientAsync(async client =>
        {
            var accepted = await client.CreatePostAsync(new CreatePost
            {
                Post = new PostBody { Body = parsed.GetValue(text), ScheduledAt = parsed.GetValue(at), Draft = parsed.GetValue(draft) ? true : null },
                Profiles = parsed.GetValue(profiles)!,
            }, parsed.GetValue(key), ct);
            foreach (var warning in accepted.Warnings) await errors.WriteLineAsync($"warning: {warning.Message}");
            await FollowAsync(client, accepted.Data.Id, parsed.GetValue(watch), ct);
        }, ct));
        return command;
    }

    private Command Schedule()
    {
        var id = PostId();
        var at = new Option<DateTimeOffset?>("--at") { Description = "When, with Z or an offset; now when left out" };
        var command = new Command("schedule", "Publishes a draft or moves a post that waits.") { id, at };
        command.SetAction((parsed, ct) => WithClientAsync(async client =>
        {
            var accepted = await client.PublishPostAsync(parsed.GetValue(id), body: new PublishPost { ScheduledAt = parsed.GetValue(at) }, cancellationToken: ct);
            await ShowAsync(accepted.Data);
        }, ct));
        return command;
    }

    private Command Status()
    {
        var id = PostId();
        var watch = new Option<bool>("--watch", "-w") { Description = "Follow it to its end" };
        var command = new Command("status", "Says what became of a post; 1 when a delivery failed or is unknown.") { id, watch };
        command.SetAction((parsed, ct) => WithClientAsync(client => FollowAsync(client, parsed.GetValue(id), parsed.GetValue(watch), ct), ct));
        return command;
    }

    private Command Logs()
    {
        var post = new Option<Guid?>("--post") { Description = "Only of this post" };
        var most = new Option<int>("--limit") { Description = "How many at most", DefaultValueFactory = _ => 20 };
        var command = new Command("logs", "What happened to posts and deliveries, newest first.") { post, most };
        command.SetAction((parsed, ct) => WithClientAsync(async client =>
        {
            var page = await client.ListPublishLogsAsync(postId: parsed.GetValue(post) is { } id ? [id] : null, limit: parsed.GetValue(most), cancellationToken: ct);
            foreach (var one in page.Data)
            {
                var data = JsonSerializer.SerializeToNode(one.Data)!;
                var about = (string?)data["delivery"]?["profileName"] ?? (string?)data["post"]?["id"] ?? "";
                var error = (string?)data["delivery"]?["error"]?["message"];
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"{one.Timestamp:yyyy-MM-dd HH:mm:ss}  {one.Type,-20} {about}{(error is null ? "" : $": {error}")}"));
            }
        }, ct));
        return command;
    }

    private Command Listen()
    {
        var after = new Option<long?>("--after") { Description = "The last sequence you have handled; left out: from now on" };
        var types = new Option<string[]>("--type") { Description = "Such as delivery.published; repeatable", AllowMultipleArgumentsPerToken = true };
        var most = new Option<int?>("--count") { Description = "Stop after so many" };
        var command = new Command("listen", "Prints events as they happen, in the shape webhooks carry, one to a line.") { after, types, most };
        command.SetAction((parsed, ct) => WithClientAsync(async client =>
        {
            var from = parsed.GetValue(after) ?? await NewestAsync(client, ct);
            var left = parsed.GetValue(most) ?? int.MaxValue;
            var wanted = parsed.GetValue(types) is { Length: > 0 } named ? named : null;
            if (left <= 0) return;
            await foreach (var one in client.FollowEventsAsync(from, wanted, TimeSpan.FromSeconds(1), ct))
            {
                await output.WriteLineAsync(JsonSerializer.Serialize(one, Line));
                await output.FlushAsync(ct);
                if (--left == 0) return;
            }
        }, ct));
        return command;
    }

    private static Argument<Guid> PostId() => new("post") { Description = "The post's id" };

    // Newest first, so the first one is where the feed stands.
    private static async Task<long> NewestAsync(PostMantisClient client, CancellationToken ct) =>
        (await client.ListPublishLogsAsync(limit: 1, cancellationToken: ct)).Data is [var newest, ..] ? newest.Sequence : 0;

    private async Task FollowAsync(PostMantisClient client, Guid id, bool watches, CancellationToken ct)
    {
        Post? last = null;
        await foreach (var post in client.WatchAsync(id, ct))
        {
            await ShowAsync(last = post);
            if (!watches) break;
        }
        if (last!.Deliveries.Any(d => d.Status is DeliveryStatus.Failed or DeliveryStatus.Unknown or DeliveryStatus.Incomplete))
            throw new UnhappyException();
    }

    private async Task ShowAsync(Post post)
    {
        await output.WriteLineAsync($"{post.Id}  {Lower(post.Status)}{(post.Outcome is { } outcome ? $" {Lower(outcome)}" : "")}"
            + (post.ScheduledAt is { } at && post.CompletedAt is null ? string.Create(CultureInfo.InvariantCulture, $"  due {at:yyyy-MM-dd HH:mm:ss}Z") : ""));
        foreach (var delivery in post.Deliveries)
            await output.WriteLineAsync($"  {delivery.ProfileName}: {Lower(delivery.Status)}"
                + $"{(delivery.Phase is { } phase ? $" ({Lower(phase)}{(delivery.DeferReason is { } reason ? $": {reason}" : "")})" : "")}"
                + $"{(delivery.Url is { } url ? $" {url}" : "")}{(delivery.Error is { } error ? $" {error.Message}" : "")}");
    }

    private Task<int> WithClientAsync(Func<PostMantisClient, Task> run, CancellationToken ct) => TryAsync(async () =>
    {
        var settings = await Settings.ReadAsync(ct)
            ?? throw new ArgumentException("No key yet: run 'postmantis login', or set POSTMANTIS_KEY and POSTMANTIS_ADDRESS.");
        using var client = Open(settings);
        await run(client);
    });

    private async Task<int> TryAsync(Func<Task> run)
    {
        try
        {
            await run();
            return 0;
        }
        catch (UnhappyException)
        {
            return 1;
        }
        catch (PostMantisException<Problem> refused)
        {
            await errors.WriteLineAsync($"{Lower(refused.Result.Code)}: {refused.Result.Detail}");
            foreach (var issue in refused.Result.Errors) await errors.WriteLineAsync($"  {issue.Pointer}: {issue.Message} {issue.Fix}");
            return 1;
        }
        catch (Exception e) when (e is ArgumentException or UriFormatException)
        {
            await errors.WriteLineAsync(e.Message);
            return 2;
        }
        catch (HttpRequestException e)
        {
            await errors.WriteLineAsync($"The instance does not answer: {e.Message}");
            return 1;
        }
    }

    private static PostMantisClient Open(Settings settings) => new(settings.Key, new Uri(settings.Address));

    private static string Lower<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    private sealed class UnhappyException : Exception;
}
