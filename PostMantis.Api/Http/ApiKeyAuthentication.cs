using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>
/// <c>Authorization: Bearer pm_…</c>. A cookie never authenticates a program, and a key never a page.
/// </summary>
internal sealed class ApiKeyAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers,
    UrlEncoder encoder, ApiKeyCache keys) : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "ApiKey";
    private const string Prefix = "Bearer ";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization;
        if (header.Count == 0) return AuthenticateResult.NoResult();
        var text = header.Count == 1 && header[0]!.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
            ? header[0]![Prefix.Length..].Trim()
            : null;
        var key = await keys.FindAsync(text, Context.RequestAborted);
        if (key is null) return AuthenticateResult.Fail("No valid key.");
        var origin = new Origin(Context.Connection.RemoteIpAddress?.ToString(), Request.Headers.UserAgent.ToString());
        Context.Features.Set(Caller.Of(key, origin.Address) with { UserAgent = origin.UserAgent });
        Context.Features.Set(key);
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, key.Id.ToString())], SchemeName);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }

    // The same words for every reason: which one it was is nobody's business.
    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        ApiProblems.WriteAsync(Context, new ProblemException(ProblemCode.Unauthorized,
            "Send a valid key as Authorization: Bearer pm_…. Keys are made in the dashboard."));

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        ApiProblems.WriteAsync(Context, new ProblemException(ProblemCode.InsufficientPermission, "This key may not do that."));
}
