using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.StaticAssets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>
/// A signed-in person's cookie. It opens pages only, never the API, and is asked of the database on every page: sign-out
/// everywhere holds from the next request on, on every replica.
/// </summary>
public static class PersonSession
{
    public const string Scheme = CookieAuthenticationDefaults.AuthenticationScheme;
    public const string SignInPath = "/sign-in";

    private static readonly TimeSpan Remembered = TimeSpan.FromDays(14);
    private static readonly TimeSpan NotRemembered = TimeSpan.FromHours(12);

    /// <summary>Starts a session in this browser, in place of any other; answers its id.</summary>
    public static async Task<Guid> StartAsync(HttpContext http, SignedIn signedIn, bool remember)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(signedIn);
        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var lifetime = remember ? Remembered : NotRemembered;
        var id = await http.RequestServices.GetRequiredService<Sessions>()
            .StartAsync(signedIn, OriginOf(http), lifetime, SignedIn.SessionIdOf(http.User), http.RequestAborted);
        await http.SignInAsync(Scheme, signedIn.ToPrincipal(Scheme, id), new AuthenticationProperties
        {
            IsPersistent = remember,
            IssuedUtc = now,
            ExpiresUtc = now + lifetime,
        });
        return id;
    }

    /// <summary>As <see cref="StartAsync"/> for a session that goes on under a new stamp.</summary>
    public static async Task<Guid> RenewAsync(HttpContext http, SignedIn signedIn)
    {
        var before = await http.AuthenticateAsync(Scheme);
        return await StartAsync(http, signedIn, before.Properties?.IsPersistent == true);
    }

    /// <summary>Ends the session of this browser.</summary>
    public static Task EndAsync(HttpContext http) => http.SignOutAsync(Scheme);

    /// <summary>Where a request comes from, for operations that need no sign-in.</summary>
    public static Origin OriginOf(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        return new Origin(http.Connection.RemoteIpAddress?.ToString(), http.Request.Headers.UserAgent.ToString());
    }

    /// <summary>The signed-in person, who is the caller of every operation of a page; null for anybody else.</summary>
    public static Caller? CallerOf(HttpContext http)
    {
        var origin = OriginOf(http);
        return SignedIn.UserIdOf(http.User) is { } userId
            ? Caller.Person(userId, origin.Address) with { UserAgent = origin.UserAgent }
            : null;
    }

    /// <summary>The zone the person sees times in; null: UTC.</summary>
    public static TimeZoneInfo? ZoneOf(HttpContext http) =>
        StandingOf(http)?.TimeZone is { } id && TimeZoneInfo.TryFindSystemTimeZoneById(id, out var zone) ? zone : null;

    /// <summary>What was learned of the person when their session was looked at.</summary>
    public static Standing? StandingOf(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        return http.Items[typeof(Standing)] as Standing;
    }

    internal static void AddPersonSessions(this IServiceCollection services)
    {
        services.AddAuthentication(Scheme).AddCookie(Scheme, options =>
        {
            options.LoginPath = SignInPath;
            options.LogoutPath = "/sign-out";
            options.AccessDeniedPath = "/status/403";
            options.ReturnUrlParameter = "returnUrl";
            options.ExpireTimeSpan = NotRemembered;
            options.SlidingExpiration = true;
            options.Cookie.HttpOnly = true;
            options.Cookie.IsEssential = true;

            // Lax: the way back from a network's consent page is a link from there.
            options.Cookie.SameSite = SameSiteMode.Lax;
            options.Events.OnValidatePrincipal = ValidateAsync;

            // Who comes for the first time sees what this is before a form.
            options.Events.OnRedirectToLogin = context =>
            {
                context.Response.Redirect(context.Request.Path == "/" ? "/welcome" : context.RedirectUri);
                return Task.CompletedTask;
            };
        });
        services.AddOptions<CookieAuthenticationOptions>(Scheme).Configure<IOptions<InstanceOptions>>((options, instance) =>
        {
            var isSecure = IsSecure(instance.Value);
            options.Cookie.Name = isSecure ? "__Host-pm-session" : "pm-session";
            options.Cookie.SecurePolicy = isSecure ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
        });
        services.AddOptions<AntiforgeryOptions>().Configure<IOptions<InstanceOptions>>((options, instance) =>
            options.Cookie.SecurePolicy = IsSecure(instance.Value)
                ? CookieSecurePolicy.Always
                : CookieSecurePolicy.SameAsRequest);
        services.AddAuthorization();
    }

    private static bool IsSecure(InstanceOptions instance) => instance.PublicUrl.Scheme == Uri.UriSchemeHttps;

    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var http = context.HttpContext;

        // A style sheet is the same for everyone.
        if (http.GetEndpoint()?.Metadata.GetMetadata<StaticAssetDescriptor>() is not null) return;
        var sessions = http.RequestServices.GetRequiredService<Sessions>();
        if (await sessions.CheckAsync(context.Principal!, OriginOf(http), http.RequestAborted) is { } standing)
        {
            http.Items[typeof(Standing)] = standing;
            return;
        }
        context.RejectPrincipal();
        await http.SignOutAsync(Scheme);
    }
}
