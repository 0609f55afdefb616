using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Meta;

/// <summary>What a Graph request says, wherever it says it: query, form or JSON body.</summary>
internal sealed class MetaCall
{
    private readonly Dictionary<string, string> _values = [];

    /// <summary>The token of parameter or header; null without one.</summary>
    public string? Token { get; private set; }

    /// <summary>The file of a multipart form.</summary>
    public byte[]? Source { get; private set; }

    public string? this[string name] => _values.GetValueOrDefault(name);

    public IEnumerable<string> Names => _values.Keys;

    public bool Is(string name) => this[name] is "true" or "True" or "1";

    public static async Task<MetaCall> ReadAsync(HttpRequest request)
    {
        var call = new MetaCall();
        foreach (var (name, value) in request.Query) call._values[name] = value.ToString();
        if (request.HasFormContentType)
        {
            var form = await request.ReadFormAsync();
            foreach (var (name, value) in form) call._values[name] = value.ToString();
            if (form.Files["source"] is { } file) call.Source = await file.OpenReadStream().BytesAsync();
        }
        else if (request.HasJsonContentType() && await request.JsonAsync() is { } body)
        {
            foreach (var (name, value) in body)
                call._values[name] = body.Text(name) ?? value?.ToJsonString() ?? "";
        }
        call.Token = call["access_token"] ?? request.Token("Bearer") ?? request.Token("OAuth");
        return call;
    }

    /// <summary>The asked fields of an object, and always its id.</summary>
    public JsonObject Pick(JsonObject all)
    {
        var asked = (this["fields"] ?? "id").Split(['{', '}', ','], StringSplitOptions.TrimEntries).ToHashSet();
        return new JsonObject(all.Where(pair => pair.Key == "id" || asked.Contains(pair.Key))
            .Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone())));
    }
}

/// <summary>Graph errors in their envelope.</summary>
internal static class MetaError
{
    public static IResult Of(int code, string message, int subcode = 0, int? status = null)
    {
        var error = new JsonObject
        {
            ["message"] = message,
            ["type"] = "OAuthException",
            ["code"] = code,
            ["fbtrace_id"] = Grants.Secret(8),
        };
        if (subcode != 0) error["error_subcode"] = subcode;
        return Results.Json(new JsonObject { ["error"] = error }, statusCode: status ?? (code switch
        {
            3 or 10 or (>= 200 and <= 299) => 403,
            1 or 2 => 500,
            _ => 400,
        }));
    }

    public static IResult Parameter(string message) => Of(100, "(#100) " + message);

    public static IResult Missing() =>
        Of(100, "Unsupported request. Object does not exist or cannot be loaded due to missing permissions", 33);

    /// <summary>Why a token is refused; null when it serves.</summary>
    public static IResult? Token(Simulation sim, Grant? grant, string scope)
    {
        if (grant is null) return Of(190, "Invalid OAuth access token - Cannot parse access token");
        if (grant.Account.Traits.TryGetValue("dead", out var subcode))
            return Of(190, "Error validating access token", int.Parse(subcode, null));
        if (grant.Revoked) return Of(190, "Error validating access token: The user has not authorized application",
            458);
        if (grant.AccessUntil <= sim.Now) return Of(190, "Error validating access token: Session has expired", 463);
        return scope.Length == 0 || grant.Scopes.Contains(scope) ? null
            : Of(10, "(#10) Application does not have permission for this action");
    }

    /// <summary>Whether a version of the path is served.</summary>
    public static bool Serves(IEnumerable<string> versions, HttpContext context) =>
        versions.Contains(context.Part("v"));
}
