using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Facebook;

/// <summary>A Page with its own token. It does not print itself.</summary>
internal sealed class PageAccess
{
    private PageAccess(string id, string token, IReadOnlyCollection<string> secrets) => (Id, Token, Secrets) = (id, token, secrets);

    public string Id { get; }

    public string Token { get; }

    /// <summary>What answers must not repeat.</summary>
    public IReadOnlyCollection<string> Secrets { get; }

    /// <summary>Null: the person did not tick this Page.</summary>
    public static PageAccess? Of(PublishTarget target, GrantTokens tokens) =>
        tokens.Secrets.GetValueOrDefault(SecretOf(target.ProviderProfileId)) is { Length: > 0 } token
            ? new PageAccess(target.ProviderProfileId, token, [.. tokens.AllSecrets()])
            : null;

    /// <summary>The name under which a grant keeps a Page's token.</summary>
    public static string SecretOf(string page) => $"page.{page}";

    public override string ToString() => $"{nameof(PageAccess)} {Id}";
}

/// <summary>Speaks to graph.facebook.com and its sisters.</summary>
internal sealed class FacebookClient(FacebookSettings settings, ProviderTransport transport)
    : MetaClient(FacebookProvider.Name, settings, transport)
{
    /// <summary>Reads an object, or an edge of one, as a Page.</summary>
    public Task<ProviderAnswer> ReadAsync(PageAccess page, string path, CancellationToken ct) =>
        SendAsync(Request(HttpMethod.Get, Graph(path), page.Token), page.Secrets, ct);

    /// <summary>Writes to an edge of a Page.</summary>
    public Task<ProviderAnswer> WriteAsync(
        PageAccess page, string edge, IReadOnlyDictionary<string, string> fields, CancellationToken ct) =>
        PostFormAsync(Graph($"{Uri.EscapeDataString(page.Id)}/{edge}"), fields, page.Secrets, ct, page.Token);

    /// <summary>Announces a video of the feed; the network fetches it.</summary>
    public Task<ProviderAnswer> AnnounceAsync(PageAccess page, IReadOnlyDictionary<string, string> fields, CancellationToken ct) =>
        PostFormAsync(new Uri(settings.VideoUrl, $"/{settings.Version}/{Uri.EscapeDataString(page.Id)}/videos"), fields,
            page.Secrets, ct, page.Token);

    /// <summary>Tells an upload session where to fetch its file.</summary>
    /// <param name="session">As the network gave it; only its path is believed, so that the token goes nowhere else.</param>
    public Task<ProviderAnswer> UploadAsync(PageAccess page, string video, string? session, Uri file, CancellationToken ct)
    {
        var path = Uri.TryCreate(session, UriKind.Absolute, out var told) ? told.AbsolutePath : $"/video-upload/{Uri.EscapeDataString(video)}";
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(settings.UploadUrl, path));
        request.Headers.TryAddWithoutValidation("Authorization", $"OAuth {page.Token}");
        request.Headers.TryAddWithoutValidation("file_url", file.AbsoluteUri);
        return SendAsync(request, page.Secrets, ct, settings.UploadTimeout);
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
