using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;
using PostMantis.Core.Persistence;

namespace PostMantis.Api.Sandbox;

/// <summary>
/// A social network of ours that behaves like a real one: consent with PKCE, short-lived tokens that rotate, several
/// pages per account in every settlement mode, a public feed. It runs beside the product, never inside its pipeline.
/// </summary>
internal static class SandboxApp
{
    private const int MostBody = 64 * 1024;
    private const int MostConnections = 30;
    private const int PageSize = 100;

    /// <summary>The network as an application of its own.</summary>
    public static WebApplication Build(string[] args, IConfiguration? settings = null, TimeProvider? time = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = args,
            ApplicationName = typeof(SandboxApp).Assembly.GetName().Name,
        });
        // As a copy: what is set here, such as where to listen, must not reach the process that hosts us.
        if (settings is not null) builder.Configuration.AddInMemoryCollection(settings.AsEnumerable().Where(IsOurs));
        builder.Services.AddOptions<SandboxOptions>().BindConfiguration(SandboxOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        // Made by the container, so that it is closed with it.
        builder.Services.AddSingleton(_ => PersistenceSetup.Open(Pool(
            builder.Configuration.GetConnectionString(PersistenceSetup.ConnectionName)
            ?? throw new InvalidOperationException($"No database: set ConnectionStrings__{PersistenceSetup.ConnectionName}."))));
        builder.Services.AddSingleton<SandboxStore>();
        builder.Services.AddSingleton<SandboxFiles>();
        builder.Services.AddSingleton<SandboxControl>();
        builder.Services.AddSingleton<SandboxLimits>();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        var url = builder.Configuration.GetSection(SandboxOptions.Section).Get<SandboxOptions>()?.Url
            ?? new SandboxOptions().Url;
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = MostBody);
        builder.WebHost.UseUrls(url.GetLeftPart(UriPartial.Authority));

        var app = builder.Build();
        var watched = app.Services.GetRequiredService<IOptions<SandboxOptions>>().Value.Control;
        app.Use(SecureAsync);
        if (watched) app.Use(NoteAsync);
        MapPages(app);
        MapConsent(app);
        MapApi(app);
        if (watched) MapControl(app);
        return app;
    }

    /// <summary>Creates the schema, then listens.</summary>
    public static async Task StartSandboxAsync(this WebApplication app, CancellationToken ct)
    {
        await app.Services.GetRequiredService<SandboxStore>().CreateAsync(ct);
        await app.StartAsync(ct);
    }

    private static bool IsOurs(KeyValuePair<string, string?> setting) =>
        setting.Key.StartsWith($"{SandboxOptions.Section}:", StringComparison.OrdinalIgnoreCase)
        || setting.Key.StartsWith("ConnectionStrings:", StringComparison.OrdinalIgnoreCase);

    // The product's own pool uses the same server.
    private static string Pool(string connectionString)
    {
        var pool = new NpgsqlConnectionStringBuilder(PersistenceSetup.Prepare(connectionString)) { ApplicationName = "sandbox" };
        pool.MaxPoolSize = Math.Min(pool.MaxPoolSize, MostConnections);
        return pool.ConnectionString;
    }

    private static Task NoteAsync(HttpContext context, RequestDelegate next)
    {
        context.RequestServices.GetRequiredService<SandboxControl>().Note(context.Request);
        return next(context);
    }

    private static async Task SecureAsync(HttpContext context, RequestDelegate next)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self'; base-uri 'none'; "
            + "frame-ancestors 'none'; form-action 'self'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        // The clock that posts are dated by.
        headers.Date = context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow().ToString("R", CultureInfo.InvariantCulture);
        // Nothing here has a name with it, and the database takes no text with it.
        if (context.Request.Path.Value!.Contains('\0', StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        try
        {
            await next(context);
        }
        catch (BadHttpRequestException e)
        {
            context.Response.StatusCode = e.StatusCode;
        }
    }

    private static void MapPages(WebApplication app)
    {
        app.MapGet("/sandbox.css", () => Results.Text(SandboxPages.Css, "text/css"));
        app.MapGet("/", async (SandboxStore store, CancellationToken ct) =>
            Html(SandboxPages.Home(await store.DestinationsAsync(null, ct))));
        app.MapGet("/alive", () => Results.Text("Healthy"));
        app.MapGet("/feed/{destinationId}", async (string destinationId, Guid? before, SandboxStore store, CancellationToken ct) =>
            (await store.DestinationsAsync(null, ct)).Find(d => d.Id == destinationId) is { } destination
                ? Html(SandboxPages.Feed(destination, await store.FeedAsync(new(destination.Id, PageSize, Before: before), ct), PageSize))
                : Html(SandboxPages.Message("No such page", "Nobody publishes here."), 404));
        app.MapGet("/feed/{destinationId}.json", async (string destinationId, Guid? before, HttpContext http, SandboxStore store,
            CancellationToken ct) => (await store.DestinationsAsync(null, ct)).Exists(d => d.Id == destinationId)
                ? Listing(http, await store.FeedAsync(new(destinationId, PageSize, Before: before), ct))
                : Error("page_not_found", "There is no such page.", 404));
        app.MapGet("/media/{id:guid}", async (Guid id, HttpContext http, SandboxFiles files, CancellationToken ct) =>
        {
            if (await files.FindAsync(null, [id], ct) is not [var file]) return Results.NotFound();
            http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
            (http.Response.ContentType, http.Response.ContentLength) = (file.MimeType, file.SizeBytes);
            await files.WriteAsync(id, http.Response.Body, ct);
            return Results.Empty;
        });
        app.MapGet("/posts/{id:guid}.json", async (Guid id, HttpContext http, SandboxStore store, CancellationToken ct) =>
            await store.FindAsync(id, ct) is { } post
                ? Results.Json(Show(http, post))
                : Error("not_found", "It was removed, or never was.", 404));
        app.MapGet("/posts/{id:guid}", async (Guid id, SandboxStore store, CancellationToken ct) =>
            await store.FindAsync(id, ct) is { } post
                ? Html(SandboxPages.Post(post))
                : Html(SandboxPages.Message("No such post", "It was removed, or never was."), 404));
    }

    private static void MapConsent(WebApplication app)
    {
        app.MapGet("/oauth/authorize", async (HttpContext http, SandboxStore store, IOptions<SandboxOptions> options,
            CancellationToken ct) =>
        {
            var asked = http.Request.Query.ToDictionary(p => p.Key, p => p.Value.ToString());
            if (Wrong(asked, options.Value) is { } wrong) return Html(SandboxPages.Message("This cannot be allowed", wrong), 400);
            AllowRedirect(http, asked["redirect_uri"]);
            return Html(SandboxPages.Consent(await store.AccountsAsync(ct), asked));
        });
        app.MapPost("/oauth/authorize", async (HttpContext http, SandboxStore store, IOptions<SandboxOptions> options,
            CancellationToken ct) =>
        {
            var form = (await ReadFormAsync(http, ct)).ToDictionary(p => p.Key, p => p.Value.ToString());
            if (Wrong(form, options.Value) is { } wrong) return Html(SandboxPages.Message("This cannot be allowed", wrong), 400);
            var account = (await store.AccountsAsync(ct)).Find(a => a.Id == form.GetValueOrDefault("account"));
            // As parsed: what the browser sent may hold what a header cannot.
            var back = new Uri(form["redirect_uri"]).AbsoluteUri;
            var state = Uri.EscapeDataString(form["state"]);
            AllowRedirect(http, back);
            if (form.GetValueOrDefault("decision") != "allow" || account is null)
                return Results.Redirect($"{back}?error=access_denied&state={state}");
            var code = await store.IssueCodeAsync(account.Id, back, form["code_challenge"], ct);
            return Results.Redirect($"{back}?code={code}&state={state}");
        });
        app.MapPost("/oauth/token", TokenAsync);
        app.MapPost("/oauth/revoke", async (HttpContext http, SandboxStore store, CancellationToken ct) =>
        {
            var form = await ReadFormAsync(http, ct);
            if (!IsClient(form, http)) return OAuthError("invalid_client", 401);
            await store.RevokeAsync(form["token"].ToString(), ct);
            return Results.Ok();
        });
    }

    private static async Task<IResult> TokenAsync(HttpContext http, SandboxStore store, SandboxControl control,
        IOptions<SandboxOptions> options, CancellationToken ct)
    {
        var form = await ReadFormAsync(http, ct);
        if (form.Count == 0) return OAuthError("invalid_request", 400);
        if (!IsClient(form, http)) return OAuthError("invalid_client", 401);
        await control.PassAsync("tokenBefore", ct);
        if (control.TakeTokenError() is { } told) return OAuthError(told.Error, told.Status);
        SandboxTokens? tokens;
        switch (form["grant_type"].ToString())
        {
            case "authorization_code":
                tokens = await store.TradeCodeAsync(form["code"].ToString(), form["redirect_uri"].ToString(),
                    form["code_verifier"].ToString(), options.Value.AccessTokenLifetime, ct);
                break;
            case "refresh_token":
                tokens = await store.RefreshAsync(form["refresh_token"].ToString(), options.Value.AccessTokenLifetime,
                    options.Value.RefreshGrace, ct);
                break;
            default:
                return OAuthError("unsupported_grant_type", 400);
        }
        if (control.TakeLostToken())
        {
            http.Abort();
            return Results.Empty;
        }
        await control.PassAsync("tokenAfter", ct);
        if (tokens is null) return OAuthError("invalid_grant", 400);
        http.Response.Headers.CacheControl = "no-store";
        return Results.Json(new
        {
            access_token = tokens.Access,
            token_type = "bearer",
            expires_in = (int)tokens.Lifetime.TotalSeconds,
            refresh_token = tokens.Refresh,
            refresh_token_expires_in = (int)tokens.RefreshLifetime.TotalSeconds,
            scope = "publish",
            account = tokens.Account,
        });
    }

    private static void MapApi(WebApplication app)
    {
        var api = app.MapGroup("/v1");
        api.MapGet("/destinations", (HttpContext http, SandboxStore store, CancellationToken ct) =>
            WithBearerAsync(http, store, null, async bearer =>
                Results.Json(new { destinations = await store.DestinationsAsync(bearer.AccountId, ct) }), ct));
        api.MapPost("/destinations/{id}/posts", PublishAsync);
        api.MapPost("/destinations/{id}/media", (string id, HttpContext http, SandboxStore store, SandboxFiles files,
            CancellationToken ct) => WithBearerAsync(http, store, id, async _ =>
            await files.TakeAsync(id, http, ct) is var (file, refusal) && file is not null
                ? Results.Json(new { id = file.Id, mimeType = file.MimeType, sizeBytes = file.SizeBytes, sha256 = file.Sha256 }, statusCode: 201)
                : Error("media_rejected", refusal!, 422), ct));
        api.MapGet("/destinations/{id}/posts", (string id, HttpContext http, SandboxStore store,
            IOptions<SandboxOptions> options, CancellationToken ct) =>
            WithBearerAsync(http, store, id, async bearer =>
            {
                if (bearer.Mode == "none") return Error("not_supported", "This page has no listing.", 403);
                var (since, cursor) = (http.Request.Query["since"].ToString(), http.Request.Query["cursor"].ToString());
                var (from, before) = (default(DateTimeOffset), default(Guid));
                if (since.Length > 0 && !DateTimeOffset.TryParse(since, CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out from))
                    return Error("bad_request", "since is no time.", 400);
                if (cursor.Length > 0 && !Guid.TryParse(cursor, out before))
                    return Error("bad_request", "cursor is none of ours.", 400);
                return Listing(http, await store.FeedAsync(new(id, PageSize, since.Length > 0 ? from : null,
                    cursor.Length > 0 ? before : null, options.Value.ListingDelay), ct));
            }, ct));
        api.MapGet("/destinations/{id}/keys/{key}", (string id, string key, HttpContext http, SandboxStore store,
            CancellationToken ct) => WithBearerAsync(http, store, id, async _ =>
            await store.FindByKeyAsync(id, key, ct) is { } post
                ? Results.Json(Show(http, post))
                : Error("not_found", "No post was made with this key.", 404), ct));
        api.MapPost("/destinations/{id}/containers", CreateContainerAsync);
        api.MapGet("/destinations/{id}/containers/{containerId:guid}", (string id, Guid containerId, HttpContext http,
            SandboxStore store, CancellationToken ct) => WithBearerAsync(http, store, id, async _ =>
        {
            if (await store.ContainerAsync(containerId, ct) is not { } container || container.DestinationId != id)
                return Error("not_found", "There is no such container.", 404);
            var post = container.PostId is { } postId ? await store.FindAsync(postId, ct) : null;
            var status = container.PostId is not null ? "published" : container.IsReady ? "ready" : "processing";
            return Results.Json(new { id = containerId, status, post = post is null ? null : Show(http, post) });
        }, ct));
        api.MapPost("/destinations/{id}/containers/{containerId:guid}/publish", PublishContainerAsync);
    }

    private static Task<IResult> PublishAsync(string id, HttpContext http, SandboxStore store, SandboxFiles files, SandboxControl control,
        SandboxLimits limits, IOptions<SandboxOptions> options, TimeProvider time, CancellationToken ct) =>
        WithBearerAsync(http, store, id, async bearer =>
    {
        var request = await ReadAsync(http, ct);
        if (request is null) return Error("bad_request", "Send JSON with a body.", 400);
        var key = http.Request.Headers["Idempotency-Key"].ToString();
        var isReply = request.ParentId is not null;
        if (!isReply && bearer.Mode == "probe") return Error("use_container", "Create a container first.", 409);
        if (key.Length == 0 && (isReply || bearer.Mode == "idempotent"))
            return Error("key_required", "Send an Idempotency-Key.", 400);
        if (Refuse(request.Body, options.Value) is { } refused) return refused;
        if (request.ParentId is { } parent && (await store.FindAsync(parent, ct))?.DestinationId != id)
            return Error("content_rejected", "There is no such post to reply to.", 422);
        var (media, refusal) = await AttachAsync(id, request.Media ?? [], files, mayPull: false, ct);
        if (refusal is not null) return Error("media_rejected", refusal, 422);
        var keyUsed = isReply || bearer.Mode == "idempotent" ? key : null;

        if (limits.Refuses(id, http.Response)) return TooMany();
        var fault = await SandboxFaults.NextAsync(http.Request, request.On ?? SandboxFaults.Publish, store, ct);
        await control.PassAsync("before", ct);
        if (await ActBeforeAsync(fault, http, store, bearer, ct) is { } answer) return answer;
        if (fault == SandboxFault.SlowProcessing) await Task.Delay(options.Value.ProcessingTime, time, ct);
        var (post, _) = await store.PublishAsync(id, new SandboxSaying(request.Body, media), request.ParentId, keyUsed,
            fault == SandboxFault.RemovedLater ? options.Value.RemovedAfter : null, ct);
        await control.PassAsync("after", ct);
        return ActAfter(fault, http) ?? Results.Json(Show(http, post), statusCode: 201);
    }, ct);

    private static Task<IResult> CreateContainerAsync(string id, HttpContext http, SandboxStore store, SandboxFiles files,
        SandboxControl control, IOptions<SandboxOptions> options, CancellationToken ct) =>
        WithBearerAsync(http, store, id, async bearer =>
    {
        var request = await ReadAsync(http, ct);
        if (request is null) return Error("bad_request", "Send JSON with a body.", 400);
        if (bearer.Mode != "probe") return Error("not_supported", "This page has no containers.", 409);
        if (Refuse(request.Body, options.Value) is { } refused) return refused;
        var (media, refusal) = await AttachAsync(id, request.Media ?? [], files, mayPull: true, ct);
        if (refusal is not null) return Error("media_rejected", refusal, 422);
        var isSlow = await SandboxFaults.TakeIfNextAsync(
            http.Request, SandboxFaults.Publish, SandboxFault.SlowProcessing, store, ct);
        var containerId = await store.CreateContainerAsync(id, new SandboxSaying(request.Body, media),
            isSlow ? options.Value.ProcessingTime : TimeSpan.Zero, ct);
        await control.PassAsync("container", ct);
        return Results.Json(new { id = containerId, status = isSlow ? "processing" : "ready" }, statusCode: 201);
    }, ct);

    private static Task<IResult> PublishContainerAsync(string id, Guid containerId, HttpContext http, SandboxStore store,
        SandboxControl control, SandboxLimits limits, IOptions<SandboxOptions> options, CancellationToken ct) =>
        WithBearerAsync(http, store, id, async bearer =>
        {
            if (await store.ContainerAsync(containerId, ct) is not { } container || container.DestinationId != id)
                return Error("not_found", "There is no such container.", 404);
            if (!container.IsReady) return Error("processing", "The container is not ready.", 409);
            if (limits.Refuses(id, http.Response)) return TooMany();
            var fault = await SandboxFaults.NextAsync(http.Request, SandboxFaults.Publish, store, ct);
            await control.PassAsync("before", ct);
            if (await ActBeforeAsync(fault, http, store, bearer, ct) is { } answer) return answer;
            var post = await store.PublishContainerAsync(container,
                fault == SandboxFault.RemovedLater ? options.Value.RemovedAfter : null, ct);
            await control.PassAsync("after", ct);
            return ActAfter(fault, http) ?? Results.Json(Show(http, post), statusCode: 201);
        }, ct);

    private static void MapControl(WebApplication app)
    {
        var control = app.MapGroup("/control");
        control.MapPost("/holds", (string when, int count, SandboxControl held) => Results.Json(new { id = held.Add(when, count).Id }));
        control.MapGet("/holds/{id:guid}", async (Guid id, SandboxControl held, CancellationToken ct) =>
        {
            if (held.Find(id) is not { } hold) return Results.NotFound();
            await hold.Full.WaitAsync(ct);
            return Results.Json(new { waiting = hold.Waiting });
        });
        control.MapDelete("/holds/{id:guid}", (Guid id, SandboxControl held) => held.Release(id));
        control.MapPost("/tokens", (int? refuse, int? status, string? error, int? lose, SandboxControl held) =>
        {
            held.RefuseTokens(refuse ?? 0, status ?? 503, error ?? "temporarily_unavailable");
            held.LoseTokens(lose ?? 0);
        });
        control.MapGet("/requests", (SandboxControl held) => Results.Json(new { requests = held.Requests }));
        control.MapDelete("/requests", (SandboxControl held) => held.Forget());
        control.MapPost("/accounts/{id}/revoke", (string id, SandboxStore store, CancellationToken ct) =>
            store.RevokeAccountAsync(id, ct));
    }

    private static async Task<IResult?> ActBeforeAsync(
        SandboxFault fault, HttpContext http, SandboxStore store, SandboxBearer bearer, CancellationToken ct)
    {
        switch (fault)
        {
            case SandboxFault.Rejected:
                return Error("content_rejected", "Our rules do not allow this text.", 422);
            case SandboxFault.RateLimited:
                http.Response.Headers.RetryAfter = "5";
                return TooMany();
            case SandboxFault.AuthRevoked:
                await store.RevokeAccountAsync(bearer.AccountId, ct);
                return Error("revoked", "The grant was ended.", 401);
            case SandboxFault.TimeoutBeforeAccept:
                http.Abort();
                return Results.Empty;
            default:
                return null;
        }
    }

    private static IResult? ActAfter(SandboxFault fault, HttpContext http)
    {
        if (fault != SandboxFault.TimeoutAfterAccept) return null;
        http.Abort();
        return Results.Empty;
    }

    private static async Task<IResult> WithBearerAsync(HttpContext http, SandboxStore store, string? destinationId,
        Func<SandboxBearer, Task<IResult>> work, CancellationToken ct)
    {
        const string prefix = "Bearer ";
        var header = http.Request.Headers.Authorization.ToString();
        var bearer = header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
            ? await store.BearerAsync(header[prefix.Length..], destinationId, ct)
            : null;
        if (bearer is null) return Error("invalid_token", "This is no token of ours.", 401);
        if (bearer.IsRevoked) return Error("revoked", "The grant was ended.", 401);
        if (bearer.IsExpired) return Error("token_expired", "The access token has expired.", 401);
        if (destinationId is not null && bearer.DestinationId is null)
            return Error("page_not_found", "There is no such page of this account.", 404);
        return await work(bearer);
    }

    // By the id of an upload, or, for a container, by an address to fetch from.
    private static async Task<(IReadOnlyList<SandboxAttachment> Media, string? Refusal)> AttachAsync(string destinationId,
        IReadOnlyList<MediaRequest> asked, SandboxFiles files, bool mayPull, CancellationToken ct)
    {
        if (asked.Count > SandboxFiles.MostFiles) return ([], $"A post has at most {SandboxFiles.MostFiles} files.");
        List<SandboxFile> found = [];
        foreach (var item in asked)
        {
            if (item.Id is { } id && await files.FindAsync(destinationId, [id], ct) is [var uploaded])
            {
                found.Add(uploaded);
                continue;
            }
            if (!mayPull || item.Url is null) return ([], "There is no such file.");
            var (pulled, refusal) = await files.PullAsync(destinationId, item.Url, ct);
            if (pulled is null) return ([], refusal);
            found.Add(pulled);
        }
        return ([.. found.Zip(asked, (file, item) => new SandboxAttachment(file.Id, file.MimeType, item.Alt))],
            SandboxFiles.Together(found));
    }

    private static async Task<PublishRequest?> ReadAsync(HttpContext http, CancellationToken ct)
    {
        try
        {
            if (!http.Request.HasJsonContentType()) return null;
            var request = await http.Request.ReadFromJsonAsync<PublishRequest>(ct);
            return request?.Body is null || request.Body.Contains('\0', StringComparison.Ordinal) ? null : request;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task<IFormCollection> ReadFormAsync(HttpContext http, CancellationToken ct)
    {
        if (!http.Request.HasFormContentType) return FormCollection.Empty;
        try
        {
            return await http.Request.ReadFormAsync(ct);
        }
        catch (InvalidDataException)
        {
            return FormCollection.Empty;
        }
    }

    private static bool IsClient(IFormCollection form, HttpContext http)
    {
        var options = http.RequestServices.GetRequiredService<IOptions<SandboxOptions>>().Value;
        return Same(form["client_id"].ToString(), options.ClientId)
            & Same(form["client_secret"].ToString(), options.ClientSecret);
    }

    private static IResult? Refuse(string body, SandboxOptions options)
    {
        if (string.IsNullOrWhiteSpace(body)) return Error("content_rejected", "A post needs text.", 422);
        var length = new StringInfo(body).LengthInTextElements;
        return length > options.MaxText
            ? Error("content_rejected", $"At most {options.MaxText} characters; this has {length}.", 422)
            : null;
    }

    private static string? Wrong(Dictionary<string, string> asked, SandboxOptions options)
    {
        if (asked.GetValueOrDefault("client_id") != options.ClientId) return "The application is not known here.";
        if (!Uri.TryCreate(asked.GetValueOrDefault("redirect_uri"), UriKind.Absolute, out var back)) return "No address to return to.";
        var isOurs = options.RedirectUri is { } registered
            ? back == registered
            : back.IsLoopback && back.AbsolutePath.EndsWith("/connect/callback/sandbox", StringComparison.Ordinal);
        if (!isOurs || back.Query.Length > 0) return "The address to return to is not registered.";
        if (asked.GetValueOrDefault("response_type") != "code") return "Only response_type=code is supported.";
        if (asked.GetValueOrDefault("code_challenge_method") != "S256" || asked.GetValueOrDefault("code_challenge")?.Length != 43)
            return "PKCE with S256 is required.";
        return string.IsNullOrEmpty(asked.GetValueOrDefault("state")) ? "state is required." : null;
    }

    // The form's answer leaves this origin; browsers hold redirects to form-action too.
    private static void AllowRedirect(HttpContext http, string redirectUri) =>
        http.Response.Headers.ContentSecurityPolicy = http.Response.Headers.ContentSecurityPolicy.ToString()
            + " " + new Uri(redirectUri).GetLeftPart(UriPartial.Authority);

    private static bool Same(string given, string expected) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected));

    private static object Show(HttpContext http, SandboxPost post) => new
    {
        id = post.Id,
        url = $"{http.Request.Scheme}://{http.Request.Host}/posts/{post.Id}",
        body = post.Body,
        parentId = post.ParentId,
        createdAt = post.CreatedAt,
        media = post.Media.Select(m => new
        {
            id = m.Id, mimeType = m.MimeType, alt = m.Alt, url = $"{http.Request.Scheme}://{http.Request.Host}/media/{m.Id}",
        }),
    };

    private static IResult Listing(HttpContext http, List<SandboxPost> posts) => Results.Json(new
    {
        posts = posts.Select(post => Show(http, post)),
        nextCursor = posts.Count < PageSize ? (Guid?)null : posts[^1].Id,
        complete = posts.Count < PageSize,
    });

    private static IResult TooMany() => Error("rate_limited", "Too many posts at once.", 429);

    private static IResult Html(string page, int status = 200) =>
        Results.Content(page, "text/html; charset=utf-8", Encoding.UTF8, status);

    private static IResult Error(string code, string message, int status) =>
        Results.Json(new { error = new { code, message } }, statusCode: status);

    private static IResult OAuthError(string error, int status) => Results.Json(new { error }, statusCode: status);

    private sealed record PublishRequest(string Body, Guid? ParentId, string? On, IReadOnlyList<MediaRequest>? Media);

    private sealed record MediaRequest(Guid? Id, string? Url, string? Alt);
}
