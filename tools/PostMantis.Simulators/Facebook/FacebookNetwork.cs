using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Facebook;

/// <summary>What a test may change at Facebook; what the notes leave open carries their guess.</summary>
internal sealed class FacebookSettings
{
    public string ClientId { get; set; } = "meta-app";
    public string ClientSecret { get; set; } = "meta-secret";

    /// <summary>Redirects the app registered; any when empty.</summary>
    public string[] RedirectUris { get; set; } = [];

    public string[] Versions { get; set; } = ["v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0"];
    public int CodeSeconds { get; set; } = 600;
    public int ShortSeconds { get; set; } = 5183;
    public int LongSeconds { get; set; } = 5_184_000;

    /// <summary>How long the data of a person may be used after they last came by.</summary>
    public int DataAccessSeconds { get; set; } = 7_776_000;

    /// <summary>Whether the long token comes without expires_in.</summary>
    public bool OmitExpiry { get; set; }

    /// <summary>Pages that the person leaves unticked in the dialog.</summary>
    public string[] UntickedPages { get; set; } = [];

    /// <summary>Calls with one Page token an hour.</summary>
    public int PageCallsPerHour { get; set; } = 100_000;

    /// <summary>Calls with one person's token an hour.</summary>
    public int UserCallsPerHour { get; set; } = 100_000;

    public int MessageLength { get; set; } = 63_206;
    public int PhotosPerPost { get; set; } = 10;
    public long PhotoBytes { get; set; } = 10 << 20;
    public int AltTextLength { get; set; } = 1000;
    public long VideoBytes { get; set; } = 1L << 30;
    public int ReelsPerDay { get; set; } = 30;

    /// <summary>Links that cannot be read for a preview.</summary>
    public string[] UnreadableLinks { get; set; } = [];

    /// <summary>Seconds that a video takes.</summary>
    public double ProcessingSeconds { get; set; } = 2;

    /// <summary>Seconds until listings show what was published.</summary>
    public double ListingLagSeconds { get; set; }
}

/// <summary>A Page, and what its owner may do there.</summary>
/// <param name="Business">The business that holds it; null for a Page of a person.</param>
internal sealed record Page(string Id, Account Owner, string Name, string[] Tasks, string? Instagram, string? Business);

/// <summary>Facebook Pages on the Graph API.</summary>
internal sealed class FacebookNetwork : INetwork
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly FacebookLogin _login;
    private readonly FacebookPosts _posts;
    private readonly FacebookVideos _videos;

    public FacebookNetwork(Simulation sim)
    {
        Sim = sim;
        var (ann, bob) = (new Account("100001", "ann", "Ann"), new Account("100002", "bob", "Bob"));
        sim.Accounts.AddRange([ann, bob, new Account("100003", "nopage", "Nobody's")]);
        Pages.Add(new Page("1001", ann, "Acme", ["CREATE_CONTENT", "MANAGE"], "17841400000000001", null));
        Pages.Add(new Page("1002", ann, "Garden", ["CREATE_CONTENT"], null, null));
        Pages.Add(new Page("1003", ann, "Numbers", ["ANALYZE"], null, null));
        Pages.Add(new Page("1004", ann, "Shop", ["MANAGE"], null, "9001"));
        Pages.Add(new Page("1005", bob, "Bakery", ["CREATE_CONTENT", "MANAGE"], null, null));
        _login = new FacebookLogin(this);
        _posts = new FacebookPosts(this);
        _videos = new FacebookVideos(this, _posts);
    }

    public Simulation Sim { get; }
    public FacebookSettings Rules { get; } = new();
    public object Settings => Rules;
    public List<Page> Pages { get; } = [];
    public MetaIds Ids { get; } = new();

    public void Map(IEndpointRouteBuilder routes)
    {
        _login.Map(routes);
        _posts.Map(routes);
        _videos.Map(routes);
        routes.On("GET", "/{v}/{id}", context => TokenAsync(context, "", (call, grant) =>
            Task.FromResult(_posts.Read(call, grant, context.Part("id"))
                ?? _videos.Read(call, grant, context.Part("id")) ?? MetaError.Missing())));
    }

    public Task SettleAsync()
    {
        _videos.Settle();
        return Task.CompletedTask;
    }

    /// <summary>Checks version, token, scope and allowance, then does the work.</summary>
    public async Task<IResult> TokenAsync(HttpContext context, string scope, Func<MetaCall, Grant, Task<IResult>> work)
    {
        var call = await MetaCall.ReadAsync(context.Request);
        if (!MetaError.Serves(Rules.Versions, context)) return MetaError.Parameter("Unknown API version");
        var grant = Sim.Grants.ByAccess(call.Token);
        if (MetaError.Token(Sim, grant, scope) is { } refused) return refused;
        if (_login.DataAccessUntil(grant!.Account) <= Sim.Now)
            return MetaError.Of(190, "Error validating access token: Access to data has expired");
        return Throttled(context, grant) ?? await work(call, grant);
    }

    /// <summary>Does work on a Page whose own token the call carries.</summary>
    public Task<IResult> PageAsync(HttpContext context, string scope, Func<MetaCall, Page, Task<IResult>> work) =>
        TokenAsync(context, scope, (call, grant) =>
        {
            var id = context.Part("id");
            var page = Pages.FirstOrDefault(page => page.Id == grant.Bound && (id == "me" || id == page.Id));
            if (page is null)
                return Task.FromResult(grant.Bound is null
                    ? MetaError.Of(200, "(#200) A page access token is required") : MetaError.Missing());
            if (!HttpMethods.IsPost(context.Request.Method)) return work(call, page);
            if (!page.Tasks.Any(task => task is "CREATE_CONTENT" or "MANAGE"))
                return Task.FromResult(MetaError.Of(200, "(#200) The Page role is missing"));
            if (!page.Owner.Traits.TryGetValue("publishError", out var said)) return work(call, page);
            var codes = said.Split('/').Select(code => int.Parse(code, CultureInfo.InvariantCulture)).ToArray();
            return Task.FromResult(MetaError.Of(codes[0], "The Page cannot publish now", codes.ElementAtOrDefault(1)));
        });

    private IResult? Throttled(HttpContext context, Grant grant)
    {
        var most = grant.Bound is null ? Rules.UserCallsPerHour : Rules.PageCallsPerHour;
        var allowance = Sim.Windows.Take(grant.Bound ?? "user/" + grant.Account.Id, most, Hour);
        var percent = (most - allowance.Remaining) * 100 / most;
        if (grant.Bound is null)
        {
            if (percent >= 50)
                context.Response.Headers["X-App-Usage"] = new JsonObject { ["call_count"] = percent,
                    ["total_time"] = 1, ["total_cputime"] = 1 }.ToJsonString();
            return allowance.Granted ? null : MetaError.Of(4, "(#4) Application request limit reached", status: 403);
        }
        if (percent >= 50)
            context.Response.Headers["X-Business-Use-Case-Usage"] = new JsonObject
            {
                [grant.Bound] = new JsonArray(new JsonObject
                {
                    ["type"] = "pages",
                    ["call_count"] = percent,
                    ["total_cputime"] = 1,
                    ["total_time"] = 1,
                    ["estimated_time_to_regain_access"] = allowance.Granted ? 0
                        : (int)Math.Ceiling((allowance.ResetAt - Sim.Now).TotalMinutes),
                }),
            }.ToJsonString();
        return allowance.Granted ? null
            : MetaError.Of(80001, "(#80001) There have been too many calls to this Page account.");
    }
}
