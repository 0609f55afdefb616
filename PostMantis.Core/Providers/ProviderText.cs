using System.Text;

namespace PostMantis.Core.Providers;

/// <summary>
/// Takes text from a network only in the form it can be kept in: cut, without control characters, without our secrets.
/// What fails that is treated as if it had not been said.
/// </summary>
internal static class ProviderText
{
    private const int MostMessage = 500;
    private const int MostCode = 100;
    private const int MostId = 500;
    private const int MostUrl = 2048;
    private const int MostToken = 8192;

    /// <summary>An error as it may be stored; an adapter that already cleaned it loses nothing.</summary>
    public static DeliveryError Clean(DeliveryError error) => error with
    {
        Message = Message(error.Message) ?? "",
        Provider = error.Provider is { } provider
            ? new ProviderError(Code(provider.Code), Message(provider.Message), provider.HttpStatus)
            : null,
    };

    /// <summary>A remote object as it may be stored.</summary>
    public static DeliveryPart Clean(DeliveryPart part) => part with
    {
        ProviderPostId = Id(part.ProviderPostId),
        Url = Url(part.Url),
        Error = part.Error is { } error ? Clean(error) : null,
    };

    /// <summary>Words for people; a secret that a network repeats to us is taken out.</summary>
    public static string? Message(string? text, params IEnumerable<string> secrets) => Clean(text, MostMessage, secrets);

    /// <summary>A network's own code.</summary>
    public static string? Code(string? text, params IEnumerable<string> secrets) => Clean(text, MostCode, secrets);

    /// <summary>An id exactly as given; never cut, because a part of an id is another id.</summary>
    public static string? Id(string? text) =>
        text is { Length: > 0 and <= MostId } && !text.Any(c => char.IsControl(c) || char.IsSurrogate(c)) ? text : null;

    /// <summary>A web address somebody may click on.</summary>
    public static string? Url(string? text) =>
        text is { Length: <= MostUrl } && Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp) && url.UserInfo.Length == 0
            ? url.AbsoluteUri
            : null;

    /// <summary>A token that can stand in a header.</summary>
    public static string? Token(string? text) =>
        text is { Length: > 0 and <= MostToken } && text.All(c => c is > ' ' and < (char)127) ? text : null;

    private static string? Clean(string? text, int most, IEnumerable<string> secrets)
    {
        if (text is null) return null;
        // Whatever lies beyond is cut anyway, and a secret at the border must still be found.
        if (text.Length > most + MostToken) text = text[..(most + MostToken)];
        foreach (var secret in secrets)
            if (secret.Length > 0) text = text.Replace(secret, "…", StringComparison.Ordinal);
        var kept = new StringBuilder(Math.Min(text.Length, most));
        foreach (var rune in text.EnumerateRunes())
        {
            if (kept.Length + rune.Utf16SequenceLength > most) break;
            if (Rune.IsControl(rune)) kept.Append(' ');
            else kept.Append(rune);
        }
        return kept.ToString().Trim();
    }
}
