using System.Text;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Deliveries;

/// <summary>Cuts and cleans what a network said before it is stored or shown.</summary>
internal static class ProviderText
{
    private const int MostMessage = 500;
    private const int MostCode = 100;
    private const int MostUrl = 2048;

    /// <summary>Longest id of a remote post that we can keep; an id that was cut would be no id.</summary>
    public const int MostId = 500;

    public static DeliveryError Clean(DeliveryError error) => error with
    {
        Message = Clean(error.Message, MostMessage) ?? "",
        Provider = error.Provider is { } provider
            ? new ProviderError(Clean(provider.Code, MostCode), Clean(provider.Message, MostMessage), provider.HttpStatus)
            : null,
    };

    public static DeliveryPart Clean(DeliveryPart part) => part with
    {
        ProviderPostId = Clean(part.ProviderPostId, MostId),
        Url = CleanUrl(part.Url),
        Error = part.Error is { } error ? Clean(error) : null,
    };

    /// <summary>The URL, or null when it is none that a page may link to.</summary>
    public static string? CleanUrl(string? url) =>
        url is { Length: <= MostUrl } && Uri.TryCreate(url, UriKind.Absolute, out var parsed)
            && parsed.Scheme is "https" or "http" ? url : null;

    /// <summary>Without control characters and lone surrogates, at most <paramref name="most"/> UTF-16 units.</summary>
    public static string? Clean(string? text, int most)
    {
        if (text is null) return null;
        var clean = new StringBuilder(Math.Min(text.Length, most));
        foreach (var rune in text.EnumerateRunes())
        {
            if (clean.Length + rune.Utf16SequenceLength > most) break;
            if (Rune.IsControl(rune)) clean.Append(' ');
            else clean.Append(rune);
        }
        return clean.ToString();
    }
}
