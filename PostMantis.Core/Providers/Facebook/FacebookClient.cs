using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>A Page's own token, as the grant of a person keeps it.</summary>
internal static class PageAccess
{
    private const string PersonSecret = "person";

    /// <summary>The grant as that of one Page; null: the person did not tick it.</summary>
    public static GrantTokens? Of(PublishTarget target, GrantTokens tokens) =>
        tokens.Secrets.GetValueOrDefault(SecretOf(target.ProviderProfileId)) is { Length: > 0 } own
            ? tokens with { AccessToken = own, Secrets = new Dictionary<string, string>(tokens.Secrets) { [PersonSecret] = tokens.AccessToken } }
            : null;

    /// <summary>The name under which a grant keeps a Page's token.</summary>
    public static string SecretOf(string page) => $"page.{page}";
}

/// <summary>Speaks to graph.facebook.com and its sisters.</summary>
internal sealed class FacebookClient(FacebookSettings settings, ProviderTransport transport)
    : MetaClient(FacebookProvider.Name, settings, transport)
{
    /// <summary>Where videos of the feed are announced.</summary>
    public Uri VideoHost => settings.VideoUrl;

    /// <summary>Tells an upload session where to fetch its file.</summary>
    /// <param name="session">As the network gave it; only its path is believed, so that the token goes nowhere else.</param>
    public Task<ProviderAnswer> UploadAsync(string video, string? session, Uri file, GrantTokens page, CancellationToken ct)
    {
        var path = Uri.TryCreate(session, UriKind.Absolute, out var told) ? told.AbsolutePath : $"/video-upload/{Uri.EscapeDataString(video)}";
        return SendAsync(Request(HttpMethod.Post, new Uri(settings.UploadUrl, path), token: null, content: null,
            new Dictionary<string, string> { ["Authorization"] = $"OAuth {page.AccessToken}", ["file_url"] = file.AbsoluteUri }),
            page.AllSecrets(), ct, settings.UploadTimeout);
    }

    /// <summary>
    /// The link of something public; null when it cannot be told. A video's may be a path, which is believed only when it
    /// names the video.
    /// </summary>
    public static string? LinkOf(string? permalink, string id) =>
        permalink is ['/', _, ..] && permalink.Contains(id, StringComparison.Ordinal)
            ? ProviderText.Url("https://www.facebook.com" + permalink)
            : ProviderText.Url(permalink);
}

/// <summary>What Facebook's own codes mean.</summary>
internal static class FacebookErrors
{
    /// <summary>A photo or video that was used in a post already.</summary>
    public const long UsedAlready = 1366051;

    public static MetaErrors All { get; } = new("Facebook",
        new(MetaMeaning.Content) { Subcodes = [1346003, 1404102, 1609005, 1609008, 2061006] },
        new(MetaMeaning.Media) { Codes = [324], Subcodes = [1349125, 2069019, 1366046, UsedAlready] },
        new(MetaMeaning.Blocked) { Subcodes = [1390008] },
        new(MetaMeaning.Transient) { Subcodes = [1363047, 1609010] },

        // The last: the person lost their role on this Page, and the grant still serves the others.
        new(MetaMeaning.Owner) { Subcodes = [1404078, 4854002, 1404006, 1404112], Pairs = [(190, 492)] });

    public static DeliveryError NotTicked { get; } = new(DeliveryErrorCode.AccountRestricted,
        "The consent does not cover this Page any more; connect the account again and tick it.", NextStep.Reconnect,
        Retryable: false);
}
