using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using ImageMagick;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Connections;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Profiles;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Access;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>
/// An instance that has been used: people who own one of everything a page can show, with a mark of theirs in every text
/// they can write.
/// </summary>
internal sealed class LivedInWorld : IAsyncDisposable
{
    public const string Password = "a long and quiet password";

    private readonly SandboxServer _sandbox;
    private readonly WebhookReceiver _receiver;

    private LivedInWorld(SandboxServer sandbox, WebhookReceiver receiver, PostMantisHost host, string folder) =>
        (_sandbox, _receiver, Host, Folder) = (sandbox, receiver, host, folder);

    public PostMantisHost Host { get; }

    /// <summary>Where its files are.</summary>
    public string Folder { get; }

    public static async Task<LivedInWorld> StartAsync(IReadOnlyDictionary<string, string?>? settings = null,
        Action<Microsoft.AspNetCore.Builder.WebApplicationBuilder>? configure = null)
    {
        var sandbox = await SandboxServer.StartAsync(settings: new Dictionary<string, string?>
        {
            ["Sandbox:AccessTokenLifetime"] = "1.00:00:00",
        });
        var folder = Directory.CreateTempSubdirectory("postmantis-lived").FullName;
        var merged = new Dictionary<string, string?>(sandbox.Settings)
        {
            ["DataDirectory"] = folder,
            ["Deliveries:ShowAfter"] = "00:00:00",
            ["Outbound:AllowedRanges:0"] = "127.0.0.0/8",
            ["Providers:Sandbox:Timeout"] = "00:00:02",
            ["SignUp:Mode"] = "Invited",
        };
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>()) merged[name] = value;
        var host = await PostMantisHost.StartAsync(merged, configure);
        return new LivedInWorld(sandbox, await WebhookReceiver.StartAsync(), host, folder);
    }

    /// <summary>Somebody who has an account, is signed in and owns nothing yet; the first one administers.</summary>
    public async Task<Inhabitant> ArriveAsync(string mark)
    {
        var email = $"{mark}@example.com";
        var isFirst = await Host.AskAsync<FirstUser, bool>(first => first.IsNeededAsync(default));
        if (isFirst)
            await Host.AskAsync<FirstUser, SignedIn>(first =>
                first.CreateAsync(PostMantisHost.SetupToken, email, Password, new Origin("127.0.0.1", mark), default));
        else
            await Host.AskAsync<Accounts, User?>(accounts =>
                accounts.CreateAsync(email, Password, false, new Origin("127.0.0.1", mark), "invitation", default));
        var browser = new Browser(Host.Address);
        using (await browser.SubmitAsync("/sign-in", "sign-in",
            [new("email", email), new("password", Password)], ("User-Agent", mark)))
        {
        }
        var id = await Host.InDatabaseAsync(db => Task.FromResult(db.Users.Single(u => u.Email == email).Id));
        return new Inhabitant(mark, email, Caller.Person(id, "127.0.0.1") with { UserAgent = mark }, browser);
    }

    /// <summary>As <see cref="ArriveAsync"/>, and then they do everything there is to do.</summary>
    public async Task<Inhabitant> LiveAsync(string mark)
    {
        var somebody = await ArriveAsync(mark);
        var (person, at) = (somebody.Person, somebody.Ids);
        var pages = await PublishingWorld.ConnectAsync(Host, _sandbox, person, "lab-idempotent", "lab-none");
        at["profile"] = pages[0].Id;
        await Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<ProfileLabels>().SetAsync(person, pages[0].Id, $"{mark} brand", $"{mark} id", default);
            return 0;
        });
        at["brand"] = await Host.InDatabaseAsync(db => Task.FromResult(db.Brands.Single(b => b.UserId == person.UserId).Id));
        var session = await Host.AskAsync<ConnectionSessions, StartedSession>(s => s.StartAsync(person, "sandbox", default));
        at["session"] = session.Session.Id;
        var back = System.Web.HttpUtility.ParseQueryString((await _sandbox.ConsentAsync(session.AuthorizeUrl, "lab")).Query);
        await Host.AskAsync<ConnectionSessions, ConnectionSession>(s =>
            s.CallbackAsync(person, "sandbox", new(back["state"], back["code"], null), default));
        if (await Host.AskAsync<Invitations, bool>(i => i.MayInviteAsync(person, default)))
            await Host.AskAsync<Invitations, CreatedInvitation>(i => i.CreateAsync(person, $"{mark}-guest@example.com", default));
        await WebhookAsync(somebody);

        var api = await ApiClient.WithKeyAsync(Host, person, grants: [Grant.Resolve]);
        at["key"] = api.KeyId;
        var artifact = await UploadAsync(api, mark);
        at["artifact"] = artifact;
        at["post"] = await CreateAsync(api, mark, pages, media: artifact);
        at["failed"] = await CreateAsync(api, mark, [pages[0]], fault: "rejected");
        at["unknown"] = await CreateAsync(api, mark, [pages[1]], fault: "timeoutAfterAccept");
        at["draft"] = await CreateAsync(api, mark, pages, draft: true);
        at["scheduled"] = await CreateAsync(api, mark, pages, inDays: 3);
        var agent = await ApiClient.WithKeyAsync(Host, person, rules: new KeyRules(ApprovalRequired: true, DailyCap: 5));
        at["agent"] = agent.KeyId;
        at["approval"] = await CreateAsync(agent, mark, pages, inDays: 1);
        await RunAsync();
        at["message"] = await Host.InDatabaseAsync(db => Task.FromResult(
            db.WebhookMessages.First(m => m.UserId == person.UserId).Id));
        return somebody;
    }

    /// <summary>Does what workers would do now.</summary>
    public async Task RunAsync()
    {
        var services = Host.Services;
        while (await services.GetRequiredService<DeliveryRunner>().RunOnceAsync(default)
            + await services.GetRequiredService<DeliveryReconciler>().RunOnceAsync(default) > 0)
        {
        }
        while (await Host.AskAsync<Sequencer, int>(s => s.RunOnceAsync(default)) > 0)
        {
        }
        while (await services.GetRequiredService<WebhookRunner>().RunOnceAsync(default) > 0)
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _receiver.DisposeAsync();
        await _sandbox.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private async Task WebhookAsync(Inhabitant somebody)
    {
        var path = $"/{somebody.Mark}";
        _receiver.Answer(path, 500, body: $"{somebody.Mark} is not understood");
        var endpoint = await Host.AskAsync<WebhookEndpoints, SecretShown>(e => e.CreateAsync(somebody.Person,
            new WebhookSettings($"{somebody.Mark} endpoint", _receiver.Url(path), WebhookMode.Both, [], [], []), default));
        somebody.Ids["endpoint"] = endpoint.EndpointId;
    }

    private async Task<Guid> UploadAsync(ApiClient api, string mark)
    {
        var bytes = MediaCorpus.Image(MagickFormat.Png, 600, 400);
        var ticket = (await api.PostAsync("/uploads",
            $$"""{"fileName": "{{mark}}.png", "mimeType": "image/png", "fileSize": {{bytes.Length}}}""")).Data;
        using var put = new HttpRequestMessage(HttpMethod.Put, (string)ticket["uploadUrl"]!) { Content = new ByteArrayContent(bytes) };
        put.Content.Headers.ContentType = MediaTypeHeaderValue.Parse((string)ticket["requiredHeaders"]!["Content-Type"]!);
        using var sent = await Host.Client.SendAsync(put);
        Assert.Equal(204, (int)sent.StatusCode);
        Assert.Equal(200, (await api.PostAsync("/uploads/complete", $$"""{"artifactId": "{{ticket["artifactId"]}}"}""")).Status);
        return (Guid)ticket["artifactId"]!;
    }

    private async Task<Guid> CreateAsync(ApiClient api, string mark, IReadOnlyList<Profile> pages, bool draft = false,
        int? inDays = null, string? fault = null, Guid? media = null)
    {
        var request = new JsonObject
        {
            ["post"] = new JsonObject
            {
                ["body"] = $"{mark} writes {Ordinal()}",
                ["draft"] = draft,
                ["scheduledAt"] = inDays is { } days ? Host.Clock.GetUtcNow().AddDays(days).ToString("O") : null,
                ["thread"] = media is null ? null : new JsonArray(new JsonObject { ["body"] = $"{mark} goes on" }),
                ["firstComment"] = media is null ? null : new JsonObject { ["body"] = $"{mark} comments" },
                ["externalId"] = $"{mark} external",
                ["metadata"] = new JsonObject { ["campaign"] = $"{mark} campaign" },
            },
            ["profiles"] = new JsonArray([.. pages.Select(p => (JsonNode)p.Id.ToString())]),
            ["allowDuplicate"] = true,
        };
        if (media is { } artifact)
        {
            request["media"] = new JsonArray(new JsonObject { ["artifactId"] = artifact.ToString(), ["alt"] = $"{mark} shows" });
            request["overrides"] = new JsonObject
            {
                [pages[1].Id.ToString()] = new JsonObject { ["body"] = $"{mark} writes otherwise" },
            };
        }
        if (fault is not null)
        {
            request["providerOptions"] = new JsonObject
            {
                ["sandbox"] = new JsonObject
                {
                    ["faults"] = new JsonArray(new JsonObject { ["on"] = "publish", ["fault"] = fault }),
                },
            };
        }
        var reply = await api.PostAsync("/posts", request.ToJsonString(),
            ("Idempotency-Key", $"{mark}-{Ordinal()}"), ("User-Agent", mark));
        Assert.True(reply.Status is 201 or 202, reply.Text);
        return (Guid)reply.Data["id"]!;
    }

    private int _made;

    private int Ordinal() => ++_made;
}

/// <summary>Somebody, their browser, and the ids of what they own by what it is.</summary>
internal sealed record Inhabitant(string Mark, string Email, Caller Person, Browser Browser)
{
    public Dictionary<string, Guid> Ids { get; } = [];
}
