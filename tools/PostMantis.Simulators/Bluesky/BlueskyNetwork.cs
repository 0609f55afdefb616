using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Bluesky;

/// <summary>Bluesky: a personal data server, its sign-in server, the directory and the video service, on one
/// port.</summary>
internal sealed class BlueskyNetwork : INetwork
{
    public BlueskyNetwork(Simulation sim)
    {
        Sim = sim;
        foreach (var (name, letter) in ((string, char)[])[("ann", 'a'), ("bob", 'b')])
            sim.Accounts.Add(new Account("did:plc:" + new string(letter, 24), name + ".test", name.ToUpperInvariant())
            {
                Traits = { ["appPassword"] = string.Join('-', Enumerable.Repeat(name + "1", 4)),
                    ["password"] = "main-" + name },
            });
        (Proofs, Sessions) = (new DpopProofs(this), new BlueskySessions(this));
        (OAuth, Repo) = (new BlueskyOAuth(this), new BlueskyRepo(this));
        Video = new BlueskyVideo(this);
    }

    public Simulation Sim { get; }
    public BlueskySettings Rules { get; } = new();
    public object Settings => Rules;
    public DpopProofs Proofs { get; }
    public BlueskySessions Sessions { get; }
    public BlueskyOAuth OAuth { get; }
    public BlueskyRepo Repo { get; }
    public BlueskyVideo Video { get; }

    public void Map(IEndpointRouteBuilder routes)
    {
        Sessions.Map(routes);
        OAuth.Map(routes);
        Repo.Map(routes);
        Video.Map(routes);
    }

    /// <summary>Checks who calls, by password session or by OAuth with a proof, then does the work.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, string scope, int points, Func<Grant,
        Task<IResult>> work)
    {
        var request = context.Request;
        var ip = Sim.Windows.Take("ip", Rules.RequestsPerFiveMinutes, TimeSpan.FromMinutes(5));
        Tell(context, ip, 300);
        if (!ip.Granted) return Throttled();
        var proven = request.Token("DPoP");
        var grant = Sim.Grants.ByAccess(proven ?? request.Token("Bearer"));
        if (proven is null && request.Token("Bearer") is null)
            return Error(401, "AuthMissing", "Authentication Required");
        if (proven is not null)
        {
            if (Proofs.Problem(context, proven, grant?.Bound, 401) is { } wrong) return wrong;
            if (grant is null || grant.Revoked || grant.AccessUntil <= Sim.Now)
                return Error(401, "invalid_token", "exp claim timestamp check failed");
            if (!Allows(grant, scope))
                return Error(403, "ScopeMissingError", $"Missing required scope \"{scope}\"");
        }
        else if (grant is null or { Bound: not null } || grant.Revoked)
            return Error(400, "InvalidToken", "Token could not be verified");
        else if (grant.AccessUntil <= Sim.Now) return Error(400, "ExpiredToken", "Token has expired");
        if (grant.Account.Has("takedown")) return Error(401, "AccountTakedown", "Account has been taken down");
        if (grant.Account.Has("deactivated")) return Error(401, "AccountDeactivated", "Account is deactivated");
        if (points > 0)
        {
            var hour = Sim.Windows.Take("hour/" + grant.Account.Id, Rules.PointsPerHour, TimeSpan.FromHours(1), points);
            var day = Sim.Windows.Take("day/" + grant.Account.Id, Rules.PointsPerDay, TimeSpan.FromDays(1), points);
            Tell(context, day.Granted ? hour : day, day.Granted ? 3600 : 86_400);
            if (!hour.Granted || !day.Granted) return Throttled();
        }
        return await work(grant);
    }

    public static IResult Error(int status, string error, string message) =>
        Results.Json(new JsonObject { ["error"] = error, ["message"] = message }, statusCode: status);

    public static IResult Throttled() => Error(429, "RateLimitExceeded", "Rate Limit Exceeded");

    public static void Tell(HttpContext context, Allowance allowance, int seconds)
    {
        static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["RateLimit-Limit"] = Text(allowance.Limit);
        context.Response.Headers["RateLimit-Remaining"] = Text(allowance.Remaining);
        context.Response.Headers["RateLimit-Reset"] = Text(allowance.ResetAt.ToUnixTimeSeconds());
        context.Response.Headers["RateLimit-Policy"] = $"{Text(allowance.Limit)};w={Text(seconds)}";
    }

    private static bool Allows(Grant grant, string scope) =>
        scope.Length == 0 || grant.Scopes.Contains("transition:generic")
        || grant.Scopes.Any(granted => Covers(granted.Split('?')[0], scope));

    /// <summary>Whether a granular permission covers what is asked; which rpc permissions exist is not
    /// confirmed.</summary>
    private static bool Covers(string granted, string scope)
    {
        var (kind, wanted) = (scope.Split(':')[0], scope[(scope.IndexOf(':', StringComparison.Ordinal) + 1)..]);
        if (!granted.StartsWith(kind + ":", StringComparison.Ordinal)) return false;
        var what = granted[(kind.Length + 1)..];
        return kind switch
        {
            "repo" => what == "*" || what == wanted,
            "blob" => what == "*/*" || wanted.StartsWith(what.TrimEnd('*'), StringComparison.Ordinal),
            _ => true,
        };
    }
}
