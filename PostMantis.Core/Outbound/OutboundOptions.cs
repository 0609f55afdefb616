using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Outbound;

/// <summary>Where calls to addresses that a user chose may go, besides public addresses.</summary>
public sealed class OutboundOptions
{
    public const string Section = "Outbound";

    /// <summary>Ranges such as <c>10.1.0.0/16</c> that are allowed though they are not public. Production refuses any.</summary>
    public IList<string> AllowedRanges { get; } = [];

    /// <summary>How long finding and reaching an address may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Most redirects that are followed.</summary>
    [Range(0, 20)]
    public int MaxRedirects { get; set; } = 5;
}

/// <summary>Refuses ranges that are none, and in production every range.</summary>
internal sealed class OutboundAtStart(IHostEnvironment environment) : IValidateOptions<OutboundOptions>
{
    public ValidateOptionsResult Validate(string? name, OutboundOptions options)
    {
        if (options.AllowedRanges.FirstOrDefault(range => !IPNetwork.TryParse(range, out _)) is { } wrong)
            return ValidateOptionsResult.Fail($"Outbound:AllowedRanges holds '{wrong}', which is no range such as 10.1.0.0/16.");
        return options.AllowedRanges.Count > 0 && environment.IsProduction()
            ? ValidateOptionsResult.Fail("Outbound:AllowedRanges must be empty in production: private addresses stay out of reach.")
            : ValidateOptionsResult.Success;
    }
}
