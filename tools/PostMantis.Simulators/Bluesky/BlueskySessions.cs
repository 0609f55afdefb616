using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators.Bluesky;

/// <summary>Who somebody is, and sign-in by app password.</summary>
internal sealed class BlueskySessions(BlueskyNetwork network)
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    private BlueskySettings Rules => network.Rules;

    private Simulation Sim => network.Sim;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.On("POST", "/xrpc/com.atproto.server.createSession", CreateAsync);
        routes.On("POST", "/xrpc/com.atproto.server.refreshSession", context =>
        {
            lock (Sim.Grants.Gate) return Task.FromResult(Refresh(context));
        });
        routes.On("POST", "/xrpc/com.atproto.server.deleteSession", context =>
            Task.FromResult(Delete(context.Request)));
        routes.On("GET", "/xrpc/com.atproto.server.getSession", context => network.GuardAsync(context, "", 0,
            grant => Task.FromResult(Results.Json(Person(context.Request, grant.Account)))));
        routes.On("GET", "/xrpc/com.atproto.identity.resolveHandle", context => Task.FromResult(
            Sim.FindAccount(context.Request.Query["handle"].ToString()) is { } account
                ? Results.Json(new { did = account.Id })
                : BlueskyNetwork.Error(400, "InvalidRequest", "Unable to resolve handle")));
        routes.On("GET", "/xrpc/app.bsky.actor.getProfile", context => Task.FromResult(Profile(context.Request)));
        routes.On("GET", "/did:plc:{id}", context => Task.FromResult(
            Sim.FindAccount("did:plc:" + context.Part("id")) is { } account
                ? Results.Json(Document(context.Request, account)) : Results.NotFound()));
        routes.On("GET", "/.well-known/atproto-did", context => Task.FromResult(Results.Text(Sim.Accounts[0].Id)));
    }

    /// <summary>A signed token that only the simulator reads.</summary>
    public static string Token(string kind, Account account, DateTimeOffset now, DateTimeOffset until)
    {
        var head = Encode(new JsonObject { ["typ"] = kind, ["alg"] = "HS256" });
        var body = Encode(new JsonObject
        {
            ["sub"] = account.Id,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = until.ToUnixTimeSeconds(),
            ["jti"] = Grants.Secret(16),
        });
        return $"{head}.{body}.{Base64Url.EncodeToString(HMACSHA256.HashData(Key, Encoding.ASCII.GetBytes(head + "." + body)))}";
    }

    private static string Encode(JsonObject part) =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));

    private async Task<IResult> CreateAsync(HttpContext context)
    {
        var body = await context.Request.JsonAsync();
        var (identifier, password) = (body.Text("identifier"), body.Text("password"));
        if (identifier is null || password is null)
            return BlueskyNetwork.Error(400, "InvalidRequest",
                "Input must have the properties \"identifier\" and \"password\"");
        var soon = Sim.Windows.Take("login5/" + identifier, Rules.SessionsPerFiveMinutes, TimeSpan.FromMinutes(5));
        var day = Sim.Windows.Take("loginDay/" + identifier, Rules.SessionsPerDay, TimeSpan.FromDays(1));
        BlueskyNetwork.Tell(context, day.Granted ? soon : day, day.Granted ? 300 : 86_400);
        if (!soon.Granted || !day.Granted) return BlueskyNetwork.Throttled();
        var account = Sim.FindAccount(identifier);
        var byApp = account is not null && account.Traits.GetValueOrDefault("appPassword") == password;
        if (account is null || (!byApp && account.Traits.GetValueOrDefault("password") != password))
            return BlueskyNetwork.Error(401, "AuthenticationRequired", "Invalid identifier or password");
        if (!byApp && account.Has("secondFactor") && body.Text("authFactorToken") is null)
            return BlueskyNetwork.Error(401, "AuthFactorTokenRequired", "A sign in code has been sent to your email");
        if (account.Has("takedown"))
            return BlueskyNetwork.Error(401, "AccountTakedown", "Account has been taken down");
        var grant = new Grant { Account = account, Client = "password", Scopes = new HashSet<string>() };
        Sim.Grants.Add(grant);
        return Issue(context.Request, grant);
    }

    private IResult Refresh(HttpContext context)
    {
        var token = context.Request.Token("Bearer");
        var grace = TimeSpan.FromHours(Rules.RefreshGraceHours);
        var grant = Sim.Grants.ByRefresh(token) ?? Sim.Grants.BySpent(token);
        if (grant is null or { Bound: not null } || grant.Revoked)
            return BlueskyNetwork.Error(400, "InvalidToken", "Token could not be verified");
        if (grant.RefreshUntil <= Sim.Now || (grant.Refresh != token && grant.Spent[token!] + grace <= Sim.Now))
            return BlueskyNetwork.Error(400, "ExpiredToken", "Token has expired");
        if (grant.Account.Has("takedown"))
            return BlueskyNetwork.Error(401, "AccountTakedown", "Account has been taken down");
        grant.Spent.TryAdd(grant.Refresh!, Sim.Now);
        return Issue(context.Request, grant);
    }

    private IResult Delete(HttpRequest request)
    {
        if (Sim.Grants.ByRefresh(request.Token("Bearer")) is not { } grant)
            return BlueskyNetwork.Error(400, "InvalidToken", "Token could not be verified");
        grant.Revoked = true;
        return Results.Text("");
    }

    private IResult Issue(HttpRequest request, Grant grant)
    {
        grant.AccessUntil = Sim.Now.AddMinutes(Rules.AccessMinutes);
        grant.RefreshUntil = Sim.Now.AddDays(Rules.RefreshDays);
        grant.Access = Token("at+jwt", grant.Account, Sim.Now, grant.AccessUntil);
        grant.Refresh = Token("refresh+jwt", grant.Account, Sim.Now, grant.RefreshUntil);
        var answer = Person(request, grant.Account);
        (answer["accessJwt"], answer["refreshJwt"]) = (grant.Access, grant.Refresh);
        return Results.Json(answer);
    }

    private static JsonObject Person(HttpRequest request, Account account)
    {
        var person = new JsonObject
        {
            ["did"] = account.Id,
            ["handle"] = account.Handle,
            ["didDoc"] = Document(request, account),
            ["email"] = account.Handle + "@mail.example",
            ["emailConfirmed"] = !account.Has("emailUnconfirmed"),
            ["active"] = !account.Has("deactivated"),
        };
        if (account.Has("deactivated")) person["status"] = "deactivated";
        return person;
    }

    private static JsonObject Document(HttpRequest request, Account account) => new()
    {
        ["@context"] = new JsonArray("https://www.w3.org/ns/did/v1"),
        ["id"] = account.Id,
        ["alsoKnownAs"] = new JsonArray("at://" + account.Handle),
        ["service"] = new JsonArray(new JsonObject
        {
            ["id"] = "#atproto_pds",
            ["type"] = "AtprotoPersonalDataServer",
            ["serviceEndpoint"] = request.Origin(),
        }),
    };

    private IResult Profile(HttpRequest request) =>
        Sim.FindAccount(request.Query["actor"].ToString()) is { } account
            ? Results.Json(new
            {
                did = account.Id,
                handle = account.Handle,
                displayName = account.Name,
                avatar = $"https://cdn.bsky.app/img/avatar/plain/{account.Id}/avatar",
            })
            : BlueskyNetwork.Error(400, "InvalidRequest", "Profile not found");
}
