using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.YouTube;

/// <summary>YouTube: Google's consent, resumable uploads, processing and the project's daily quota.</summary>
internal sealed class YouTubeNetwork : INetwork
{
    public YouTubeNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("UCann0000000000000000001", "annvideos",
            "Ann's Videos") { Traits = { ["phone"] = "yes" } });
        sim.Accounts.Add(new Account("UCbob0000000000000000002", "bobvideos", "Bob's Videos"));
        sim.Accounts.Add(new Account("none", "nochannel", "No Channel") { Traits = { ["noChannel"] = "true" } });
        (Consent, Videos) = (new GoogleConsent(this), new YouTubeVideos(this));
        Uploads = new YouTubeUploads(this);
    }

    public Simulation Sim { get; }
    public YouTubeSettings Rules { get; } = new();
    public object Settings => Rules;
    public GoogleConsent Consent { get; }
    public YouTubeVideos Videos { get; }
    public YouTubeUploads Uploads { get; }

    public void Map(IEndpointRouteBuilder routes)
    {
        Consent.Map(routes);
        Uploads.Map(routes);
        Videos.Map(routes);
    }

    /// <summary>Checks token, speed, scope and channel; then takes the cost from the project's day and does the
    /// work.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, int units, string[] scopes, Func<Grant,
        Task<IResult>> work)
    {
        var grant = Sim.Grants.ByAccess(context.Request.Token("Bearer"));
        if (grant is null || grant.Revoked || grant.AccessUntil <= Sim.Now)
            return Error(401, "authError", "Invalid Credentials", "global");
        if (Rules.TooFast) return Error(403, "rateLimitExceeded", "Rate Limit Exceeded", "usageLimits");
        if (!scopes.Any(grant.Scopes.Contains))
            return Error(403, "insufficientPermissions", "Request had insufficient authentication scopes.", "global");
        return Spend("units", Rules.UnitsPerDay, units) ? await work(grant) : QuotaExceeded();
    }

    /// <summary>Takes from a bucket that is full again at midnight in California.</summary>
    public bool Spend(string bucket, int perDay, int cost)
    {
        var pacific = TimeZoneInfo.FindSystemTimeZoneById("America/Los_Angeles");
        var midnight = TimeZoneInfo.ConvertTime(Sim.Now, pacific).Date.AddDays(1);
        var until = new DateTimeOffset(midnight, pacific.GetUtcOffset(midnight));
        return Sim.Windows.Take(bucket, perDay, until, cost).Granted;
    }

    public static IResult QuotaExceeded() => Error(403, "quotaExceeded",
        "The request cannot be completed because you have exceeded your quota.", "youtube.quota");

    public static IResult Error(int status, string reason, string message, string domain = "youtube.video") =>
        Results.Json(new JsonObject
        {
            ["error"] = new JsonObject
            {
                ["code"] = status,
                ["message"] = message,
                ["errors"] = new JsonArray(
                    new JsonObject { ["message"] = message, ["domain"] = domain, ["reason"] = reason }),
            },
        }, statusCode: status);
}
