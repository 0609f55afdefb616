using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Web.Pages.Events;
using PostMantis.Web.Shared;

namespace PostMantis.Web;

/// <summary>How the process that hosts the dashboard sets it up.</summary>
public static class WebSetup
{
    /// <summary>Services of the pages.</summary>
    public static IServiceCollection AddPostMantisWeb(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddRazorComponents();
        services.AddHttpContextAccessor();
        services.AddCascadingAuthenticationState();
        services.AddPersonSessions();
        services.AddScoped<Pages.Posts.ComposerDesk>();
        services.AddScoped<BrandChoice>();
        services.AddSingleton<PassingState>();
        services.AddPasskeys();
        services.AddPublicPages();
        services.AddOpenIdSignIn(configuration);
        services.AddScoped<Pages.Calendar.CalendarDesk>();
        services.AddAntiforgery(options =>
        {
            options.Cookie.Name = "pm-antiforgery";
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.SuppressXFrameOptionsHeader = true;
        });
        return services;
    }

    /// <summary>
    /// Security headers for every answer, and pages for what goes wrong in a browser. Comes before authentication.
    /// </summary>
    public static IApplicationBuilder UsePostMantisWeb(this IApplicationBuilder app)
    {
        app.UseMiddleware<SecurityHeaders>();
        app.UseStatusCodePagesWithReExecute("/status/{0}", createScopeForStatusCodePages: true);
        app.UseMiddleware<PageErrors>();
        return app;
    }

    /// <summary>The pages, their assets and the few plain endpoints behind their forms. Needs antiforgery in the pipeline.</summary>
    public static void MapPostMantisWeb(this IEndpointRouteBuilder app)
    {
        app.MapStaticAssets();
        app.MapRazorComponents<App>();
        app.MapGet(LiveStream.Path, LiveStream.StreamAsync).RequireAuthorization().ExcludeFromDescription();
        app.MapMediaForms();
        Pages.Posts.ComposerForms.MapComposerForms(app);
        app.MapGet("/log/export", PublishLog.ExportAsync).RequireAuthorization().ExcludeFromDescription();
        app.MapPost("/brand", BrandChoice.Choose).RequireAuthorization().ExcludeFromDescription();
        app.MapPasskeys();
        app.MapOpenIdSignIn();
        app.MapExport();
        app.MapPublicPages();
        Pages.Calendar.CalendarDesk.MapCalendarForms(app);
        app.MapPost("/theme", ChooseTheme).AllowAnonymous().ExcludeFromDescription();
    }

    private static IResult ChooseTheme(
        HttpContext http, TimeProvider time, [FromForm] string? theme, [FromForm] string? returnUrl)
    {
        Theme.Choose(http, theme, time.GetUtcNow());
        return Results.LocalRedirect(LocalUrl.OrHome(returnUrl));
    }
}
