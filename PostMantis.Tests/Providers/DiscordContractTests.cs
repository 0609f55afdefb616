using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Discord;
using PostMantis.Simulators.Bones;
using PostMantis.Tests.Simulators;

namespace PostMantis.Tests.Providers;

[DoesNotApply(nameof(A_denial_comes_back_as_one), "a bot's token grants at once")]
[DoesNotApply(nameof(Consent_for_less_than_publishing_needs_is_refused), "a bot's token grants at once")]
[DoesNotApply(nameof(A_code_is_good_once_and_needs_its_verifier), "a bot's token grants at once")]
[DoesNotApply(nameof(Tokens_that_ran_out_are_renewed_and_then_serve), "tokens do not run out")]
[DoesNotApply(nameof(A_refresh_token_that_was_used_up_asks_for_a_person), "there are no refresh tokens")]
[DoesNotApply(nameof(A_renewal_whose_answer_is_lost_or_broken_decides_nothing), "there are no refresh tokens")]
[DoesNotApply(nameof(Disconnecting_ends_the_grant_at_the_network), "a bot belongs to its owner")]
[DoesNotApply(nameof(A_link_nobody_should_click_is_left_out), "permalinks are made here, not read")]
[DoesNotApply(nameof(Slow_processing_is_waited_for_without_a_worker), "nothing is worked on")]
[DoesNotApply(nameof(A_process_killed_after_any_step_goes_on_and_publishes_once), "one call does it all")]
[DoesNotApply(nameof(A_failed_part_of_a_thread_is_resumed_and_nothing_is_doubled), "there are no threads")]
public sealed class DiscordContractTests : SimulatorContract
{
    protected override string Network => "discord";

    private protected override IProviderSetup Setup => new DiscordSetup();

    protected override IReadOnlyDictionary<string, string?> Settings(Uri address) =>
        new Dictionary<string, string?> { ["Providers:Discord:BaseUrl"] = new Uri(address, "/api/v10/").AbsoluteUri };

    protected override IReadOnlyDictionary<string, string> Input(Uri address) =>
        new Dictionary<string, string> { ["botToken"] = "token-of-ann-bot-0123456789", ["channelId"] = "700000000000000001" };

    private protected override (string Method, string Path) PublicCall => ("POST", "/messages");

    protected override string TokenPath => "/users/@me";

    protected override bool IsEmptyListing(string name) => name == "an array";

    protected override JsonObject Refusal(string code, string message) => new() { ["code"] = code, ["message"] = message };

    private protected override Fault Said(string fault) => fault switch
    {
        "rejected" => Answer(400, 50035, "Invalid Form Body"),
        "rateLimited" => new Fault { Status = 429, Body = """{"message":"You are being rate limited.","retry_after":64.57,"global":false}""", Headers = { ["Retry-After"] = "65" } },
        _ => Answer(401, 0, "401: Unauthorized"),
    };

    private protected override IReadOnlyList<PostCase> Kinds =>
    [
        new("A message with @everyone, https://example.com, 日本語 and 👨‍👩‍👧‍👦"),
        new("Two images") { Files = [Jpeg(), Jpeg(2)], Alts = ["The first"] },
        new("A film alone") { Body = null, Files = [TestFile.Of(MediaBytes.Mp4(), MediaKind.Video, "video/mp4", 640, 360, 5000)] },
    ];

    private protected override IReadOnlyList<PostCase> TooMuch =>
    [
        new("too long") { Body = new string('x', 2001), Rule = Rule.TooLong },
        new("too many") { Files = [.. Enumerable.Range(1, 11).Select(grain => Jpeg((byte)grain))], Rule = Rule.TooMany },
        new("a long alt") { Files = [Jpeg()], Alts = [new string('x', 1025)], Rule = Rule.TooLong },
        new("too large") { Files = [TestFile.Of(MediaBytes.Jpeg(size: (10 << 20) + 1), MediaKind.Image, "image/jpeg", 40, 30)], Code = DeliveryErrorCode.MediaRejected },
    ];

    private protected override IReadOnlyList<ErrorCase> Errors =>
    [
        new("no token", Answer(401, 0, "401: Unauthorized"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AuthRevoked),
        new("no permission", Answer(403, 50013, "Missing Permissions"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("no channel", Answer(404, 10003, "Unknown Channel"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.AccountRestricted),
        new("odd", Answer(400, 50035, "Invalid Form Body"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.ContentRejected),
        new("too large", Answer(413, 40005, "Request entity too large"), typeof(PublishOutcome.Rejected), DeliveryErrorCode.MediaRejected),
        new("too often", Said("rateLimited"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("slow mode", Answer(400, 20016, "Slowmode"), typeof(PublishOutcome.Deferred), DeliveryErrorCode.ProviderRateLimited),
        new("down", new Fault { Status = 502, Body = "<html>", ContentType = "text/html" }, typeof(PublishOutcome.Unconfirmed)),
    ];

    [Theory]
    [InlineData("nonsense", "700000000000000001", "botToken")]
    [InlineData("token-of-ann-bot-0123456789", "700000000000000002", "channelId")]
    [InlineData("token-of-ann-bot-0123456789", "general", "channelId")]
    public async Task What_was_filled_in_wrongly_is_told_at_its_field(string token, string channel, string field)
    {
        var trip = new ConsentTrip("s", new string('v', 43), Callback(Network)) { Input = new Dictionary<string, string> { ["botToken"] = token, ["channelId"] = channel } };
        Assert.Equal(field, Assert.IsType<ConsentStart.Refused>(await Provider.Consent.StartAsync(trip, default)).Field);
    }

    [Fact]
    public Task Every_file_of_the_corpus_is_taken_or_refused_as_planned() => TakesTheCorpusAsPlannedAsync();

    private static TestFile Jpeg(byte grain = 1) => TestFile.Of(MediaBytes.Jpeg(grain: grain), MediaKind.Image, "image/jpeg", 40, 30);

    private static Fault Answer(int status, int code, string message) =>
        new() { Status = status, Body = new JsonObject { ["code"] = code, ["message"] = message }.ToJsonString() };
}
