using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>
/// Every operation by every kind of key, with the exact status: a route without a row here fails, and so does a row without
/// a route.
/// </summary>
public sealed class ScopeMatrixTests : IAsyncLifetime
{
    /// <summary>
    /// The keys: none, read, draft and publish for the whole user, publish for another provider, publish for another profile,
    /// expired, revoked, and another user's. The status; a list that must be empty is marked with -.
    /// </summary>
    private const string Expected = """
        operation         none read draft publish provider profile expired revoked stranger
        CancelDelivery    401  403  403   202     404      404     401     401     404
        CancelPost        401  403  403   202     404      404     401     401     404
        CompleteUpload    401  403  400   400     400      400     401     401     400
        CreatePost        401  403  403   202     400      400     401     401     400
        CreateUpload      401  403  201   201     201      201     401     401     201
        DeletePost        401  403  204   204     404      404     401     401     404
        DisconnectProfile 401  403  403   403     403      403     401     401     403
        GetHealth         200  200  200   200     200      200     200     200     200
        GetKey            401  200  200   200     200      200     401     401     200
        GetPost           401  200  200   200     404      404     401     401     404
        GetProfile        401  200  200   200     404      404     401     401     404
        GetProfileLimits  401  200  200   200     404      404     401     401     404
        GetProvider       401  200  200   200     200      200     401     401     200
        GetUpload         401  200  200   200     200      200     401     401     404
        ListAttempts      401  200- 200-  200-    404      404     401     401     404
        ListEvents        401  200  200   200     200-     200-    401     401     200-
        ListPosts         401  200  200   200     200-     200-    401     401     200-
        ListProfiles      401  200  200   200     200-     200     401     401     200-
        ListProviders     401  200  200   200     200      200     401     401     200
        ListPublishLogs   401  200  200   200     200-     200-    401     401     200-
        PublishPost       401  403  403   202     404      404     401     401     404
        ResolveDelivery   401  403  403   403     403      403     401     401     403
        RetryDelivery     401  403  403   409     404      404     401     401     404
        UpdatePost        401  403  200   200     404      404     401     401     404
        ValidatePost      401  200  200   200     200      200     401     401     200
        """;

    private static readonly string[] _keys =
        ["none", "read", "draft", "publish", "provider", "profile", "expired", "revoked", "stranger"];

    private PostMantisHost _host = null!;
    private Caller _person = null!;
    private Profile _page = null!;
    private ApiClient _owner = null!;
    private int _texts;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync(new Dictionary<string, string?>
        {
            ["Api:RateLimits:Read"] = "100000",
            ["Api:RateLimits:Write"] = "100000",
            ["Api:RateLimits:Upload"] = "100000",
        });
        _person = await Seed.UserAsync(_host);
        _page = await Seed.ProfileAsync(_host, _person, testMode: false);
        _owner = await LiveAsync(_person);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Every_route_answers_every_key_as_the_table_says()
    {
        var clients = await ClientsAsync();
        var routes = _host.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText!.TrimStart('/').StartsWith("api/", StringComparison.Ordinal))
            .Select(e => (Name: e.Metadata.GetMetadata<IEndpointNameMetadata>()!.EndpointName,
                Method: e.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods[0],
                Path: e.RoutePattern.RawText!.Split("}", 2)[1]))
            .OrderBy(e => e.Name, StringComparer.Ordinal).ToList();
        var actual = new StringBuilder("operation".PadRight(18)).AppendJoin(' ', _keys).Append('\n');
        foreach (var (name, method, path) in routes)
        {
            var cells = new List<string>();
            foreach (var key in _keys) cells.Add((await CellAsync(clients[key], name, method, path)).PadRight(key.Length));
            actual.Append(name.PadRight(18)).AppendJoin(' ', cells).Append('\n');
        }
        Assert.True(Lines(Expected).SequenceEqual(Lines(actual.ToString())), $"The table is now:\n{actual}");

