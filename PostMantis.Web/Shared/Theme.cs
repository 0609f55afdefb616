using Microsoft.AspNetCore.Http;

namespace PostMantis.Web.Shared;

/// <summary>Light, dark, or what the system asks for: kept in a cookie, so that it works without a script.</summary>
public static class Theme
{
    internal const string Cookie = "pm-theme";

    /// <summary>The chosen theme, or <c>system</c>.</summary>
    public static string Of(HttpContext http) => http.Request.Cookies[Cookie] is "light" or "dark"
        ? http.Request.Cookies[Cookie]!
        : "system";

    internal static void Choose(HttpContext http, string? theme, DateTimeOffset now)
    {
        if (theme is not ("light" or "dark"))
        {
            http.Response.Cookies.Delete(Cookie);
            return;
        }
        http.Response.Cookies.Append(Cookie, theme, new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            SameSite = SameSiteMode.Lax,
            Secure = http.Request.IsHttps,
            Expires = now.AddYears(1),
        });
    }
}
