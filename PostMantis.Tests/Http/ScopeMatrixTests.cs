using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Outbox;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>
/// Every operation by every kind of key. Each operation declares what the contract asks for it (a rung, a grant, what it is
/// about and where it names that) and every cell is computed from that; a route without a row fails, and so does a row
/// without a route.
/// </summary>
public sealed class ScopeMatrixTests : IAsyncLifetime
{
    // In the order of what fills the event feed: lists first, while all of it fits a page.
    private static readonly Operation[] _operations =
    [
        new("ListEvents", 200, Of: Thing.Post, At: Where.List),
        new("ListPublishLogs", 200, Of: Thing.Post, At: Where.List),
        new("ListPosts", 200, Of: Thing.Post, At: Where.List),
        new("ListProfiles", 200, Of: Thing.Profile, At: Where.List),
        new("GetHealth", 200, NeedsNoKey: true),
        new("GetKey", 200),
        new("ListProviders", 200),
        new("GetProvider", 200),
        new("GetProfile", 200, Of: Thing.Profile, At: Where.Address),
        new("GetProfileLimits", 200, Of: Thing.Profile, At: Where.Address),
        new("DisconnectProfile", 204, Grant: Grant.Disconnect, Of: Thing.Profile, At: Where.Address),
        new("ValidatePost", 200, Of: Thing.Profile, At: Where.Verdict),
        new("CreatePost", 202, Permission.Publish, Of: Thing.Profile, At: Where.Body),
        new("CreatePost", 201, Permission.Draft, Of: Thing.Profile, At: Where.Body, Case: "draft"),
        new("GetPost", 200, Of: Thing.Post, At: Where.Address),
        new("UpdatePost", 200, Permission.Publish, Of: Thing.Post, At: Where.Address, Case: "scheduled"),
        new("UpdatePost", 200, Permission.Draft, Of: Thing.Post, At: Where.Address, Case: "draft"),
        new("DeletePost", 204, Permission.Draft, Of: Thing.Post, At: Where.Address, Case: "draft"),
        new("PublishPost", 202, Permission.Publish, Of: Thing.Post, At: Where.Address, Case: "draft"),
        new("CancelPost", 202, Permission.Publish, Of: Thing.Post, At: Where.Address, Case: "scheduled"),
        new("ListAttempts", 200, Of: Thing.Post, At: Where.Address, Case: "failed"),
        new("CancelDelivery", 202, Permission.Publish, Of: Thing.Post, At: Where.Address, Case: "scheduled"),
        new("RetryDelivery", 202, Permission.Publish, Of: Thing.Post, At: Where.Address, Case: "failed"),
        new("ResolveDelivery", 202, Grant: Grant.Resolve, Of: Thing.Post, At: Where.Address, Case: "unknown"),
        new("CreateUpload", 201, Permission.Draft),
        new("CompleteUpload", 200, Permission.Draft, Of: Thing.Artifact, At: Where.Body),
        new("GetUpload", 200, Of: Thing.Artifact, At: Where.Address),
    ];

    private PublishingWorld _world = null!;
    private Profile _page = null!;
    private ApiClient _owner = null!;
    private int _texts;

    private PostMantisHost Host => _world.Host;

