using System.Globalization;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Mastodon;

/// <summary>One Mastodon server: its own apps, accounts, limits and statuses.</summary>
internal sealed class MastodonNetwork : INetwork
{
    private static readonly TimeSpan FiveMinutes = TimeSpan.FromMinutes(5);

    public MastodonNetwork(Simulation sim)
    {
        Sim = sim;
        sim.Accounts.Add(new Account("110000000000000001", "ann", "Ann"));
        sim.Accounts.Add(new Account("110000000000000002", "bob", "Bob"));
        (Consent, Media) = (new MastodonConsent(this), new MastodonMedia(this));
        Statuses = new MastodonStatuses(this);
    }

    public Simulation Sim { get; }
    public MastodonSettings Rules { get; } = new();
    public object Settings => Rules;
    public MastodonConsent Consent { get; }
    public MastodonMedia Media { get; }
    public MastodonStatuses Statuses { get; }

    public void Map(IEndpointRouteBuilder routes)
    {
        Consent.Map(routes);
        Media.Map(routes);
        Statuses.Map(routes);
        routes.On("GET", "/api/v2/instance", context => Task.FromResult(Instance(context.Request)));
    }

    /// <summary>Checks token, scope and allowances, then does the work; the tightest allowance goes into the
    /// headers.</summary>
    public async Task<IResult> GuardAsync(HttpContext context, string scope,
        (string Name, int Limit, TimeSpan Period)? own,
        Func<Grant, Task<IResult>> work)
    {
        var grant = Sim.Grants.ByAccess(context.Request.Token("Bearer"));
        if (grant is null || grant.Revoked) return Error(401, "The access token is invalid");
        var all = Sim.Windows.Take("all/" + grant.Account.Id, Rules.RequestsPerFiveMinutes, FiveMinutes);
        Tell(context, all);
        if (!all.Granted) return Error(429, "Too many requests");
        if (grant.Account.Has("disabled")) return Error(403, "Your login is currently disabled");
        if (!Allows(grant.Scopes, scope)) return Error(403, "This action is outside the authorized scopes");
        if (own is { } window)
        {
            var taken = Sim.Windows.Take(window.Name + "/" + grant.Account.Id, window.Limit, window.Period);
            Tell(context, taken);
            if (!taken.Granted) return Error(429, "Too many requests");
        }
        return await work(grant);
    }

    public static IResult Error(int status, string error, string? description = null)
    {
        var body = new JsonObject { ["error"] = error };
        if (description is not null) body["error_description"] = description;
        return Results.Json(body, statusCode: status);
    }

    public static string Moment(DateTimeOffset at) =>
        at.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static bool Allows(IReadOnlySet<string> granted, string scope) => scope == "profile"
        ? granted.Contains("profile") || granted.Contains("read") || granted.Contains("read:accounts")
        : granted.Contains(scope) || granted.Contains(scope.Split(':')[0]);

    private void Tell(HttpContext context, Allowance allowance)
    {
        var headers = context.Response.Headers;
        headers["X-RateLimit-Limit"] = allowance.Limit.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Remaining"] = allowance.Remaining.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Reset"] = Rules.IsoReset
            ? allowance.ResetAt.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture)
            : allowance.ResetAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
    }

    private IResult Instance(HttpRequest request) => Results.Json(new JsonObject
    {
        ["domain"] = request.Host.Value,
        ["title"] = "Simulated",
        ["version"] = Rules.HasDiscovery ? "4.6.0" : "4.2.0",
        ["source_url"] = "https://github.com/mastodon/mastodon",
        ["configuration"] = new JsonObject
        {
            ["statuses"] = new JsonObject
            {
                ["max_characters"] = Rules.MaxCharacters,
                ["max_media_attachments"] = Rules.MaxAttachments,
                ["characters_reserved_per_url"] = Rules.LinkCharacters,
            },
            ["media_attachments"] = new JsonObject
            {
                ["description_limit"] = Rules.DescriptionLimit,
                ["supported_mime_types"] = new JsonArray([.. Rules.MimeTypes.Select(type => JsonValue.Create(type))]),
                ["image_size_limit"] = Rules.ImageBytes,
                ["image_matrix_limit"] = Rules.ImagePixels,
                ["video_size_limit"] = Rules.VideoBytes,
                ["video_frame_rate_limit"] = Rules.VideoFrameRate,
                ["video_matrix_limit"] = Rules.VideoPixels,
            },
            ["polls"] = new JsonObject
            {
                ["max_options"] = 4,
                ["max_characters_per_option"] = 50,
                ["min_expiration"] = 300,
                ["max_expiration"] = 2_629_746,
            },
        },
    });
}
