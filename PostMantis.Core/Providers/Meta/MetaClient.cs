using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Web;

namespace PostMantis.Core.Providers.Meta;

/// <summary>Speaks the Graph API: form bodies, tokens in a header, one envelope for errors.</summary>
/// <param name="name">The network's id.</param>
internal abstract class MetaClient(string name, MetaSettings settings, ProviderTransport transport)
    : ProviderClient(name, settings, transport)
{
    private const int MostPages = 50;

    /// <summary>The address of an object or edge below the version.</summary>
    public Uri Graph(string path) => At($"/{settings.Version}/{path}");

    /// <summary>An object's fields.</summary>
    public Task<ProviderAnswer> ReadAsync(string id, string fields, string token, CancellationToken ct) =>
        GetAsync(Graph($"{Uri.EscapeDataString(id)}?fields={fields}"), token, ct);

    /// <summary>A newer part of a listing, the newest first.</summary>
    public Task<ProviderAnswer> ListAsync(
        string path, string fields, DateTimeOffset? since, string token, CancellationToken ct) =>
        GetAsync(Graph($"{path}?fields={fields}&limit=25" + (since is { } from
            ? string.Create(CultureInfo.InvariantCulture, $"&since={from.ToUnixTimeSeconds()}") : "")), token, ct);

    /// <summary>All items of a listing that have an id; the address of its next part is not followed, for it carries the token.</summary>
    /// <param name="secrets">What answers must not repeat.</param>
    /// <returns>What could be read, and the answer at which reading ended early.</returns>
    public async Task<(IReadOnlyList<JsonObject> Items, ProviderAnswer? Failed)> WalkAsync(
        string path, string fields, string token, IEnumerable<string?> secrets, CancellationToken ct)
    {
        List<JsonObject> items = [];
        string? after = null;
        for (var page = 1; ; page++)
        {
            var answer = await SendAsync(Request(HttpMethod.Get, Graph($"{path}?fields={fields}&limit=100"
                + (after is null ? "" : $"&after={Uri.EscapeDataString(after)}")), token), secrets, ct);
            if (!answer.IsSuccess || answer.Body.Objects("data") is not { } some) return (items, answer);
            items.AddRange(some);
            after = After(answer);
            if (after is null) return (items, null);
            if (page == MostPages) return (items, answer);
        }
    }

    /// <summary>Where the next part of a listing begins; null: there is none.</summary>
    public static string? After(ProviderAnswer answer) =>
        answer.Body.Text("paging", "next") is { } next && Uri.TryCreate(next, UriKind.Absolute, out var url)
            ? ProviderText.Id(answer.Body.Text("paging", "cursors", "after") ?? HttpUtility.ParseQueryString(url.Query)["after"])
            : null;

    /// <summary>Creates or changes something.</summary>
    public Task<ProviderAnswer> WriteAsync(
        string path, IReadOnlyDictionary<string, string> fields, string token, CancellationToken ct) =>
        PostFormAsync(Graph(path), fields, [], ct, token);

    /// <summary>A query of names and values, each value escaped.</summary>
    public static string Query(params IEnumerable<(string Name, string Value)> pairs) =>
        string.Join('&', pairs.Select(pair => $"{pair.Name}={Uri.EscapeDataString(pair.Value)}"));

    protected override (string? Code, string? Message) ReadError(JsonNode? body)
    {
        if (body.Get("error") is JsonObject error)
        {
            var code = Plain(error.Get("code"));
            var subcode = Plain(error.Get("error_subcode"));
            return (subcode is null or "0" ? code : $"{code}/{subcode}",
                error.Text("error_user_msg") ?? error.Text("message"));
        }
        if (body.Get("debug_info") is JsonObject debug) return (debug.Text("type"), debug.Text("message"));
        return (Plain(body.Get("code")) ?? body.Text("error_type"), body.Text("error_message"));
    }

    private static string? Plain(JsonNode? node) =>
        node.Text() ?? node.Number()?.ToString(CultureInfo.InvariantCulture);

    /// <summary>Code and subcode of a Graph error; null without one.</summary>
    public static (long Code, long Subcode)? CodeOf(ProviderAnswer answer) =>
        answer.Body.Get("error").Number("code") is { } code
            ? (code, answer.Body.Get("error").Number("error_subcode") ?? 0)
            : null;

    /// <summary>How long the usage headers say the budget stays closed; null when they do not.</summary>
    public static TimeSpan? RegainIn(ProviderAnswer answer)
    {
        try
        {
            if (answer.Header("X-Business-Use-Case-Usage") is not { } text || JsonNode.Parse(text) is not JsonObject usage)
                return null;
            var minutes = usage.SelectMany(pair => pair.Value.Objects() ?? [])
                .Max(one => one.Number("estimated_time_to_regain_access"));
            return minutes > 0 ? TimeSpan.FromMinutes(Math.Min(minutes.Value, 24 * 60)) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
