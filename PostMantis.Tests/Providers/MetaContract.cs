using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using CsCheck;
using PostMantis.Core.Providers;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

/// <summary>The contract against a simulated network of Meta, which fetches files and says its errors in one envelope.</summary>
public abstract class MetaContract : SimulatorContract
{
    private protected FileServer Files { get; private set; } = null!;

    private protected Simulation Sim => Simulator.Sim;

    private protected Destination Place => Destinations.Values.First();

    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    public override async ValueTask InitializeAsync()
    {
        Files = await FileServer.StartAsync();
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Files.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected override JsonObject Refusal(string code, string message) =>
        new() { ["error"] = new JsonObject { ["code"] = code, ["message"] = message, ["type"] = "OAuthException" } };

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Error(100),
        "rateLimited" => Error(4, status: 403),
        _ => Error(190, 458),
    };

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync((name, bytes) =>
    {
        Files.Files[name] = bytes;
        return new Uri($"{Files.Address}/{name}");
    });

    // The network wants some secrets in the address of a call.
    [Fact]
    public async Task Secrets_that_stand_in_an_address_are_told_by_no_span()
    {
        ConcurrentBag<string> told = [];
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name.StartsWith("System.Net.Http", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span => told.Add(string.Join(' ', span.TagObjects.Select(tag => $"{tag.Key}={tag.Value}"))),
        };
        ActivitySource.AddActivityListener(listener);
        var (tokens, _) = await GrantAsync();
        await WaitAsync(TimeSpan.FromDays(1));
        Assert.IsType<RefreshOutcome.Refreshed>(await Provider.Consent.RefreshAsync(tokens, Ct));
        Assert.Contains(told, words => words.Contains($"{Simulator.Address.Port}", StringComparison.Ordinal)
            && words.Contains("access_token", StringComparison.Ordinal));
        foreach (var secret in (string[])[tokens.AccessToken, "meta-secret"])
            Assert.DoesNotContain(told, words => words.Contains(secret, StringComparison.Ordinal));
    }

    /// <summary>A refusal in Meta's envelope.</summary>
    private protected static Fault Error(int code, int subcode = 0, int status = 400, params (string Name, string Value)[] headers) => new()
    {
        Status = status,
        Body = new JsonObject
        {
            ["error"] = new JsonObject
            {
                ["message"] = "Something is wrong", ["type"] = "OAuthException", ["code"] = code, ["error_subcode"] = subcode,
            },
        }.ToJsonString(),
        Headers = headers.ToDictionary(header => header.Name, header => header.Value),
    };

    /// <summary>A refusal of something else than the public call.</summary>
    private protected static Fault On(Fault fault, string method, string path, int skip = 0)
    {
        (fault.Method, fault.Path, fault.Skip) = (method, path, skip);
        return fault;
    }

    /// <summary>A file that the network can fetch.</summary>
    private protected TestFile Serve(string name, byte[] bytes, MediaKind kind, string mimeType, int width, int height,
        long? durationMs = null, bool isAnimated = false)
    {
        Files.Files[name] = bytes;
        return TestFile.Of(bytes, kind, mimeType, width, height, durationMs, isAnimated, new Uri($"{Files.Address}/{name}"));
    }

    private protected TestFile Picture(byte grain = 1, int width = 1000, int height = 1000) => Serve($"{grain}-{width}-{height}.jpg",
        MediaBytes.Jpeg(width, height, grain: grain), MediaKind.Image, "image/jpeg", width, height);

    private protected TestFile Film(int width = 720, int height = 1280, double seconds = 5) => Serve($"{width}-{height}-{seconds}.mp4",
        MediaBytes.Mp4(width, height, seconds), MediaKind.Video, "video/mp4", width, height, (long)(seconds * 1000));

    /// <summary>A file that is not where it should be.</summary>
    private protected TestFile Gone(MediaKind kind) => TestFile.Of(MediaBytes.Jpeg(), kind,
        kind == MediaKind.Video ? "video/mp4" : "image/jpeg", pullFrom: new Uri($"{Files.Address}/gone"));

    private protected TestPublishWork Work(DeliveryContent content, params TestFile[] files) =>
        TestPublishWork.For(Place, Tokens, content, files, Time);

    private protected static DeliveryContent Content(string? body, string options = "{}", params MediaItem[] media) =>
        new(body, null, media, [], null, JsonNode.Parse(options)!.AsObject());

    private protected Task<IReadOnlyList<Published>> JournalAsync() => Simulator.JournalAsync();

    /// <summary>Publishes and demands that it becomes public.</summary>
    private protected async Task<PublishOutcome.Published> PublishedAsync(DeliveryContent content, params TestFile[] files) =>
        Assert.IsType<PublishOutcome.Published>((await RunAsync(Work(content, files))).Outcome);

    /// <summary>Kills the process after each handle in turn, however long the network took before, and goes on.</summary>
    /// <returns>How many handles there were; there is one post each time.</returns>
    private protected async Task<int> KillAfterEachHandleAsync(Func<string, (DeliveryContent Content, TestFile[] Files)> post)
    {
        for (var at = 1; ; at++)
        {
            var before = (await JournalAsync()).Count;
            var (content, files) = post($"killed {at}");
            var (wasKilled, left) = (false, at);
            var work = TestPublishWork.For(Place, Tokens, content, files, Time, killedAfterHandles: left);
            PublishOutcome? outcome = null;
            try
            {
                for (var asked = 0; asked < 60; asked++)
                {
                    outcome = await Provider.Publisher.PublishAsync(work, Ct);
                    if (outcome is not PublishOutcome.Processing processing) break;
                    await WaitAsync(processing.CheckAfter);
                    left -= work.Saves;
                    work = work.Resume(left);
                }
            }
            catch (LeaseLostException)
            {
                wasKilled = true;
                outcome = (await RunAsync(work.Resume())).Outcome;
            }
            Assert.IsType<PublishOutcome.Published>(outcome);
            var parts = 1 + content.Thread.Count + (content.FirstComment is null ? 0 : 1);
            Assert.Equal(parts, (await JournalAsync()).Count - before);
            if (!wasKilled) return at - 1;
        }
    }

    /// <summary>One of several values, each as likely.</summary>
    private protected static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
