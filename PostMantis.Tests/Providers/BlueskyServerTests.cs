using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Playwright;
using PostMantis.Core.Common;
using PostMantis.Core.Outbound;
using PostMantis.Core.Providers;
using PostMantis.Core.Providers.Bluesky;
using PostMantis.ServiceDefaults;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Providers;

/// <summary>Bluesky by Bluesky's own server: what the notes say of it is held against the real thing.</summary>
public sealed class BlueskyServerTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_real_server_takes_text_facets_images_threads_and_a_lost_answer()
    {
        var (server, reason) = await BlueskyServer.StartAsync();
        if (server is null) Assert.Skip($"Bluesky's own server cannot run here: {reason}.");
        await using var running = server;
        await using var wire = await LossyWire.StartAsync(server.Address);
        using var host = Start(server, wire.Address);
        var provider = host.Services.GetRequiredService<IProvider>();
        using var http = new HttpClient { BaseAddress = server.Address };
        var (did, password) = server.Account("ann");

        // Consent by app password: a wrong one is refused at its field, the right one ends at once.
        var wrong = await StartAsync(provider, server, "zzzz-zzzz-zzzz-zzzz");
        Assert.Equal("appPassword", Assert.IsType<ConsentStart.Refused>(wrong).Field);
        var granted = Assert.IsType<ConsentStart.Granted>(await StartAsync(provider, server, password));
        Assert.Equal((did, "@ann.test"), (granted.Account.Id, granted.Account.Handle));
        var tokens = Through(wire.Address, granted.Tokens);
        Assert.True(tokens.AccessTokenExpiresAt > TimeProvider.System.GetUtcNow());
        var destination = Assert.Single(Assert.IsType<DestinationsOutcome.Listed>(await provider.Consent.ListDestinationsAsync(tokens, Ct)).Destinations);

        // Text with everything that shifts bytes.
        const string text = "👨‍👩‍👧‍👦 日本語 Café @bob.test and @nobody.test: https://example.com/a?b=c#d (#日本 #go).";
        var published = await PublishAsync(provider, TestPublishWork.For(destination, tokens, text, TimeProvider.System));
        var record = await ReadAsync(http, published.ProviderPostId);
        Assert.Equal(text, (string)record["text"]!);
        var bytes = Encoding.UTF8.GetBytes(text);
        Assert.Equal(
            [("mention", "@bob.test", server.Account("bob").Did), ("link", "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"), ("tag", "#日本", "日本"), ("tag", "#go", "go")],
            record["facets"]!.AsArray().Select(facet =>
            {
                var feature = facet!["features"]![0]!.AsObject();
                var (start, end) = ((int)facet["index"]!["byteStart"]!, (int)facet["index"]!["byteEnd"]!);
                return (((string)feature["$type"]!).Split('#')[1], Encoding.UTF8.GetString(bytes[start..end]), (string)feature.Single(p => p.Key != "$type").Value!);
            }));

        // Images with words for those who cannot see them.
        TestFile[] images = [.. Enumerable.Range(0, 2).Select(at => TestFile.Of(MediaCorpus.Image(ImageMagick.MagickFormat.Jpeg, 64, 48), MediaKind.Image, "image/jpeg", 64, 48))];
        var content = new DeliveryContent("Two images", null, [images[0].Item("The first"), images[1].Item()], [], null, []);
        published = await PublishAsync(provider, TestPublishWork.For(destination, tokens, content, images, TimeProvider.System));
        record = await ReadAsync(http, published.ProviderPostId);
        Assert.Equal(["The first", ""], record["embed"]!["images"]!.AsArray().Select(image => (string)image!["alt"]!));
        Assert.Equal(images[0].SizeBytes, (long)record["embed"]!["images"]![0]!["image"]!["size"]!);

        // A card, and a thread with a comment.
        content = new DeliveryContent("Root", new LinkCard("https://example.com/page"), [], [new PartContent("Second", []), new PartContent("Third", [])],
            new PartContent("Comment", []), new JsonObject { ["linkTitle"] = "A page", ["languages"] = new JsonArray("en") });
        published = await PublishAsync(provider, TestPublishWork.For(destination, tokens, content, [], TimeProvider.System));
        Assert.Equal("A page", (string)(await ReadAsync(http, published.ProviderPostId))["embed"]!["external"]!["title"]!);
        var third = await ReadAsync(http, published.Parts.Single(part => part.Index == 2).ProviderPostId!);
        Assert.Equal((published.ProviderPostId, published.Parts.Single(part => part.Index == 1).ProviderPostId),
            ((string?)third["reply"]!["root"]!["uri"], (string?)third["reply"]!["parent"]!["uri"]));

        // A lost answer: found by its key, and putting it again changes nothing.
        var before = await CountAsync(http, did);
        wire.LoseNextAnswerOf("com.atproto.repo.putRecord");
        var work = TestPublishWork.For(destination, tokens, "Lost on the way", TimeProvider.System);
        Assert.IsType<PublishOutcome.Unconfirmed>(await provider.Publisher.PublishAsync(work, Ct));
        Assert.IsType<ReconcileOutcome.Found>(await provider.Reconciler.ReconcileAsync(work.Reconcile(SettlementMode.Idempotent), Ct));
        Assert.IsType<PublishOutcome.Published>(await provider.Publisher.PublishAsync(work.Resume(), Ct));
        Assert.Equal(before + 1, await CountAsync(http, did));

        // What was never sent is not there.
        wire.LoseNextCallOf("com.atproto.repo.putRecord");
        var never = TestPublishWork.For(destination, tokens, "Never arrived", TimeProvider.System);
        Assert.IsType<PublishOutcome.Unconfirmed>(await provider.Publisher.PublishAsync(never, Ct));
        Assert.IsType<ReconcileOutcome.NotListed>(await provider.Reconciler.ReconcileAsync(never.Reconcile(SettlementMode.Idempotent), Ct));

        // Too long by a character, counted as readers do: the server refuses what the rules refuse, and takes what they take.
        var family = string.Concat(Enumerable.Repeat("👨‍👩‍👧‍👦", 100)) + new string('x', 200);
        await PublishAsync(provider, TestPublishWork.For(destination, tokens, family, TimeProvider.System));
        var tooLong = await provider.Publisher.PublishAsync(TestPublishWork.For(destination, tokens, family + "y", TimeProvider.System), Ct);
        Assert.Equal(DeliveryErrorCode.ContentRejected, Assert.IsType<PublishOutcome.Rejected>(tooLong).Error.Code);

        // Renewed tokens serve; a session that was ended serves nobody.
        var renewed = Assert.IsType<RefreshOutcome.Refreshed>(await provider.Consent.RefreshAsync(tokens, Ct)).Tokens;
        await PublishAsync(provider, TestPublishWork.For(destination, renewed, "With new tokens", TimeProvider.System));
        await provider.Consent.RevokeAsync(renewed, Ct);
        Assert.IsType<RefreshOutcome.Revoked>(await provider.Consent.RefreshAsync(renewed, Ct));
        var bad = new GrantTokens { AccessToken = "nonsense", Secrets = tokens.Secrets };
        var refused = await provider.Publisher.PublishAsync(TestPublishWork.For(destination, bad, "no", TimeProvider.System), Ct);
        Assert.Equal(DeliveryErrorCode.AuthRevoked, Assert.IsType<PublishOutcome.Rejected>(refused).Error.Code);
    }

    [Fact]
    public async Task A_person_says_yes_at_the_real_server_and_tokens_with_proofs_publish()
    {
        var (server, reason) = await BlueskyServer.StartAsync();
        if (server is null) Assert.Skip($"Bluesky's own server cannot run here: {reason}.");
        await using var running = server;
        await using var here = RawServer.Answering("200 OK", "Back again", "text/plain");
        using var host = Start(server, server.Address, here.Address);
        var provider = host.Services.GetRequiredService<IProvider>();
        var callback = new Uri(here.Address, "/connect/callback/bluesky");
        var begun = new ConsentTrip("state-of-this-trip", new string('v', 43), callback)
        {
            Input = new Dictionary<string, string> { ["handle"] = "ann.test", ["server"] = server.Address.GetLeftPart(UriPartial.Authority) },
        };
        var start = await provider.Consent.StartAsync(begun, Ct);
        var leave = Assert.IsType<ConsentStart.Leave>(start);

        // The person signs in with the password of the account, at the server's own page.
        await using var chromium = await Chromium.StartAsync();
        var (page, _) = await chromium.OpenAsync(server.Address);
        await page.GotoAsync(leave.Url.AbsoluteUri);
        await page.Locator("input[name=password]").FillAsync(BlueskyServer.MainPassword);
        await page.Locator("input[name=password]").PressAsync("Enter");
        await page.GetByRole(AriaRole.Button, new() { Name = "Authorize" }).ClickAsync();
        await page.WaitForURLAsync($"{callback}?**");
        var query = HttpUtility.ParseQueryString(new Uri(page.Url).Query);
        Assert.Equal(begun.State, query["state"]);

        var trip = new ConsentTrip(begun.State, begun.CodeVerifier, begun.RedirectUri) { Input = begun.Input, Secrets = leave.Secrets! };
        var back = new ConsentReturn(query["state"], query["code"])
        {
            Parameters = query.AllKeys.OfType<string>().ToDictionary(key => key, key => query[key]!),
        };
        var granted = Assert.IsType<ConsentOutcome.Granted>(await provider.Consent.ExchangeAsync(trip, back, Ct));
        Assert.Equal((server.Account("ann").Did, "@ann.test"), (granted.Account.Id, granted.Account.Handle));
        var destination = Assert.Single(Assert.IsType<DestinationsOutcome.Listed>(await provider.Consent.ListDestinationsAsync(granted.Tokens, Ct)).Destinations);
        await PublishAsync(provider, TestPublishWork.For(destination, granted.Tokens, "Said with a proof", TimeProvider.System));

        // The pair is replaced and the new one serves until it is ended.
        var renewed = Assert.IsType<RefreshOutcome.Refreshed>(await provider.Consent.RefreshAsync(granted.Tokens, Ct)).Tokens;
        Assert.NotEqual(granted.Tokens.RefreshToken, renewed.RefreshToken);
        await PublishAsync(provider, TestPublishWork.For(destination, renewed, "Said with another", TimeProvider.System));
        await provider.Consent.RevokeAsync(renewed, Ct);
        Assert.IsType<RefreshOutcome.Revoked>(await provider.Consent.RefreshAsync(renewed, Ct));
    }

    private static Task<ConsentStart> StartAsync(IProvider provider, BlueskyServer server, string password) =>
        provider.Consent.StartAsync(new ConsentTrip("s", new string('v', 43), new Uri("http://127.0.0.1:5080/connect/callback/bluesky"))
        {
            Input = new Dictionary<string, string> { ["handle"] = "ann.test", ["appPassword"] = password, ["server"] = $"http://127.0.0.1:{server.Address.Port}" },
        }, Ct);

    private static async Task<PublishOutcome.Published> PublishAsync(IProvider provider, TestPublishWork work) =>
        Assert.IsType<PublishOutcome.Published>(await provider.Publisher.PublishAsync(work, Ct));

    private static async Task<JsonNode> ReadAsync(HttpClient http, string uri)
    {
        var words = uri.Split('/');
        return (await http.GetFromJsonAsync<JsonNode>($"/xrpc/com.atproto.repo.getRecord?repo={words[2]}&collection={words[3]}&rkey={words[4]}", Ct))!["value"]!;
    }

    private static async Task<int> CountAsync(HttpClient http, string did) =>
        (await http.GetFromJsonAsync<JsonNode>($"/xrpc/com.atproto.repo.listRecords?repo={did}&collection=app.bsky.feed.post&limit=100", Ct))!["records"]!.AsArray().Count;

    private static GrantTokens Through(Uri wire, GrantTokens tokens) => new()
    {
        AccessToken = tokens.AccessToken,
        RefreshToken = tokens.RefreshToken,
        AccessTokenExpiresAt = tokens.AccessTokenExpiresAt,
        Secrets = new Dictionary<string, string>(tokens.Secrets) { ["server"] = wire.GetLeftPart(UriPartial.Authority) },
    };

    private static IHost Start(BlueskyServer server, Uri wire, Uri? publicUrl = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = Environments.Development });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
            ["Outbound:AllowedRanges:1"] = "::1/128",
            ["PublicUrl"] = (publicUrl ?? new InstanceOptions().PublicUrl).AbsoluteUri,
            ["Providers:Bluesky:BaseUrl"] = wire.AbsoluteUri,
            ["Providers:Bluesky:AppViewUrl"] = wire.AbsoluteUri,
            ["Providers:Bluesky:DirectoryUrl"] = $"http://127.0.0.1:{server.Directory.Port}",
        });
        builder.AddServiceDefaults();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddOptions<InstanceOptions>().Bind(builder.Configuration);
        builder.Services.AddOutbound();
        builder.Services.AddProviderCore();
        new BlueskySetup().Register(builder.Services);
        return builder.Build();
    }
}
