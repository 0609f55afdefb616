using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Facebook;

/// <summary>Facebook Login: a person's short and long token, and the tokens of their Pages.</summary>
internal sealed class FacebookLogin(FacebookNetwork network)
{
    private static readonly HashSet<string> Known =
    [
        "public_profile", "pages_show_list", "pages_manage_posts", "pages_read_engagement", "pages_manage_metadata",
        "business_management", "publish_video", "instagram_basic", "instagram_content_publish",
    ];

    private readonly ConcurrentDictionary<Grant, bool> _long = new();
    private readonly ConcurrentDictionary<Account, DateTimeOffset> _cameBy = new();
    private readonly ConcurrentDictionary<Account, IReadOnlySet<string>> _declined = new();
    private readonly ConcurrentDictionary<Account, IReadOnlySet<string>> _unticked = new();
    private readonly ConcurrentDictionary<(Grant User, string Page), Grant> _pageGrants = new();

    private Simulation Sim => network.Sim;

    private FacebookSettings Rules => network.Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("GET,POST", "/{v}/dialog/oauth", AuthorizeAsync);
        routes.On("GET,POST", "/{v}/oauth/access_token", ExchangeAsync);
        routes.On("GET", "/{v}/debug_token", context => Task.FromResult(Debug(context)));
        routes.On("GET", "/{v}/me", context => Person(context, "", (call, grant) => Results.Json(call.Pick(
            new JsonObject { ["id"] = grant.Account.Id, ["name"] = grant.Account.Name }))));
        routes.On("GET", "/{v}/me/permissions", context => Person(context, "", (_, grant) => Results.Json(
            new JsonObject { ["data"] = new JsonArray([.. Permissions(grant)]) })));
        routes.On("DELETE", "/{v}/{id}/permissions", context => Person(context, "", (_, grant) =>
            Forget(grant, context.Part("id"))));
        routes.On("GET", "/{v}/me/accounts", context => Person(context, "pages_show_list", (call, grant) =>
            List(context, call, grant, Ticked(grant).Where(page => page.Business is null))));
        routes.On("GET", "/{v}/me/businesses", context => Person(context, "business_management", (call, grant) =>
            List(context, call, network.Pages.Where(page => page.Owner == grant.Account && page.Business is not null)
                .Select(page => page.Business!).Distinct()
                .Select(id => new JsonObject { ["id"] = id, ["name"] = "Business " + id }))));
        routes.On("GET", "/{v}/{id}/owned_pages", context => Person(context, "business_management", (call, grant) =>
            List(context, call, grant, Ticked(grant).Where(page => page.Business == context.Part("id")))));
        routes.On("GET", "/{v}/{id}/client_pages", context => Person(context, "business_management", (call, grant) =>
            List(context, call, grant, [])));
    }

    /// <summary>When the person's data may no longer be used although the token still serves.</summary>
    public DateTimeOffset DataAccessUntil(Account account) =>
        _cameBy.GetValueOrDefault(account, Sim.Now) + TimeSpan.FromSeconds(Rules.DataAccessSeconds);

    private Task<IResult> Person(HttpContext context, string scope, Func<MetaCall, Grant, IResult> work) =>
        network.TokenAsync(context, scope, (call, grant) => Task.FromResult(grant.Bound is null
            ? work(call, grant) : MetaError.Missing()));

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var redirect = query["redirect_uri"].ToString();
        var scopes = query["scope"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries);
        if (query["client_id"] != Rules.ClientId || query["response_type"] != "code" || scopes.Length == 0
            || !MetaError.Serves(Rules.Versions, context) || !Uri.TryCreate(redirect, UriKind.Absolute, out _)
            || !scopes.All(Known.Contains)
            || (Rules.RedirectUris.Length > 0 && !Rules.RedirectUris.Contains(redirect)))
            return Results.Content("<h1>Invalid App ID, URL or Scopes</h1>", "text/html", statusCode: 400);
        var answer = await Consent.AskAsync(context, Sim, scopes);
        if (answer.Page is not null) return answer.Page;
        if (answer.Account is not { } account)
            return Consent.Return(redirect, ("error", "access_denied"), ("error_code", "200"),
                ("error_reason", "user_denied"), ("error_description", "Permissions error"), ("state", query["state"]));
        _cameBy[account] = Sim.Now;
        _declined[account] = scopes.Except(answer.Scopes).ToHashSet();
        _unticked[account] = Rules.UntickedPages.ToHashSet();
        var code = Sim.Grants.Keep(new Code(account, Rules.ClientId, redirect, answer.Scopes, null, null,
            Sim.Now + TimeSpan.FromSeconds(Rules.CodeSeconds), null));
        return Consent.Return(redirect, ("code", code), ("state", query["state"]));
    }

    private async Task<IResult> ExchangeAsync(HttpContext context)
    {
        var call = await MetaCall.ReadAsync(context.Request);
        if (!MetaError.Serves(Rules.Versions, context)) return MetaError.Parameter("Unknown API version");
        if (call["client_id"] != Rules.ClientId || call["client_secret"] != Rules.ClientSecret)
            return MetaError.Of(1, "Error validating client secret.", status: 400);
        if (call["grant_type"] == "fb_exchange_token")
        {
            var old = Sim.Grants.ByAccess(call["fb_exchange_token"]);
            return MetaError.Token(Sim, old, "") ?? Long(old!);
        }
        var code = Sim.Grants.Redeem(call["code"]);
        if (code is null) return MetaError.Of(100, "This authorization code has been used.", 36009);
        if (code.Until <= Sim.Now) return MetaError.Of(100, "This authorization code has expired.", 36007);
        if (code.RedirectUri != call["redirect_uri"])
            return MetaError.Of(100, "Error validating verification code. Please make sure your redirect_uri is "
                + "identical to the one you used in the OAuth dialog request", 36008);
        var grant = Issue(code.Account, code.Scopes, Sim.Now + TimeSpan.FromSeconds(Rules.ShortSeconds));
        return Results.Json(new { access_token = grant.Access, token_type = "bearer", expires_in = Rules.ShortSeconds });
    }

    private IResult Long(Grant old)
    {
        var grant = Issue(old.Account, old.Scopes, Sim.Now + TimeSpan.FromSeconds(Rules.LongSeconds));
        _long[grant] = true;
        return Rules.OmitExpiry
            ? Results.Json(new { access_token = grant.Access, token_type = "bearer" })
            : Results.Json(new { access_token = grant.Access, token_type = "bearer", expires_in = Rules.LongSeconds });
    }

    private IResult Debug(HttpContext context)
    {
        var query = context.Request.Query;
        if (query["access_token"] != Rules.ClientId + "|" + Rules.ClientSecret
            && context.Request.Token("Bearer") != Rules.ClientId + "|" + Rules.ClientSecret)
            return MetaError.Of(190, "Invalid OAuth access token.");
        var grant = Sim.Grants.ByAccess(query["input_token"]);
        if (grant is null)
            return Results.Json(new { data = new { is_valid = false, scopes = Array.Empty<string>(),
                error = new { code = 190, message = "Invalid OAuth access token" } } });
        return Results.Json(new
        {
            data = new
            {
                app_id = Rules.ClientId,
                type = grant.Bound is null ? "USER" : "PAGE",
                is_valid = MetaError.Token(Sim, grant, "") is null,
                expires_at = grant.AccessUntil == DateTimeOffset.MaxValue ? 0 : grant.AccessUntil.ToUnixTimeSeconds(),
                data_access_expires_at = DataAccessUntil(grant.Account).ToUnixTimeSeconds(),
                scopes = grant.Scopes.Append("public_profile"),
                user_id = grant.Account.Id,
                profile_id = grant.Bound,
            },
        });
    }

    private IEnumerable<JsonNode> Permissions(Grant grant) => grant.Scopes.Append("public_profile").Distinct()
        .Select(scope => (JsonNode)new JsonObject { ["permission"] = scope, ["status"] = "granted" })
        .Concat(_declined.GetValueOrDefault(grant.Account, new HashSet<string>()).Select(scope =>
            (JsonNode)new JsonObject { ["permission"] = scope, ["status"] = "declined" }));

    private IResult Forget(Grant grant, string id)
    {
        if (id != grant.Account.Id && id != "me") return MetaError.Missing();
        foreach (var one in Sim.Grants.All.Where(one => one.Account == grant.Account)) one.Revoked = true;
        return Results.Json(new { success = true });
    }

    private IEnumerable<Page> Ticked(Grant grant) => network.Pages.Where(page => page.Owner == grant.Account
        && !_unticked.GetValueOrDefault(grant.Account, new HashSet<string>()).Contains(page.Id));

    private IResult List(HttpContext context, MetaCall call, Grant grant, IEnumerable<Page> pages) =>
        List(context, call, pages.Select(page => new JsonObject
        {
            ["id"] = page.Id,
            ["name"] = page.Name,
            ["username"] = page.Name.ToLowerInvariant(),
            ["access_token"] = TokenOf(grant, page),
            ["tasks"] = new JsonArray([.. page.Tasks.Select(task => (JsonNode)task)]),
            ["picture"] = new JsonObject { ["data"] = new JsonObject { ["url"] = $"https://cdn.example/{page.Id}.jpg" } },
            ["instagram_business_account"] = page.Instagram is { } id ? new JsonObject { ["id"] = id } : null,
        }));

    /// <summary>A page of a listing, with the address of the next one where there is more.</summary>
    public static IResult List(HttpContext context, MetaCall call, IEnumerable<JsonObject> items)
    {
        var all = items.ToList();
        var from = int.TryParse(call["after"], CultureInfo.InvariantCulture, out var after) ? after : 0;
        var limit = int.TryParse(call["limit"], CultureInfo.InvariantCulture, out var asked) ? Math.Clamp(asked, 1, 100)
            : 25;
        var answer = new JsonObject
        {
            ["data"] = new JsonArray([.. all.Skip(from).Take(limit).Select(item => (JsonNode)call.Pick(item))]),
        };
        if (from + limit < all.Count)
            answer["paging"] = new JsonObject
            {
                ["cursors"] = new JsonObject { ["after"] = $"{from + limit}" },
                ["next"] = $"{context.Request.Origin()}{context.Request.Path}?access_token={call.Token}&limit={limit}"
                    + $"&fields={Uri.EscapeDataString(call["fields"] ?? "id")}&after={from + limit}",
            };
        return Results.Json(answer);
    }

    private string TokenOf(Grant user, Page page) => _pageGrants.GetOrAdd((user, page.Id), _ =>
    {
        var grant = Issue(user.Account, user.Scopes, _long.ContainsKey(user) ? DateTimeOffset.MaxValue : user.AccessUntil);
        grant.Bound = page.Id;
        return grant;
    }).Access;

    private Grant Issue(Account account, IReadOnlySet<string> scopes, DateTimeOffset until)
    {
        var grant = new Grant
        {
            Account = account,
            Client = Rules.ClientId,
            Scopes = scopes,
            Access = "EAA" + Grants.Secret(),
            AccessUntil = until,
        };
        Sim.Grants.Add(grant);
        return grant;
    }
}
