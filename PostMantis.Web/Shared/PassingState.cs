using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>What a browser carries from one step of signing in to the next: sealed, for minutes, taken once.</summary>
internal sealed class PassingState(IDataProtectionProvider protection, TimeProvider time, IOptions<InstanceOptions> instance)
{
    private static readonly TimeSpan _lifetime = TimeSpan.FromMinutes(5);

    /// <summary>Gives <paramref name="value"/> to the browser.</summary>
    public void Give<T>(HttpContext http, string name, T value)
    {
        var kept = JsonSerializer.Serialize(new Kept<T>(value, time.GetUtcNow() + _lifetime), Json.Options);
        http.Response.Cookies.Append(NameOf(name), Protector(name).Protect(kept), Flags());
    }

    /// <summary>What the browser was given, while it is good.</summary>
    public T? Read<T>(HttpContext http, string name)
        where T : class
    {
        if (http.Request.Cookies[NameOf(name)] is not { Length: > 0 } text) return null;
        try
        {
            var kept = JsonSerializer.Deserialize<Kept<T>>(Protector(name).Unprotect(text), Json.Options);
            return kept is not null && kept.Until > time.GetUtcNow() ? kept.Value : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>Takes it away again.</summary>
    public void Clear(HttpContext http, string name) => http.Response.Cookies.Delete(NameOf(name), Flags());

    private IDataProtector Protector(string name) => protection.CreateProtector("PostMantis.PassingState", name);

    private string NameOf(string name) => IsSecure ? $"__Host-pm-{name}" : $"pm-{name}";

    private CookieOptions Flags() => new()
    {
        HttpOnly = true,
        IsEssential = true,
        Path = "/",
        SameSite = SameSiteMode.Lax,
        Secure = IsSecure,
    };

    private bool IsSecure => instance.Value.PublicUrl.Scheme == Uri.UriSchemeHttps;

    private sealed record Kept<T>(T Value, DateTimeOffset Until);
}