        static IEnumerable<string> Lines(string table) => table.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.TrimEnd());
    }

    private async Task<string> CellAsync(ApiClient api, string name, string method, string path)
    {
        var subject = await SubjectAsync(name);
        var address = path.Replace("{id}", subject.Id, StringComparison.Ordinal)
            .Replace("{deliveryId}", subject.Delivery, StringComparison.Ordinal)
            .Replace("{provider}", "sandbox", StringComparison.Ordinal).TrimEnd('/');
        var reply = await api.SendAsync(HttpMethod.Parse(method), address, subject.Body);
        var isEmpty = reply.Json?["data"] is JsonArray { Count: 0 };
        return $"{reply.Status}{(isEmpty ? "-" : "")}";
    }

    // A thing of its own for each cell, in the state the operation is for.
    private async Task<(string Id, string Delivery, string? Body)> SubjectAsync(string name) => name switch
    {
        "GetHealth" or "GetKey" or "ListProviders" or "GetProvider" or "ListProfiles" => ("", "", null),
        "GetProfile" or "GetProfileLimits" => (_page.Id.ToString(), "", null),
        "DisconnectProfile" => ((await Seed.ProfileAsync(_host, _person, testMode: false)).Id.ToString(), "", "{}"),
        "CreatePost" => ("", "", Body(draft: false)),
        "ValidatePost" => ("", "", Body(draft: false)),
        "UpdatePost" => (await PostAsync(draft: true)) with { Body = """{"post": {"externalId": "edited"}}""" },
        "DeletePost" or "GetPost" => await PostAsync(draft: true),
        "PublishPost" => (await PostAsync(draft: true)) with { Body = "{}" },
        "CancelPost" or "CancelDelivery" => (await PostAsync(draft: false)) with { Body = "{}" },
        "RetryDelivery" => (await PostAsync(draft: false)) with { Body = "{}" },
        "ResolveDelivery" => (await PostAsync(draft: false)) with { Body = """{"as": "published"}""" },
        "CreateUpload" => ("", "", """{"fileName": "card.png", "mimeType": "image/png", "fileSize": 5}"""),
        "CompleteUpload" => ("", "", $$"""{"artifactId": "{{await UploadAsync()}}"}"""),
        "GetUpload" => (await UploadAsync(), "", null),
        _ => await PostAsync(draft: false),
    };

    private async Task<(string Id, string Delivery, string? Body)> PostAsync(bool draft)
    {
        var post = (await _owner.PostAsync("/posts", Body(draft))).Data;
        await _host.InScopeAsync(s => s.GetRequiredService<Core.Outbox.Sequencer>().RunOnceAsync(default));
        return ((string)post["id"]!, (string)post["deliveries"]![0]!["id"]!, null);
    }

    private async Task<string> UploadAsync() => (string)(await _owner.PostAsync("/uploads",
        """{"fileName": "card.png", "mimeType": "image/png", "fileSize": 5}""")).Data["artifactId"]!;

    private string Body(bool draft) => new JsonObject
    {
        ["post"] = new JsonObject
        {
            ["body"] = $"Text {++_texts}",
            ["draft"] = draft,
            ["scheduledAt"] = _host.Clock.GetUtcNow().AddDays(1).ToString("O"),
        },
        ["profiles"] = new JsonArray(_page.Id.ToString()),
    }.ToJsonString();

    private async Task<Dictionary<string, ApiClient>> ClientsAsync()
    {
        var other = await Seed.ProfileAsync(_host, _person, "Other", testMode: false);
        var revoked = await LiveAsync(_person);
        await _host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<ApiKeys>().RevokeAsync(_person, revoked.KeyId, default);
            return 0;
        });
        var expired = await LiveAsync(_person, expiresAt: _host.Clock.GetUtcNow().AddMinutes(1));
        _host.Clock.Advance(TimeSpan.FromMinutes(2));
        return new Dictionary<string, ApiClient>
        {
            ["none"] = new(_host, null),
            ["read"] = await LiveAsync(_person, Permission.Read),
            ["draft"] = await LiveAsync(_person, Permission.Draft),
            ["publish"] = _owner,
            ["provider"] = await LiveAsync(_person, providers: ["bluesky"]),
            ["profile"] = await LiveAsync(_person, profiles: [other.Id]),
            ["expired"] = expired,
            ["revoked"] = revoked,
            ["stranger"] = await LiveAsync(await Seed.UserAsync(_host)),
        };
    }

    private Task<ApiClient> LiveAsync(Caller person, Permission permission = Permission.Publish,
        IReadOnlyList<Guid>? profiles = null, IReadOnlyList<string>? providers = null, DateTimeOffset? expiresAt = null) =>
        ApiClient.WithKeyAsync(_host, person, permission, testMode: false, profiles: profiles, providers: providers,
            expiresAt: expiresAt);
}
