using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;
using PostMantis.Simulators.Meta;

namespace PostMantis.Simulators.Threads;

/// <summary>What a test may change at Threads.</summary>
internal sealed class ThreadsSettings : MetaLoginSettings
{
    public ThreadsSettings() => (PostsPerDay, ImageMinRatio, ImageMaxRatio) = (250, 0.1, 10);

    public int RepliesPerDay { get; set; } = 1000;
    public int TextLength { get; set; } = 500;
    public int Links { get; set; } = 5;
    public long VideoBytes { get; set; } = 1L << 30;
    public double VideoSeconds { get; set; } = 300;

    /// <summary>Seconds until a new container can be published without 24/4279009.</summary>
    public double VisibleAfterSeconds { get; set; }
}

/// <summary>Threads v1.0.</summary>
internal sealed class ThreadsNetwork : INetwork
{
    private readonly MetaLogin _login;
    private readonly ThreadsPosts _posts;

    public ThreadsNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("17841405793187218", "ann.th", "Ann"));
        sim.Accounts.Add(new Account("17841405793187219", "bob.th", "Bob"));
        _login = new MetaLogin(sim, Rules, "th",
            ["threads_basic", "threads_content_publish", "threads_manage_replies", "threads_read_replies",
                "threads_manage_insights", "threads_delete"], ShortToken);
        _posts = new ThreadsPosts(this);
    }

    public Simulation Sim { get; }
    public ThreadsSettings Rules { get; } = new();
    public object Settings => Rules;

    public void Map(IEndpointRouteBuilder routes)
    {
        _login.Map(routes);
        routes.On("GET", "/v1.0/me", context => GuardAsync(context, "threads_basic", (call, grant) =>
            Task.FromResult(Results.Json(call.Pick(new JsonObject
            {
                ["id"] = grant.Account.Id,
                ["username"] = grant.Account.Handle,
                ["name"] = grant.Account.Name,
                ["threads_profile_picture_url"] = "https://cdn.example/" + grant.Account.Handle + ".jpg",
            })))));
        _posts.Map(routes);
    }

    /// <summary>Checks token and scope, then does the work.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, string scope, Func<MetaCall, Grant, Task<IResult>> work)
    {
        var call = await MetaCall.ReadAsync(context.Request);
        var grant = Sim.Grants.ByAccess(call.Token);
        return MetaError.Token(Sim, grant, scope) ?? await work(call, grant!);
    }

    private static JsonObject ShortToken(Grant grant) => new()
    {
        ["access_token"] = grant.Access,
        ["user_id"] = long.Parse(grant.Account.Id, CultureInfo.InvariantCulture),
    };
}
