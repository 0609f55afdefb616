using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using PostMantis.Core.Media;

namespace PostMantis.Web.Shared;

/// <summary>What a browser is allowed to do with our answers: only what we serve, no inline code, no framing.</summary>
internal sealed class SecurityHeaders(RequestDelegate next, IOptions<MediaOptions> media)
{
    // form-action comes last: a page may add where its forms lead on to.
    internal const string Policy =
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; " +
        "frame-ancestors 'none'; base-uri 'self'; form-action 'self'";

    // Files go to a bucket directly, from the page that sends them.
    private readonly string _policy = media.Value is { Store: MediaStoreKind.S3, S3: var s3 }
        ? $"connect-src 'self' {BucketOf(s3)}; {Policy}"
        : Policy;

    private const string FormTargets = "pm-form-targets";

    // Scalar's page carries its configuration as an inline script and styles itself.
    private const string ReferencePolicy =
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
        "img-src 'self' data:; font-src 'self' data:; object-src 'none'; frame-ancestors 'none'; form-action 'self'; " +
        "base-uri 'self'";

    /// <summary>Lets this page's forms be answered by a redirect to <paramref name="address"/>: browsers ask for that too.</summary>
    public static void AllowFormsTo(HttpContext http, Uri address) =>
        http.Items[FormTargets] = $"{http.Items[FormTargets]} {address.GetLeftPart(UriPartial.Authority)}";

    private static string BucketOf(S3Options s3) => s3.ServiceUrl switch
    {
        null => "https://*.amazonaws.com",
        { } url when s3.PathStyle => url.GetLeftPart(UriPartial.Authority),
        { } url => $"{url.Scheme}://{s3.Bucket}.{url.Authority}",
    };

    public Task InvokeAsync(HttpContext http)
    {
        http.Response.OnStarting(() =>
        {
            var headers = http.Response.Headers;
            // Media say more: that nothing in them may run.
            if (headers.ContentSecurityPolicy.Count == 0) headers.ContentSecurityPolicy =
                http.Request.Path.StartsWithSegments("/scalar", StringComparison.OrdinalIgnoreCase)
                    ? ReferencePolicy
                    : _policy + http.Items[FormTargets];
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
            return Task.CompletedTask;
        });
        return next(http);
    }
}
