using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.X;

/// <summary>X: consent, media and posts of API v2.</summary>
internal sealed class XNetwork : INetwork
{
    private const string Problems = "https://api.x.com/2/problems/";
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    public XNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("2244994945", "ann", "Ann Example"));
        sim.Accounts.Add(new Account("2244994946", "bob", "Bob Example") { Traits = { ["subscription"] = "Premium" } });
        (Consent, Media) = (new XConsent(this), new XMedia(this));
        Posts = new XPosts(this);
    }

    public Simulation Sim { get; }
    public XSettings Rules { get; } = new();
    public object Settings => Rules;
    public XConsent Consent { get; }
    public XMedia Media { get; }
    public XPosts Posts { get; }

    public void Map(IEndpointRouteBuilder routes)
    {
        Consent.Map(routes);
        Media.Map(routes);
        Posts.Map(routes);
    }

    /// <summary>Checks token, scope, credit and allowance, then does the work; the limit headers go out either
    /// way.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, string name, int perUser, int? perAppDay, string scope,
        Func<Grant, Task<IResult>> work)
    {
        var grant = Sim.Grants.ByAccess(context.Request.Token("Bearer"));
        if (grant is null || grant.Revoked || grant.AccessUntil <= Sim.Now)
            return Problem(401, "Unauthorized", "Unauthorized", "about:blank");
        var user = Sim.Windows.Take(name + "/" + grant.Account.Id, perUser, Window);
        Tell(context, user);
        if (!user.Granted) return TooMany();
        if (perAppDay is { } most)
        {
            var app = Sim.Windows.Take(name + "/app", most, TimeSpan.FromDays(1));
            context.Response.Headers["x-app-limit-24hour-limit"] = Text(app.Limit);
            context.Response.Headers["x-app-limit-24hour-remaining"] = Text(app.Remaining);
            context.Response.Headers["x-app-limit-24hour-reset"] = Text(app.ResetAt.ToUnixTimeSeconds());
            if (!app.Granted) return TooMany();
        }
        if (Rules.CreditsDepleted)
            return Problem(402, "CreditsDepleted", "Your account does not have any credits to fulfill this request.",
                Problems + "credits");
        if (Rules.UsageCapped)
            return Problem(429, "UsageCapExceeded", "Usage cap exceeded: Monthly product cap",
                Problems + "usage-capped");
        if (!grant.Scopes.Contains(scope))
            return Problem(403, "Forbidden", $"The token lacks the scope {scope}.", Problems + "client-forbidden");
        return await work(grant);
    }

    public static IResult Invalid(string detail, string? parameter = null) => Results.Json(new JsonObject
    {
        ["errors"] = new JsonArray(new JsonObject
        {
            ["message"] = detail,
            ["parameters"] = parameter is null ? null : new JsonObject { [parameter] = new JsonArray() },
        }),
        ["title"] = "Invalid Request",
        ["detail"] = detail,
        ["type"] = Problems + "invalid-request",
    }, contentType: "application/problem+json", statusCode: 400);

    public static IResult Forbidden(string detail) => Problem(403, "Forbidden", detail, "about:blank");

    public static IResult Problem(int status, string title, string detail, string type) => Results.Json(
        new JsonObject { ["title"] = title, ["detail"] = detail, ["type"] = type, ["status"] = status },
        contentType: "application/problem+json", statusCode: status);

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private IResult TooMany() => Rules.OldThrottleBody
        ? Results.Json(new { errors = new[] { new { code = 88, message = "Rate limit exceeded" } } }, statusCode: 429)
        : Problem(429, "Too Many Requests", "Too Many Requests", "about:blank");

    private static void Tell(HttpContext context, Allowance allowance)
    {
        context.Response.Headers["x-rate-limit-limit"] = Text(allowance.Limit);
        context.Response.Headers["x-rate-limit-remaining"] = Text(allowance.Remaining);
        context.Response.Headers["x-rate-limit-reset"] = Text(allowance.ResetAt.ToUnixTimeSeconds());
    }
}
