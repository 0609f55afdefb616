using PostMantis.Core.Audit;
using PostMantis.Core.Common;

namespace PostMantis.Core.Access;

/// <summary>Where a request came from, whoever sent it.</summary>
public sealed record Origin
{
    public Origin(string? address, string? userAgent)
    {
        Address = address;
        if (userAgent?.Length > AuditEntry.MostUserAgentLength) userAgent = userAgent[..AuditEntry.MostUserAgentLength];
        UserAgent = userAgent is not null && ObjectReader.IsStorable(userAgent) ? userAgent : null;
    }

    /// <summary>PostMantis itself.</summary>
    public static Origin Nowhere { get; } = new(null, null);

    public string? Address { get; }

    public string? UserAgent { get; }
}
