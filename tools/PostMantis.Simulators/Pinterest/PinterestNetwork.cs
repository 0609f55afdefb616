using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Pinterest;

/// <summary>What a test may change at Pinterest; sizes and lengths of media are the notes' unconfirmed guesses.</summary>
internal sealed class PinterestSettings
{
    public string ClientId { get; set; } = "pinterest-app";
    public string ClientSecret { get; set; } = "pinterest-secret";
    public string[] RedirectUris { get; set; } = [];
    public int CodeSeconds { get; set; } = 600;
    public int AccessSeconds { get; set; } = 2_592_000;
    public int RefreshSeconds { get; set; } = 5_184_000;

    /// <summary>Whether a refresh token dies with its use.</summary>
    public bool RefreshOnce { get; set; } = true;

    public int WritesPerMinute { get; set; } = 100;
    public int ReadsPerMinute { get; set; } = 1000;
    public double ProcessingSeconds { get; set; } = 2;
    public double ListingLagSeconds { get; set; }

    /// <summary>Whether a video pin without a cover is refused.</summary>
    public bool CoverRequired { get; set; } = true;

    /// <summary>Whether the pictures of a carousel must be of one size.</summary>
    public bool EqualSizes { get; set; } = true;

    public int DescriptionLength { get; set; } = 800;
    public long ImageBytes { get; set; } = 20 << 20;
    public long VideoBytes { get; set; } = 2L << 30;
    public double ShortestVideo { get; set; } = 4;
    public double LongestVideo { get; set; } = 900;
}

/// <summary>A place for pins.</summary>
internal sealed record Board(string Id, Account Owner, string Name, string Privacy, bool AdsOnly, string[] Sections);

/// <summary>Pinterest v5.</summary>
internal sealed class PinterestNetwork : INetwork
{
    private static readonly HashSet<string> Known =
    [
        "boards:read", "boards:read_secret", "boards:write", "boards:write_secret", "pins:read", "pins:read_secret",
        "pins:write", "pins:write_secret", "user_accounts:read",
    ];

    private readonly PinterestPins _pins;

