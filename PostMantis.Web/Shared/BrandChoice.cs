using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Profiles;

namespace PostMantis.Web.Shared;

/// <summary>
/// The brand a person looks at: pages show only what belongs to it. Kept in a cookie, so that it stays from page to page
/// and works without a script; one that is not this person's own counts as none.
/// </summary>
public sealed class BrandChoice(IHttpContextAccessor context, IServiceScopeFactory scopes)
{
    internal const string Cookie = "pm-brand";

    private Task<IReadOnlyList<BrandName>>? _all;

    /// <summary>The person's brands by name; asked for once a request.</summary>
    public Task<IReadOnlyList<BrandName>> AllAsync() => _all ??= ReadAsync();

    /// <summary>The brand that was chosen; null: all of them, and what belongs to none.</summary>
    public async Task<BrandName?> ChosenAsync() =>
        Guid.TryParseExact(context.HttpContext?.Request.Cookies[Cookie], "D", out var chosen)
            ? (await AllAsync()).FirstOrDefault(b => b.Id == chosen)
            : null;

    internal static IResult Choose(
        HttpContext http, TimeProvider time, [FromForm] string? brand, [FromForm] string? returnUrl)
    {
        if (Guid.TryParseExact(brand, "D", out var chosen))
        {
            http.Response.Cookies.Append(Cookie, chosen.ToString("D"), new CookieOptions
            {
                HttpOnly = true,
                IsEssential = true,
                SameSite = SameSiteMode.Lax,
                Secure = http.Request.IsHttps,
                Expires = time.GetUtcNow().AddYears(1),
            });
        }
        else
        {
            http.Response.Cookies.Delete(Cookie);
        }
        return Results.LocalRedirect(LocalUrl.OrHome(returnUrl));
    }

    private async Task<IReadOnlyList<BrandName>> ReadAsync()
    {
        if (context.HttpContext is not { } http || PersonSession.CallerOf(http) is not { } caller) return [];

        // In a scope of its own: the page reads the database at the same time.
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ProfileLabels>().BrandsAsync(caller, http.RequestAborted);
    }
}
