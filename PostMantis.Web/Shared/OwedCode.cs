using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;

namespace PostMantis.Web.Shared;

/// <summary>Where a sign-in stands that still owes a code.</summary>
internal sealed record OwedCode(Guid UserId, string Stamp, bool Remember, string ReturnUrl)
{
    public const string Path = "/sign-in/code";
    private const string Name = "second-step";

    public HalfSignedIn Step => new(UserId, Stamp);

    /// <summary>Starts the session, or remembers that a code is owed; answers where the browser goes on.</summary>
    public static async Task<string> GoOnAsync(HttpContext http, SignInAnswer answer, bool remember, string? returnUrl)
    {
        var on = LocalUrl.OrHome(returnUrl);
        if (answer.Person is { } person)
        {
            await PersonSession.StartAsync(http, person, remember);
            return on;
        }
        var step = answer.Next!;
        States(http).Give(http, Name, new OwedCode(step.UserId, step.Stamp, remember, on));
        return Path;
    }

    /// <summary>What this browser owes; null when it did not take the first step, or too long ago.</summary>
    public static OwedCode? Of(HttpContext http) => States(http).Read<OwedCode>(http, Name);

    public static void Clear(HttpContext http) => States(http).Clear(http, Name);

    private static PassingState States(HttpContext http) => http.RequestServices.GetRequiredService<PassingState>();
}
