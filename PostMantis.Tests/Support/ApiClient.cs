using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;

namespace PostMantis.Tests.Support;

/// <summary>A program with a key, speaking real HTTP to the host.</summary>
internal sealed class ApiClient(PostMantisHost host, string? key)
{
    public static async Task<ApiClient> WithKeyAsync(PostMantisHost host, Caller person,
        Permission permission = Permission.Publish, bool testMode = true, IReadOnlyList<Grant>? grants = null,
        IReadOnlyList<Guid>? profiles = null, IReadOnlyList<string>? providers = null, DateTimeOffset? expiresAt = null,
        KeyRules? rules = null)
    {
        var created = await host.InScopeAsync(services => services.GetRequiredService<ApiKeys>().CreateAsync(person,
            new NewApiKey("test", permission, testMode, grants ?? [], providers ?? [], [], profiles ?? [], expiresAt,
                rules ?? KeyRules.None), default));
        return new ApiClient(host, created.Text) { KeyId = created.Key.Id };
    }

    public Guid KeyId { get; private init; }

    public string? Key => key;

    /// <summary>Sends one request; <paramref name="body"/> is sent as it is.</summary>
    public async Task<ApiReply> SendAsync(HttpMethod method, string path, string? body = null,
        string contentType = "application/json", params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, "/api/v1" + path);
        if (key is not null) request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await SendAsync(request);
    }

    public async Task<ApiReply> SendAsync(HttpRequestMessage request)
    {
        using var response = await host.Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return new ApiReply((int)response.StatusCode, response.Headers.Concat(response.Content.Headers)
                .ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase),
            text, text.StartsWith('{') ? JsonNode.Parse(text)!.AsObject() : null);
    }

    public Task<ApiReply> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<ApiReply> PostAsync(string path, string body = "{}", params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, body, headers: headers);

    public Task<ApiReply> PatchAsync(string path, string body, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Patch, path, body, "application/merge-patch+json", headers);
}

/// <summary>What came back.</summary>
internal sealed record ApiReply(int Status, IReadOnlyDictionary<string, string> Headers, string Text, JsonObject? Json)
{
    public string? Code => (string?)Json?["code"];

    public JsonObject Data => Json!["data"]!.AsObject();

    /// <summary>The first issue as <c>pointer rule</c>.</summary>
    public string? Issue => Json?["errors"] is JsonArray { Count: > 0 } errors
        ? $"{errors[0]!["pointer"]} {errors[0]!["rule"]}"
        : null;
}
