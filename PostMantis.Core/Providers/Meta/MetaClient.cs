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

    /// <summary>What belongs to an account.</summary>
    public static string Edge(PublishTarget target, string edge) => $"{Uri.EscapeDataString(target.ProviderProfileId)}/{edge}";

    /// <summary>An object's fields.</summary>
    public Task<ProviderAnswer> ReadAsync(string id, string fields, GrantTokens tokens, CancellationToken ct) =>
        ReadAsync($"{Uri.EscapeDataString(id)}?fields={fields}", tokens, ct);

    /// <summary>Whatever a path names.</summary>
    public Task<ProviderAnswer> ReadAsync(string path, GrantTokens tokens, CancellationToken ct) =>
        SendAsync(Request(HttpMethod.Get, Graph(path), tokens.AccessToken), tokens.AllSecrets(), ct);

    /// <summary>A part of a listing.</summary>
    /// <param name="after">Where it begins; null: with the newest.</param>
    public Task<ProviderAnswer> ListAsync(string path, string fields, int limit, GrantTokens tokens, CancellationToken ct,
        string? after = null, DateTimeOffset? since = null) => ReadAsync(
            string.Create(CultureInfo.InvariantCulture, $"{path}?fields={fields}&limit={limit}")
            + (after is null ? "" : $"&after={Uri.EscapeDataString(after)}")
            + (since is { } from ? string.Create(CultureInfo.InvariantCulture, $"&since={from.ToUnixTimeSeconds()}") : ""), tokens, ct);

    /// <summary>All items of listings; the address of a next part is not followed, for it carries the token.</summary>
    /// <returns>What could be read, and the answer at which reading ended early.</returns>
    public async Task<(IReadOnlyList<JsonObject> Items, ProviderAnswer? Failed)> WalkAsync(
        IEnumerable<string> paths, string fields, GrantTokens tokens, CancellationToken ct)
    {
        List<JsonObject> items = [];
        foreach (var path in paths)
        {
            string? after = null;
            for (var page = 1; page == 1 || after is not null; page++)
            {
                var answer = await ListAsync(path, fields, 100, tokens, ct, after);
                if (!answer.IsSuccess || answer.Body.Objects("data") is not { } some) return (items, answer);
                items.AddRange(some);
                after = After(answer);
                if (after is not null && page == MostPages) return (items, answer);
            }
        }
        return (items, null);
    }

    /// <summary>Where the next part of a listing begins; null: there is none.</summary>
    public static string? After(ProviderAnswer answer) =>
        answer.Body.Text("paging", "next") is { } next && Uri.TryCreate(next, UriKind.Absolute, out var url)
            ? ProviderText.Id(answer.Body.Text("paging", "cursors", "after") ?? HttpUtility.ParseQueryString(url.Query)["after"])
            : null;

    /// <summary>Creates or changes something that belongs to an account.</summary>
    /// <param name="host">Where, if not at the API's usual place.</param>
    public Task<ProviderAnswer> WriteAsync(PublishTarget target, string edge, IReadOnlyDictionary<string, string> fields,
        GrantTokens tokens, CancellationToken ct, Uri? host = null)
    {
        var place = Graph(Edge(target, edge));
        return PostFormAsync(host is null ? place : new Uri(host, place.PathAndQuery), fields, tokens.AllSecrets(), ct, tokens.AccessToken);
    }

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
