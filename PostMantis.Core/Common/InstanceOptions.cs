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
        return environment.IsDevelopment() || url.Scheme == Uri.UriSchemeHttps
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"PublicUrl is {url}: outside development it must be https.");
    }
}