    public PinterestNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("549755885001", "ann_pin", "Ann"));
        sim.Accounts.Add(new Account("549755885002", "bob_pin", "Bob"));
        Boards.Add(new Board("549755885175", sim.Accounts[0], "Recipes", "PUBLIC", false, ["5195048"]));
        Boards.Add(new Board("549755885176", sim.Accounts[0], "Garden", "PUBLIC", false, []));
        Boards.Add(new Board("549755885177", sim.Accounts[0], "Ads", "PUBLIC", true, []));
        Boards.Add(new Board("549755885178", sim.Accounts[0], "Secret", "SECRET", false, []));
        _pins = new PinterestPins(this);
    }

    public Simulation Sim { get; }
    public PinterestSettings Rules { get; } = new();
    public object Settings => Rules;
    public List<Board> Boards { get; } = [];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET,POST", "/oauth/", AuthorizeAsync);
        routes.On("POST", "/v5/oauth/token", context => TokenAsync(context.Request));
        routes.On("GET", "/v5/user_account", context => GuardAsync(context, "user_accounts:read", grant =>
            Task.FromResult(Results.Json(new
            {
                id = grant.Account.Id,
                username = grant.Account.Handle,
                account_type = "BUSINESS",
                profile_image = "https://cdn.example/" + grant.Account.Handle + ".jpg",
                business_name = grant.Account.Name,
            }))));
        routes.On("GET", "/v5/boards", context => GuardAsync(context, "boards:read", grant =>
            Task.FromResult(List(context, Boards.Where(board => board.Owner == grant.Account
                && (board.Privacy != "SECRET" || grant.Scopes.Contains("boards:read_secret")))
                .Select(board => new JsonObject
                {
                    ["id"] = board.Id,
                    ["name"] = board.Name,
                    ["privacy"] = board.Privacy,
                    ["owner"] = new JsonObject { ["username"] = board.Owner.Handle },
                    ["pin_count"] = Sim.Journal.Read().Count(entry => entry.Details["board"] == board.Id),
                    ["is_ads_only"] = board.AdsOnly,
                })))));
        routes.On("GET", "/v5/boards/{id}/sections", context => GuardAsync(context, "boards:read", grant =>
            Task.FromResult(FindBoard(context.Part("id"), grant) is { } board
                ? List(context, board.Sections.Select(id => new JsonObject { ["id"] = id, ["name"] = "Section" }))
                : Error(404, 40, "Board not found."))));
        _pins.Map(routes);
    }

    public Board? FindBoard(string? id, Grant grant) => Boards.FirstOrDefault(board => board.Id == id
        && board.Owner == grant.Account && (board.Privacy != "SECRET" || grant.Scopes.Contains("boards:read_secret")));

    /// <summary>Checks token, scope and allowance, then does the work.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, string scope, Func<Grant, Task<IResult>> work)
    {
        var grant = Sim.Grants.ByAccess(context.Request.Token("Bearer"));
        if (grant is null || grant.Revoked || grant.AccessUntil <= Sim.Now)
            return Error(401, 2, "Authentication failed.");
        if (!grant.Scopes.Contains(scope)) return Error(401, 3, "Your scopes are insufficient: " + scope);
        var read = HttpMethods.IsGet(context.Request.Method);
        var allowance = Sim.Windows.Take((read ? "read/" : "write/") + grant.Account.Id,
            read ? Rules.ReadsPerMinute : Rules.WritesPerMinute, TimeSpan.FromMinutes(1));
        var headers = context.Response.Headers;
        headers["x-ratelimit-limit"] = allowance.Limit.ToString(CultureInfo.InvariantCulture);
        headers["x-ratelimit-remaining"] = allowance.Remaining.ToString(CultureInfo.InvariantCulture);
        headers["x-ratelimit-reset"] =
            Math.Ceiling((allowance.ResetAt - Sim.Now).TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return allowance.Granted ? await work(grant)
            : Error(429, 8, "This request exceeded a rate limit. Please retry after some time.");
    }

    /// <summary>A page of items, with the bookmark of the next.</summary>
    public static IResult List(HttpContext context, IEnumerable<JsonObject> all)
    {
        var query = context.Request.Query;
        var size = int.TryParse(query["page_size"], CultureInfo.InvariantCulture, out var asked) ? asked : 25;
        if (size is < 1 or > 250) return Error(400, 1, "page_size must be 1 to 250");
        var from = int.TryParse(query["bookmark"], CultureInfo.InvariantCulture, out var at) ? at : 0;
        var items = all.ToList();
        var next = from + size < items.Count ? (from + size).ToString(CultureInfo.InvariantCulture) : null;
        return Results.Json(new JsonObject
        {
            ["items"] = new JsonArray([.. items.Skip(from).Take(size)]),
            ["bookmark"] = next,
        });
    }

    public static IResult Error(int status, int code, string message) =>
        Results.Json(new { code, message }, statusCode: status);

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var scopes = query["scope"].ToString().Split([',', ' '], StringSplitOptions.RemoveEmptyEntries);
        if (query["client_id"] != Rules.ClientId || query["response_type"] != "code" || scopes.Length == 0
            || !scopes.All(Known.Contains) || !Uri.TryCreate(redirect, UriKind.Absolute, out _)
            || (Rules.RedirectUris.Length > 0 && !Rules.RedirectUris.Contains(redirect)))
            return Error(400, 1, "Invalid request");
        var answer = await Consent.AskAsync(context, Sim, scopes);
        if (answer.Page is not null) return answer.Page;
        if (answer.Account is null)
            return Consent.Return(redirect, ("error", "access_denied"), ("state", query["state"]));
        var code = Sim.Grants.Keep(new Code(answer.Account, Rules.ClientId, redirect, answer.Scopes, null, null,
            Sim.Now + TimeSpan.FromSeconds(Rules.CodeSeconds), null));
        return Consent.Return(redirect, ("code", code), ("state", query["state"]));
    }

    private async Task<IResult> TokenAsync(HttpRequest request)
    {
        var form = await request.FormAsync();
        if (request.Basic() != (Rules.ClientId, Rules.ClientSecret)) return Error(401, 2, "Authentication failed.");
        if (form["grant_type"] == "authorization_code")
        {
            var code = Sim.Grants.Redeem(form["code"]);
            if (code is null || code.Until <= Sim.Now || code.RedirectUri != form["redirect_uri"])
                return Error(400, 1, "Invalid authorization code");
            var grant = new Grant { Account = code.Account, Client = code.Client, Scopes = code.Scopes };
            Sim.Grants.Add(grant);
            return Issue(grant, "authorization_code");
        }
        if (form["grant_type"] != "refresh_token") return Error(400, 1, "Invalid grant_type");
        var old = form["refresh_token"].ToString();
        var live = Sim.Grants.ByRefresh(old) ?? (Rules.RefreshOnce ? null : Sim.Grants.BySpent(old));
        if (live is null || live.Revoked || live.RefreshUntil <= Sim.Now)
            return Error(401, 2, "Authentication failed.");
        live.Spent[old] = Sim.Now;
        return Issue(live, "refresh_token");
    }

    private IResult Issue(Grant grant, string type)
    {
        (grant.Access, grant.AccessUntil) =
            ("pina_" + Grants.Secret(), Sim.Now + TimeSpan.FromSeconds(Rules.AccessSeconds));
        (grant.Refresh, grant.RefreshUntil) =
            ("pinr." + Grants.Secret(), Sim.Now + TimeSpan.FromSeconds(Rules.RefreshSeconds));
        return Results.Json(new
        {
            access_token = grant.Access,
            refresh_token = grant.Refresh,
            token_type = "bearer",
            response_type = type,
            expires_in = Rules.AccessSeconds,
            refresh_token_expires_in = Rules.RefreshSeconds,
            refresh_token_expires_at = grant.RefreshUntil.ToUnixTimeSeconds(),
            scope = string.Join(' ', grant.Scopes),
        });
    }
}
