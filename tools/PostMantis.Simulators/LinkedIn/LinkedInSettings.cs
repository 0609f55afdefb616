namespace PostMantis.Simulators.LinkedIn;

/// <summary>What a test may change at LinkedIn; what the notes leave open is a switch with their guess as default.</summary>
internal sealed class LinkedInSettings
{
    public string ClientId { get; set; } = "linkedin-app";
    public string ClientSecret { get; set; } = "linkedin-secret";

    /// <summary>Redirects the app registered; any when empty.</summary>
    public string[] RedirectUris { get; set; } = [];

    /// <summary>Whether the app has Community Management: without it there are no organizations.</summary>
    public bool CommunityManagement { get; set; } = true;

    /// <summary>Whether the app gets refresh tokens, as approved partners do.</summary>
    public bool RefreshTokens { get; set; } = true;

    /// <summary>Whether a refresh answers the refresh token again.</summary>
    public bool RefreshRepeats { get; set; }

    public int CodeSeconds { get; set; } = 1800;
    public int AccessSeconds { get; set; } = 5_184_000;
    public int RefreshSeconds { get; set; } = 31_536_000;

    /// <summary>Whether granted scopes are told with commas or with spaces.</summary>
    public bool ScopeCommas { get; set; } = true;

    /// <summary>Versions of the API that still answer.</summary>
    public string[] Versions { get; set; } =
    [
        "202601", "202602", "202603", "202604", "202605", "202606", "202607", "202608", "202609", "202610", "202611",
    ];

    public int CallsPerMember { get; set; } = 150;
    public int CallsPerApp { get; set; } = 100_000;

    /// <summary>Whether organizations are named by the older member of an access list.</summary>
    public bool OlderAcls { get; set; }

    public int TextLength { get; set; } = 3000;

    /// <summary>Whether backslashes count.</summary>
    public bool EscapesCount { get; set; }

    /// <summary>Whether text is counted in code points, not in UTF-16 units.</summary>
    public bool CodePoints { get; set; }

    /// <summary>Whether a bracket that is not escaped refuses the post; it cuts the text otherwise.</summary>
    public bool UnescapedRefused { get; set; }

    public int CommentLength { get; set; } = 1250;
    public int AltLength { get; set; } = 4086;

    /// <summary>Whether the same content of an author is refused while the first is new.</summary>
    public bool DuplicateGuard { get; set; } = true;

    public double DuplicateSeconds { get; set; } = 600;

    /// <summary>The code of that refusal; some answers have none.</summary>
    public string? DuplicateCode { get; set; } = "DUPLICATE_POST";

    /// <summary>Whether a created post is answered without its id.</summary>
    public bool IdWithheld { get; set; }

    public double ListingLagSeconds { get; set; }
    public double ProcessingSeconds { get; set; } = 2;
    public double UploadSeconds { get; set; } = 3600;
    public long PartBytes { get; set; } = 4 << 20;

    /// <summary>Whether the parts of a film are refused when they carry the token.</summary>
    public bool PartsWithoutToken { get; set; }

    public long ImagePixels { get; set; } = 36_152_320;
    public int GifFrames { get; set; } = 250;
    public long SmallestVideo { get; set; } = 75_000;
    public long VideoBytes { get; set; } = 500_000_000;
    public double ShortestVideo { get; set; } = 3;
    public double LongestVideo { get; set; } = 1800;
    public long DocumentBytes { get; set; } = 100_000_000;
    public int DocumentPages { get; set; } = 300;
}
