using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.TikTok;

/// <summary>TikTok: Login Kit and the Content Posting API v2.</summary>
internal sealed class TikTokNetwork : INetwork
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public TikTokNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("-000ann", "ann.tok", "Ann"));
        sim.Accounts.Add(new Account("-000bob", "bob.tok", "Bob") { Traits = { ["private"] = "true" } });
        sim.Accounts.Add(new Account("-000eve", "eve.tok", "Eve") { Traits = { ["maxSeconds"] = "600" } });
        (Consent, Posts) = (new TikTokConsent(this), new TikTokPosts(this));
        Uploads = new TikTokUploads(this);
    }

    public Simulation Sim { get; }
    public TikTokSettings Rules { get; } = new();
    public object Settings => Rules;
    public TikTokConsent Consent { get; }
    public TikTokPosts Posts { get; }
    public TikTokUploads Uploads { get; }

    public void Map(IEndpointRouteBuilder routes)
    {
        Consent.Map(routes);
        Posts.Map(routes);
        Uploads.Map(routes);
    }

    public Task SettleAsync() => Posts.SettleAsync();

    /// <summary>Checks token, scope and allowance, then does the work.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, string name, int perMinute, string scope,
        Func<Grant, Task<IResult>> work)
    {
        var grant = Sim.Grants.ByAccess(context.Request.Token("Bearer"));
        if (grant is null || grant.Revoked || grant.AccessUntil <= Sim.Now)
            return Error(401, "access_token_invalid", "The access token is invalid or not found in the request.");
        if (!grant.Scopes.Contains(scope))
            return Error(401, "scope_not_authorized", "The user did not authorize the scope required for completing"
                + " this request.");
        return Sim.Windows.Take(name + "/" + grant.Access, perMinute, Minute).Granted
            ? await work(grant)
            : Error(429, "rate_limit_exceeded", "The API rate limit was exceeded. Please try again later.");
    }

    public static IResult Ok(JsonObject data) => Answer(200, data, "ok", "");

    public static IResult Error(int status, string code, string message, JsonObject? data = null) =>
        Answer(status, data ?? [], code, message);

    private static IResult Answer(int status, JsonObject data, string code, string message) => Results.Json(
        new JsonObject
        {
            ["data"] = data,
            ["error"] = new JsonObject { ["code"] = code, ["message"] = message, ["log_id"] = Grants.Secret(17) },
        }, statusCode: status);
}
