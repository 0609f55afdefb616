using Microsoft.AspNetCore.Http;

namespace PostMantis.Web.Shared;

/// <summary>The time zone a person chose for their account; else the one they last planned in, kept in this browser.</summary>
internal static class PersonZone
{
    internal const string Cookie = "pm-zone";
    private const string None = "UTC";

    /// <summary>Whether this browser has said one yet.</summary>
    public static bool IsKnown(HttpContext http) => (PersonSession.ZoneOf(http)?.Id ?? Kept(http)) is not null;

    /// <summary>The zone to show and read times in.</summary>
    public static string Of(HttpContext http) => PersonSession.ZoneOf(http)?.Id ?? Kept(http) ?? None;

    /// <summary>Keeps <paramref name="zone"/> for the next time.</summary>
    public static void Keep(HttpContext http, string zone, DateTimeOffset now)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _) || http.Response.HasStarted || zone == Kept(http)) return;
        http.Response.Cookies.Append(Cookie, zone, new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            SameSite = SameSiteMode.Lax,
            Secure = http.Request.IsHttps,
            Expires = now.AddYears(1),
        });
    }

    private static string? Kept(HttpContext http) =>
        http.Request.Cookies[Cookie] is { Length: > 0 } zone && TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _) ? zone : null;
}
