using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>An OpenID Connect provider people may sign in with, after they tied their account there to theirs here.</summary>
public sealed class OpenIdOptions
{
    public const string Section = "OpenIdConnect";

    /// <summary>Its issuer; none: there is no such sign-in.</summary>
    public Uri? Authority { get; set; }

    /// <summary>How we are known there. The address to come back to is <c>/sign-in/openid</c> below <c>PublicUrl</c>.</summary>
    public string? ClientId { get; set; }

    public string? ClientSecret { get; set; }

    /// <summary>What people call it.</summary>
    [Required, StringLength(60)]
    public string Name { get; set; } = "single sign-on";

    /// <summary>What ties are kept under.</summary>
    internal string Issuer => Authority!.AbsoluteUri.TrimEnd('/');
}

/// <summary>Sign-in with OpenID Connect: authorization code with PKCE; nothing the provider sends is kept but who it is.</summary>
internal static class OpenIdSignIn
{
    public const string Scheme = OpenIdConnectDefaults.AuthenticationScheme;
    private const string CallbackPath = "/sign-in/openid";
    private const string TieTo = "tieTo";
    private const string ReturnTo = "returnTo";

    public static void AddOpenIdSignIn(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<OpenIdOptions>().BindConfiguration(OpenIdOptions.Section).ValidateDataAnnotations()
            .Validate(o => o.Authority is null || (IsSafe(o.Authority) && !string.IsNullOrEmpty(o.ClientId)),
                "OpenIdConnect:Authority must be an https address (plain http only on this machine), with OpenIdConnect:ClientId.")
            .ValidateOnStart();
        if (string.IsNullOrEmpty(configuration[$"{OpenIdOptions.Section}:Authority"])) return;
        services.AddAuthentication().AddOpenIdConnect(Scheme, _ => { });
        services.AddOptions<OpenIdConnectOptions>(Scheme)
            .Configure<IOptions<OpenIdOptions>, IOptions<InstanceOptions>>((handler, provider, instance) =>
            {
                var isHttps = instance.Value.PublicUrl.Scheme == Uri.UriSchemeHttps;
                handler.Authority = provider.Value.Authority?.AbsoluteUri;
                handler.ClientId = provider.Value.ClientId;
                handler.ClientSecret = provider.Value.ClientSecret;
                handler.RequireHttpsMetadata = provider.Value.Authority?.IsLoopback != true;
                handler.SignInScheme = PersonSession.Scheme;
                handler.CallbackPath = CallbackPath;
                handler.ResponseType = OpenIdConnectResponseType.Code;
                handler.ResponseMode = OpenIdConnectResponseMode.Query;
                handler.MapInboundClaims = false;
                handler.Scope.Clear();
                handler.Scope.Add("openid");
                handler.Scope.Add("email");
                foreach (var cookie in new[] { handler.CorrelationCookie, handler.NonceCookie })
                {
                    // The way back is a link from there.
                    cookie.SameSite = SameSiteMode.Lax;
                    cookie.SecurePolicy = isHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
                }
                handler.Events.OnRedirectToIdentityProvider = context =>
                {
                    context.ProtocolMessage.RedirectUri = instance.Value.Address(CallbackPath).AbsoluteUri;
                    return Task.CompletedTask;
                };
                handler.Events.OnTicketReceived = ReceiveAsync;
                handler.Events.OnRemoteFailure = context =>
                {
                    context.HandleResponse();
                    context.Response.Redirect($"{PersonSession.SignInPath}?openid=failed");
                    return Task.CompletedTask;
                };
            });
    }

    public static void MapOpenIdSignIn(this IEndpointRouteBuilder app)
    {
        app.MapPost("/sign-in/with", (IOptions<OpenIdOptions> provider, [FromForm] string? returnUrl) =>
            Begin(provider.Value, new AuthenticationProperties { Items = { [ReturnTo] = LocalUrl.OrHome(returnUrl) } }))
            .AllowAnonymous().ExcludeFromDescription();
        app.MapPost("/account/openid", (HttpContext http, IOptions<OpenIdOptions> provider, [FromForm] string? tie) =>
            tie is null ? Results.BadRequest() : Begin(provider.Value, new AuthenticationProperties
            {
                Items = { [TieTo] = SignedIn.UserIdOf(http.User)!.Value.ToString() },
            })).RequireAuthorization().ExcludeFromDescription();
    }

    private static IResult Begin(OpenIdOptions provider, AuthenticationProperties properties) =>
        provider.Authority is null ? Results.NotFound() : Results.Challenge(properties, [Scheme]);

    // The handler's own sign-in would make a cookie of whatever the provider says.
    private static async Task ReceiveAsync(TicketReceivedContext context)
    {
        context.HandleResponse();
        var http = context.HttpContext;
        var services = http.RequestServices;
        var issuer = services.GetRequiredService<IOptions<OpenIdOptions>>().Value.Issuer;
        var external = services.GetRequiredService<ExternalSignIns>();
        var subject = context.Principal?.FindFirst("sub")?.Value ?? "";
        var items = context.Properties!.Items;
        try
        {
            if (items.TryGetValue(TieTo, out var userId))
            {
                // Whoever comes back must still be who left.
                var session = await http.AuthenticateAsync(PersonSession.Scheme);
                if (session.Principal is not { } person || SignedIn.UserIdOf(person)?.ToString() != userId)
                {
                    context.Response.Redirect(PersonSession.SignInPath);
                    return;
                }
                http.User = person;
                var name = context.Principal?.FindFirst("email")?.Value;
                await external.TieAsync(PersonSession.CallerOf(http)!, issuer, subject, name, http.RequestAborted);
                context.Response.Redirect("/account?openid=tied");
                return;
            }
            var answer = await external.SignInAsync(issuer, subject, PersonSession.OriginOf(http), http.RequestAborted);
            context.Response.Redirect(await OwedCode.GoOnAsync(http, answer, remember: false, items[ReturnTo]));
        }
        catch (ProblemException problem)
        {
            context.Response.Redirect(problem.Code == ProblemCode.Conflict
                ? "/account?openid=taken"
                : $"{PersonSession.SignInPath}?openid=untied");
        }
    }

    private static bool IsSafe(Uri authority) =>
        authority.Scheme == Uri.UriSchemeHttps || (authority.Scheme == Uri.UriSchemeHttp && authority.IsLoopback);
}
