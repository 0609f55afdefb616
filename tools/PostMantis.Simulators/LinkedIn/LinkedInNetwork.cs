using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.LinkedIn;

/// <summary>A page of a company.</summary>
internal sealed record Organization(string Id, string Name, string Vanity)
{
    /// <summary>What members may do there, by handle.</summary>
    public Dictionary<string, string> Roles { get; } = [];

    public string Urn => "urn:li:organization:" + Id;
}

/// <summary>LinkedIn: the login, and the versioned API under /rest.</summary>
internal sealed class LinkedInNetwork : INetwork
{
    private static readonly string[] Publishers = ["ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"];
    private readonly LinkedInConsent _consent;
    private readonly LinkedInPosts _posts;

    public LinkedInNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("aNn_782-x", "ann-li", "Ann Ashe"));
        sim.Accounts.Add(new Account("b0b_493-y", "bob-li", "Bob Birch"));
        Organizations.Add(new Organization("55", "Acme", "acme") { Roles = { ["ann-li"] = "ADMINISTRATOR" } });
        Organizations.Add(new Organization("56", "Acme Labs", "acme-labs") { Roles = { ["ann-li"] = "CONTENT_ADMIN" } });
        Organizations.Add(new Organization("57", "Watched", "watched") { Roles = { ["ann-li"] = "ANALYST" } });
        (_consent, Assets) = (new LinkedInConsent(this), new LinkedInAssets(this));
        _posts = new LinkedInPosts(this);
    }

    public Simulation Sim { get; }
    public LinkedInSettings Rules { get; } = new();
    public object Settings => Rules;
    public List<Organization> Organizations { get; } = [];
    public LinkedInAssets Assets { get; }

    public void Map(IEndpointRouteBuilder routes)
    {
        _consent.Map(routes);
        Assets.Map(routes);
        _posts.Map(routes);
        routes.On("GET", "/rest/organizationAcls", context => GuardAsync(context, grant =>
            Task.FromResult(Acls(context.Request, grant))));
        routes.On("GET", "/rest/organizations/{id}", context => GuardAsync(context, grant =>
            Task.FromResult(Show(context.Part("id"), grant))));
    }

    /// <summary>Checks version, token and allowance, then does the work.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, Func<Grant, Task<IResult>> work)
    {
        var headers = context.Response.Headers;
        (headers["x-li-uuid"], headers["x-li-fabric"]) = (Grants.Secret(8), "prod-lsim1");
        headers["x-li-request-id"] = Grants.Secret(4);
        var version = context.Request.Headers["Linkedin-Version"].ToString();
        if (version.Length == 0)
            return Error(400, "VERSION_MISSING", "A version must be present. Please specify a version by adding the "
                + "Linkedin-Version header.");
        if (!Rules.Versions.Contains(version))
            return Error(426, "NONEXISTENT_VERSION", $"Requested version {version} is not active");
        if (context.Request.Headers["X-Restli-Protocol-Version"] != "2.0.0")
            return Error(400, "INVALID_VALUE_FOR_FIELD", "X-Restli-Protocol-Version must be 2.0.0");
        var token = context.Request.Token("Bearer");
        if (string.IsNullOrEmpty(token)) return Error(401, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token", 65604);
        if (TokenProblem(token) is { } problem) return problem;
        var grant = Sim.Grants.ByAccess(token)!;
        var midnight = new DateTimeOffset(Sim.Now.UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
        return Sim.Windows.Take("app", Rules.CallsPerApp, midnight, 1).Granted
            && Sim.Windows.Take("member/" + grant.Account.Id, Rules.CallsPerMember, midnight, 1).Granted
            ? await work(grant)
            : Error(429, null, "Resource level throttle limit for calls to this resource is reached.", 101);
    }

    /// <summary>What is wrong with a token; null when it is good.</summary>
    public IResult? TokenProblem(string? token) => Sim.Grants.ByAccess(token) switch
    {
        null => Error(401, null, "Invalid access token", 65600),
        { Revoked: true } => Error(401, "REVOKED_ACCESS_TOKEN", "The token has been revoked", 65601),
        { } grant when grant.AccessUntil <= Sim.Now => Error(401, "EXPIRED_ACCESS_TOKEN", "Expired access token", 65602),
        _ => null,
    };

    /// <summary>Whether the grant may act as that author: the member, or a page where the member has a role for it.</summary>
    public bool MayWrite(Grant grant, string? author) => author == Person(grant.Account)
        ? grant.Scopes.Contains("w_member_social") && !grant.Account.Has("restricted")
        : grant.Scopes.Contains("w_organization_social") && FindOrganization(author) is { } page
            && Publishers.Contains(page.Roles.GetValueOrDefault(grant.Account.Handle));

    public Organization? FindOrganization(string? urn) => Organizations.FirstOrDefault(page => page.Urn == urn);

    public static string Person(Account account) => "urn:li:person:" + account.Id;

    public static IResult Denied(string what) =>
        Error(403, "ACCESS_DENIED", "Not enough permissions to access: " + what, 100);

    public static IResult Error(int status, string? code, string message, int serviceErrorCode = 0)
    {
        var body = new JsonObject { ["status"] = status, ["serviceErrorCode"] = serviceErrorCode, ["message"] = message };
        if (code is not null) body["code"] = code;
        return Results.Json(body, statusCode: status);
    }

    private IResult Acls(HttpRequest request, Grant grant)
    {
        if (!Rules.CommunityManagement || !grant.Scopes.Contains("rw_organization_admin"))
            return Denied("organizationAcls.FINDER-roleAssignee.NO_VERSION");
        if (request.Query["q"] != "roleAssignee") return Error(400, "MISSING_FIELD", "The finder q is missing");
        var state = request.Query["state"].ToString();
        var all = Organizations.Where(page => page.Roles.ContainsKey(grant.Account.Handle)
            && state is "" or "APPROVED").ToList();
        var (start, count) = Page(request, 10);
        return Results.Json(new JsonObject
        {
            ["elements"] = new JsonArray([.. all.Skip(start).Take(count).Select(page => new JsonObject
            {
                [Rules.OlderAcls ? "organizationTarget" : "organization"] = page.Urn,
                ["role"] = page.Roles[grant.Account.Handle],
                ["roleAssignee"] = Person(grant.Account),
                ["state"] = "APPROVED",
            })]),
            ["paging"] = new JsonObject { ["start"] = start, ["count"] = count, ["links"] = new JsonArray() },
        });
    }

    private IResult Show(string id, Grant grant)
    {
        if (!Rules.CommunityManagement || !grant.Scopes.Contains("rw_organization_admin"))
            return Denied("organizations.GET.NO_VERSION");
        if (Organizations.FirstOrDefault(one => one.Id == id) is not { } page)
            return Error(404, "NOT_FOUND", "Could not find entity");
        return Results.Json(new JsonObject
        {
            ["id"] = long.Parse(page.Id, System.Globalization.CultureInfo.InvariantCulture),
            ["localizedName"] = page.Name,
            ["vanityName"] = page.Vanity,
            ["logoV2"] = new JsonObject { ["original"] = "urn:li:digitalmediaAsset:C4D" },
        });
    }

    /// <summary>The stretch of a list that was asked for.</summary>
    public static (int Start, int Count) Page(HttpRequest request, int usual) => (
        int.TryParse(request.Query["start"], out var start) && start >= 0 ? start : 0,
        int.TryParse(request.Query["count"], out var count) && count is >= 1 and <= 100 ? count : usual);
}
