using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Meta;

/// <summary>What an app is to Instagram or Threads.</summary>
internal abstract class MetaLoginSettings
{
    public string ClientId { get; set; } = "meta-app";
    public string ClientSecret { get; set; } = "meta-secret";

    /// <summary>Redirects the app registered; any when empty.</summary>
    public string[] RedirectUris { get; set; } = [];

    public int ShortSeconds { get; set; } = 3600;
    public int LongSeconds { get; set; } = 5_184_000;

    /// <summary>Seconds that a container takes.</summary>
    public double ProcessingSeconds { get; set; } = 2;

    /// <summary>Seconds until listings show what was published.</summary>
    public double ListingLagSeconds { get; set; }

    public int PostsPerDay { get; set; } = 50;
    public int ContainersPerDay { get; set; } = 400;
    public int AltTextLength { get; set; } = 1000;
    public double ImageMinRatio { get; set; } = 0.8;
    public double ImageMaxRatio { get; set; } = 1.91;
    public long ImageBytes { get; set; } = 8 << 20;
}

/// <summary>The login of Instagram and Threads: a short token, a long one that refreshes itself.</summary>
internal sealed class MetaLogin(Simulation sim, MetaLoginSettings rules, string prefix, string[] known,
    Func<Grant, JsonObject> shortAnswer)
{
    private static readonly TimeSpan CodeLife = TimeSpan.FromHours(1);
    private static readonly TimeSpan Rest = TimeSpan.FromHours(24);
    private readonly ConcurrentDictionary<Grant, DateTimeOffset> _long = new();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET,POST", "/oauth/authorize", AuthorizeAsync);
        routes.On("POST", "/oauth/access_token", ExchangeAsync);
        routes.On("GET", "/access_token", context => Task.FromResult(Lengthen(context.Request.Query)));
        routes.On("GET", "/refresh_access_token", context => Task.FromResult(Refresh(context.Request.Query)));
    }

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var scopes = query["scope"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries);
        if (query["client_id"] != rules.ClientId || query["response_type"] != "code" || scopes.Length == 0
            || !Uri.TryCreate(redirect, UriKind.Absolute, out _) || !scopes.All(known.Contains)
            || (rules.RedirectUris.Length > 0 && !rules.RedirectUris.Contains(redirect)))
            return Results.Content("<h1>Invalid platform app</h1>", "text/html", statusCode: 400);
        var answer = await Consent.AskAsync(context, sim, scopes);
        if (answer.Page is not null) return answer.Page;
        var state = query["state"].ToString();
        var mark = redirect.Contains('?', StringComparison.Ordinal) ? "&" : "?";
        if (answer.Account is null)
            return Consent.Return(redirect, ("error", "access_denied"), ("error_reason", "user_denied"),
                ("error_description", "The user denied your request"), ("state", state));
        var code = sim.Grants.Keep(new Code(answer.Account, rules.ClientId, redirect, answer.Scopes, null, null,
            sim.Now + CodeLife, null));
        return Results.Redirect($"{redirect}{mark}code={code}&state={Uri.EscapeDataString(state)}#_");
    }

    private async Task<IResult> ExchangeAsync(HttpContext context)
    {
        var form = await context.Request.FormAsync();
        if (form["client_id"] != rules.ClientId || form["client_secret"] != rules.ClientSecret)
            return Refused("Error validating client secret.");
        if (form["grant_type"] != "authorization_code") return Refused("Invalid grant_type");
        var code = sim.Grants.Redeem(form["code"]);
        if (code is null || code.Until <= sim.Now || code.RedirectUri != form["redirect_uri"])
            return Refused("Matching code was not found or was already used");
        return Results.Json(shortAnswer(Issue(code.Account, code.Client, code.Scopes, rules.ShortSeconds)));
    }

    private IResult Lengthen(IQueryCollection query)
    {
        var grant = sim.Grants.ByAccess(query["access_token"]);
        if (query["grant_type"] != prefix + "_exchange_token" || query["client_secret"] != rules.ClientSecret)
            return MetaError.Parameter("Invalid grant_type or client_secret");
        return MetaError.Token(sim, grant, "") ?? (_long.ContainsKey(grant!)
            ? MetaError.Of(452, "Session key invalid. The token is long-lived already") : Long(grant!));
    }

    private IResult Refresh(IQueryCollection query)
    {
        var grant = sim.Grants.ByAccess(query["access_token"]);
        if (query["grant_type"] != prefix + "_refresh_token") return MetaError.Parameter("Invalid grant_type");
        if (MetaError.Token(sim, grant, "") is { } refused) return refused;
        return _long.TryGetValue(grant!, out var since) && since + Rest <= sim.Now ? Long(grant!)
            : MetaError.Parameter("The access token must be long-lived and at least 24 hours old");
    }

    private IResult Long(Grant old)
    {
        var grant = Issue(old.Account, old.Client, old.Scopes, rules.LongSeconds);
        _long[grant] = sim.Now;
        return Results.Json(new
        {
            access_token = grant.Access,
            token_type = "bearer",
            expires_in = rules.LongSeconds,
            permissions = string.Join(',', grant.Scopes),
        });
    }

    private Grant Issue(Account account, string client, IReadOnlySet<string> scopes, int seconds)
    {
        var grant = new Grant
        {
            Account = account,
            Client = client,
            Scopes = scopes,
            Access = Grants.Secret(),
            AccessUntil = sim.Now + TimeSpan.FromSeconds(seconds),
        };
        sim.Grants.Add(grant);
        return grant;
    }

    private static IResult Refused(string message) => Results.Json(
        new { error_type = "OAuthException", code = 400, error_message = message }, statusCode: 400);
}

/// <summary>Makes the numeric ids of Meta.</summary>
internal sealed class MetaIds
{
    private long _last = 17_900_000_000_000_000;

    public string Next() => Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture);
}