    public async ValueTask InitializeAsync()
    {
        _world = await PublishingWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Api:RateLimits:Read"] = "100000",
            ["Api:RateLimits:Write"] = "100000",
            ["Api:RateLimits:Upload"] = "100000",
        });
        _page = _world.PageOf(SettlementMode.None);

        // Live, so that a key can be narrowed to another network: test keys know only one.
        await Host.InDatabaseAsync(db => db.Profiles.ExecuteUpdateAsync(p => p.SetProperty(x => x.TestMode, false)));
        _owner = await KeyAsync(_world.Person);
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Every_operation_answers_every_key_as_its_rule_says()
    {
        var keys = await KeysAsync();
        var routes = Routes();
        Assert.Equal(routes.Keys.Order(StringComparer.Ordinal), _operations.Select(o => o.Name).Distinct().Order(StringComparer.Ordinal));
        List<string> wrong = [];
        foreach (var operation in _operations)
        {
            // What is refused leaves the thing as it was: the next key that may do it finds it.
            Subject? subject = null;
            foreach (var key in keys)
            {
                subject ??= await SubjectAsync(operation);
                var (expected, actual) = (Expected(operation, key), await ActualAsync(operation, key, routes[operation.Name], subject));
                if (actual != expected) wrong.Add($"{operation.Name} {operation.Case} by {key.Name}: {expected} expected, {actual} came");
                if (actual[0] == '2' && routes[operation.Name].Method != "GET") subject = null;
            }
            Assert.Contains(keys, key => Expected(operation, key).StartsWith($"{operation.Success}", StringComparison.Ordinal));
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    // The rule, in the order the API asks: a good key, its rung and grants, then whether the thing is there for it.
    private static string Expected(Operation operation, Key key)
    {
        if (operation.NeedsNoKey) return $"{operation.Success}";
        if (!key.IsGood) return "401";
        if (key.Permission < operation.Needs) return "403";
        if (operation.Grant is { } grant && !key.Grants.Contains(grant)) return "403";
        var isThere = operation.Of switch
        {
            Thing.Nothing => true,
            Thing.Artifact => key.IsOwners,
            _ => key.IsOwners && key.Reaches,
        };
        return (operation.At, isThere) switch
        {
            (Where.Address, false) => "404",
            (Where.Body, false) => "400",
            (Where.List, _) => $"{operation.Success} {(isThere ? "with it" : "without it")}",
            (Where.Verdict, _) => $"{operation.Success} {(isThere ? "valid" : "not valid")}",
            _ => $"{operation.Success}",
        };
    }

    private static async Task<string> ActualAsync(Operation operation, Key key, Route route, Subject subject)
    {
        var address = route.Path.Replace("{id}", subject.Id, StringComparison.Ordinal)
            .Replace("{deliveryId}", subject.Delivery, StringComparison.Ordinal)
            .Replace("{provider}", ProviderCatalog.SandboxId, StringComparison.Ordinal).TrimEnd('/');
        if (operation.At == Where.List) address += "?limit=100";
        var reply = await key.Client.SendAsync(HttpMethod.Parse(route.Method), address, subject.Body);
        return operation.At switch
        {
            Where.List when reply.Status == 200 =>
                $"200 {(reply.Text.Contains(subject.Id, StringComparison.Ordinal) ? "with it" : "without it")}",
            Where.Verdict when reply.Status == 200 => $"200 {((bool)reply.Data["valid"]! ? "valid" : "not valid")}",
            _ => $"{reply.Status}",
        };
    }

    private Dictionary<string, Route> Routes() =>
        Host.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText!.TrimStart('/').StartsWith("api/", StringComparison.Ordinal))
            .ToDictionary(e => e.Metadata.GetMetadata<IEndpointNameMetadata>()!.EndpointName, e => new Route(
                e.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods[0], e.RoutePattern.RawText!.Split("}", 2)[1]));

    // A thing in the state the operation is for.
    private async Task<Subject> SubjectAsync(Operation operation) => operation.Name switch
    {
        "DisconnectProfile" => new((await Seed.ProfileAsync(Host, _world.Person, testMode: false)).Id.ToString(), Body: "{}"),
        "GetProfile" or "GetProfileLimits" or "ListProfiles" => new(_page.Id.ToString()),
        "CreatePost" or "ValidatePost" => new("", Body: Body(operation.Case).ToJsonString()),
        "UpdatePost" => (await PostAsync(operation.Case)) with { Body = """{"post": {"externalId": "edited"}}""" },
        "PublishPost" or "CancelPost" or "CancelDelivery" or "RetryDelivery" =>
            (await PostAsync(operation.Case)) with { Body = "{}" },
        "ResolveDelivery" => (await PostAsync(operation.Case)) with { Body = """{"as": "failed"}""" },
        "CreateUpload" => new("", Body: """{"fileName": "card.png", "mimeType": "image/png", "fileSize": 5}"""),
        "CompleteUpload" => new("", Body: $$"""{"artifactId": "{{await ContractInstance.UploadAsync(Host, _owner)}}"}"""),
        "GetUpload" => new(await ContractInstance.UploadAsync(Host, _owner)),
        _ when operation.Of == Thing.Post => await PostAsync(operation.Case),
        _ => new(""),
    };

    private async Task<Subject> PostAsync(string state)
    {
        var post = (await _owner.PostAsync("/posts", Body(state).ToJsonString())).Data;
        if (state is "failed" or "unknown") await _world.PassAsync(TimeSpan.Zero);
        await Host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default));
        return new((string)post["id"]!, (string)post["deliveries"]![0]!["id"]!);
    }

    private JsonObject Body(string state)
    {
        var body = PublishingWorld.Body($"Text {++_texts}", [_page],
            state switch { "failed" => "publish=rejected", "unknown" => "publish=timeoutAfterAccept", _ => "" },
            state is "failed" or "unknown" ? null : Host.Clock.GetUtcNow().AddDays(1));
        body["post"]!["draft"] = state == "draft";
        return body;
    }

    private async Task<IReadOnlyList<Key>> KeysAsync()
    {
        var person = _world.Person;
        var other = await Seed.ProfileAsync(Host, person, "Other", testMode: false);
        var revoked = await KeyAsync(person);
        await Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<ApiKeys>().RevokeAsync(person, revoked.KeyId, default);
            return 0;
        });
        var expired = await KeyAsync(person, expiresAt: Host.Clock.GetUtcNow().AddMinutes(1));
        Host.Clock.Advance(TimeSpan.FromMinutes(2));
        Grant[] all = [Grant.Disconnect, Grant.Resolve];
        return
        [
            new("none", new ApiClient(Host, null)) { IsGood = false },
            new("expired", expired) { IsGood = false },
            new("revoked", revoked) { IsGood = false },
            new("stranger", await KeyAsync(await Seed.UserAsync(Host))) { IsOwners = false },
            new("test", await KeyAsync(person, testMode: true)) { IsOwners = false },
            new("provider", await KeyAsync(person, providers: ["bluesky"])) { Reaches = false },
            new("profile", await KeyAsync(person, profiles: [other.Id])) { Reaches = false },
            new("read", await KeyAsync(person, Permission.Read, [])) { Permission = Permission.Read, Grants = [] },
            new("granted", await KeyAsync(person, Permission.Read, all)) { Permission = Permission.Read },
            new("draft", await KeyAsync(person, Permission.Draft, [])) { Permission = Permission.Draft, Grants = [] },
            new("publish", await KeyAsync(person, grants: [])) { Grants = [] },
            new("everything", _owner),
        ];
    }

    private Task<ApiClient> KeyAsync(Caller person, Permission permission = Permission.Publish, IReadOnlyList<Grant>? grants = null,
        bool testMode = false, IReadOnlyList<Guid>? profiles = null, IReadOnlyList<string>? providers = null,
        DateTimeOffset? expiresAt = null) =>
        ApiClient.WithKeyAsync(Host, person, permission, testMode, grants ?? [Grant.Disconnect, Grant.Resolve], profiles,
            providers, expiresAt);

    /// <summary>What an operation is about.</summary>
    private enum Thing
    {
        Nothing,
        Profile,
        Post,
        Artifact,
    }

    /// <summary>Where it names that, which decides what a key out of scope is told.</summary>
    private enum Where
    {
        Nowhere,
        Address,
        Body,
        List,
        Verdict,
    }

    /// <param name="Success">The status of a key that may.</param>
    /// <param name="Case">The state of what it is about.</param>
    private sealed record Operation(string Name, int Success, Permission Needs = Permission.Read, Grant? Grant = null,
        Thing Of = Thing.Nothing, Where At = Where.Nowhere, string Case = "scheduled", bool NeedsNoKey = false);

    private sealed record Key(string Name, ApiClient Client)
    {
        public bool IsGood { get; init; } = true;
        public Permission Permission { get; init; } = Permission.Publish;
        public IReadOnlyList<Grant> Grants { get; init; } = [Grant.Disconnect, Grant.Resolve];

        /// <summary>Of the same user and mode.</summary>
        public bool IsOwners { get; init; } = true;

        /// <summary>Whether the profile is in its scope.</summary>
        public bool Reaches { get; init; } = true;
    }

    private sealed record Route(string Method, string Path);

    private sealed record Subject(string Id, string Delivery = "", string? Body = null);
}
