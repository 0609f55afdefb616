using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Mail;

/// <summary>How the connection to the mail server is protected.</summary>
public enum SmtpSecurity
{
    /// <summary>TLS from the first byte (port 465).</summary>
    Tls,

    /// <summary>STARTTLS, and nothing is sent without it (port 587).</summary>
    StartTls,

    /// <summary>In the clear: only to a relay on the same machine.</summary>
    None,
}

/// <summary>The mail server; without a host PostMantis sends no mail.</summary>
public sealed class SmtpOptions : IValidatableObject
{
    public const string Section = "Smtp";

    public string? Host { get; set; }

    [Range(1, 65_535)]
    public int Port { get; set; } = 587;

    public SmtpSecurity Security { get; set; } = SmtpSecurity.StartTls;

    public string? UserName { get; set; }

    public string? Password { get; set; }

    /// <summary>The sender, such as <c>PostMantis &lt;postmantis@example.com&gt;</c>.</summary>
    public string? From { get; set; }

    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    public bool IsConfigured => !string.IsNullOrWhiteSpace(Host);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (IsConfigured && !MimeKit.MailboxAddress.TryParse(From, out _))
            yield return new ValidationResult("Smtp:From must be an e-mail address when Smtp:Host is set.");
    }
}
