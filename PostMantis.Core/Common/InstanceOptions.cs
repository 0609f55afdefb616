using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Common;

/// <summary>Where this instance lives and keeps its files.</summary>
public sealed class InstanceOptions
{
    /// <summary>
    /// The address people and networks reach us at: consent callbacks and links are built from it. Production refuses
    /// plain http.
    /// </summary>
    [Required]
    public Uri PublicUrl { get; set; } = new("http://127.0.0.1:5080");

    /// <summary>Folder for what is kept outside the database in development; relative to the working directory.</summary>
    [Required]
    public string DataDirectory { get; set; } = ".postmantis";

    /// <summary>
    /// The address at which people open the Aspire dashboard that gets this instance's traces; pages then link to the trace
    /// of a post. Null: they show its id only.
    /// </summary>
    public Uri? AspireDashboardUrl { get; set; }

    /// <summary>The page of a trace in the Aspire dashboard; null when its address is not known.</summary>
    public Uri? TracePage(string traceId) => AspireDashboardUrl is { } dashboard
        ? new Uri(dashboard.AbsoluteUri.TrimEnd('/') + "/traces/detail/" + Uri.EscapeDataString(traceId))
        : null;

    /// <summary>An absolute address below <see cref="PublicUrl"/>.</summary>
    public Uri Address(string path) => new(PublicUrl, path);
}

/// <summary>Refuses to start outside development with an address that sends sessions and tokens in the clear.</summary>
internal sealed class PublicUrlAtStart(IHostEnvironment environment) : IValidateOptions<InstanceOptions>
{
    public ValidateOptionsResult Validate(string? name, InstanceOptions options)
    {
        var url = options.PublicUrl;
        if (url is null) return ValidateOptionsResult.Skip;
        if (!url.IsAbsoluteUri || (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp)
            || url.PathAndQuery != "/" || url.UserInfo.Length > 0)
            return ValidateOptionsResult.Fail("PublicUrl must be an http or https address without a path.");
        if (options.AspireDashboardUrl is { } dashboard
            && (!dashboard.IsAbsoluteUri || (dashboard.Scheme != Uri.UriSchemeHttps && dashboard.Scheme != Uri.UriSchemeHttp)))
            return ValidateOptionsResult.Fail("AspireDashboardUrl must be an http or https address.");
        return environment.IsDevelopment() || url.Scheme == Uri.UriSchemeHttps
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"PublicUrl is {url}: outside development it must be https.");
    }
}
