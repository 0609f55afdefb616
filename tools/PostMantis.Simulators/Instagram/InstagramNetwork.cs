using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Instagram;

/// <summary>What a test may change at Instagram.</summary>
internal sealed class InstagramSettings : MetaLoginSettings
{
    public string[] Versions { get; set; } = ["v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0"];
    public int CaptionLength { get; set; } = 2200;
    public int Hashtags { get; set; } = 30;
    public int Mentions { get; set; } = 20;
    public long ReelBytes { get; set; } = 300 << 20;
    public long StoryBytes { get; set; } = 100 << 20;

    /// <summary>Whether the code exchange answers a flat object.</summary>
    public bool FlatToken { get; set; }
}

/// <summary>Instagram with Instagram Login: graph.instagram.com.</summary>
internal sealed class InstagramNetwork : INetwork
{
    private readonly MetaLogin _login;
    private readonly InstagramMedia _media;

    public InstagramNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("17841400000000001", "ann.ig", "Ann"));
        sim.Accounts.Add(new Account("17841400000000002", "bob.ig", "Bob"));
        _login = new MetaLogin(sim, Rules, "ig",
            ["instagram_business_basic", "instagram_business_content_publish", "instagram_business_manage_comments",
                "instagram_business_manage_messages", "instagram_business_manage_insights"], ShortToken);
        _media = new InstagramMedia(this);
    }

    public Simulation Sim { get; }
    public InstagramSettings Rules { get; } = new();
    public object Settings => Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        _login.Map(routes);
        routes.On("GET", "/{v}/me", context => GuardAsync(context, "instagram_business_basic", (call, account) =>
            Task.FromResult(Results.Json(call.Pick(new JsonObject
            {
                ["id"] = AppScoped(account),
                ["user_id"] = account.Id,
                ["username"] = account.Handle,
                ["name"] = account.Name,
                ["account_type"] = "BUSINESS",
                ["profile_picture_url"] = "https://cdn.example/" + account.Handle + ".jpg",
            })))));
        _media.Map(routes);
    }

    /// <summary>Checks version, token and scope, then does the work.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, string scope,
        Func<MetaCall, Account, Task<IResult>> work)
    {
        var call = await MetaCall.ReadAsync(context.Request);
        if (!MetaError.Serves(Rules.Versions, context)) return MetaError.Parameter("Unknown API version");
        var grant = Sim.Grants.ByAccess(call.Token);
        return MetaError.Token(Sim, grant, scope) ?? await work(call, grant!.Account);
    }

    private JsonObject ShortToken(Grant grant)
    {
        var token = new JsonObject
        {
            ["access_token"] = grant.Access,
            ["user_id"] = AppScoped(grant.Account),
            ["permissions"] = string.Join(',', grant.Scopes),
        };
        return Rules.FlatToken ? token : new JsonObject { ["data"] = new JsonArray(token) };
    }

    private static string AppScoped(Account account) =>
        "10" + long.Parse(account.Id, CultureInfo.InvariantCulture) % 100_000;
}
