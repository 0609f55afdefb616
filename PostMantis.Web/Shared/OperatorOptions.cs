using System.ComponentModel.DataAnnotations;
using System.Net.Mail;

namespace PostMantis.Web.Shared;

/// <summary>Who runs this instance, as public pages say it. What is not given is said to be missing, never made up.</summary>
public sealed class OperatorOptions
{
    public const string Section = "Operator";

    [StringLength(200)]
    public string? Name { get; set; }

    /// <summary>The country whose law the operator is under.</summary>
    [StringLength(100)]
    public string? Country { get; set; }

    /// <summary>An e-mail address for everything else.</summary>
    public string? Contact { get; set; }

    /// <summary>An e-mail address for questions about personal data; else <see cref="Contact"/>.</summary>
    public string? PrivacyContact { get; set; }

    /// <summary>An e-mail address for reports of weaknesses; without one there is no <c>security.txt</c>.</summary>
    public string? SecurityContact { get; set; }

    /// <summary>Where the source that runs here can be read; the named tests are then links below it.</summary>
    public Uri? SourceUrl { get; set; }

    internal static bool IsAddress(string? address) => address is null || MailAddress.TryCreate(address, out _);
}
