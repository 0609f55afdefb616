using System.Text;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Webhooks;

/// <summary>What of a receiver's answer, and of its address, is kept and shown: cut, clean, without what looks like a secret.</summary>
internal static partial class WebhookText
{
    private const string Hidden = "[hidden]";
    private const int MostHeaderLength = 200;
    private static readonly string[] _heads = ["Content-Type", "Content-Length", "Retry-After", "Location", "Server", "Date", "X-Request-Id"];

    /// <summary>The beginning of an answer's body.</summary>
    public static string? Body(ReadOnlySpan<byte> bytes, int most)
    {
        if (bytes.IsEmpty || most == 0) return null;
        var cut = bytes.Length > most;
        var text = Redact(Clean(Encoding.UTF8.GetString(cut ? bytes[..most] : bytes)));
        return cut ? text + " …" : text;
    }

    /// <summary>The headers of an answer that tell something.</summary>
    public static string? Head(HttpResponseMessage answer)
    {
        List<string> lines = [];
        foreach (var name in _heads)
        {
            if (!answer.Headers.NonValidated.TryGetValues(name, out var values)
                && !answer.Content.Headers.NonValidated.TryGetValues(name, out values)) continue;
            var value = Clean(values.ToString());
            if (name == "Location") value = Uri.TryCreate(value, UriKind.Absolute, out var location) ? Url(location) : Hidden;
            lines.Add($"{name}: {Redact(value.Length > MostHeaderLength ? value[..MostHeaderLength] + " …" : value)}");
        }
        return lines.Count == 0 ? null : string.Join('\n', lines);
    }

    /// <summary>An address without the values of its query, which are where people put keys.</summary>
    public static string Url(Uri url)
    {
        var place = url.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        if (url.Query.Length <= 1) return place;
        var names = url.Query[1..].Split('&').Select(pair => $"{pair.Split('=')[0]}={Hidden}");
        return $"{place}?{string.Join('&', names)}";
    }

    // NUL and lone surrogates cannot be stored, other control characters not be shown.
    private static string Clean(string text) => string.Concat(text.EnumerateRunes()
        .Select(rune => Rune.IsControl(rune) && rune.Value is not ('\n' or '\t') ? " " : rune.ToString()));

    private static string Redact(string text) => Named().Replace(Known().Replace(text, Hidden), "$1" + Hidden);

    [GeneratedRegex("whsec_[A-Za-z0-9+/=_-]{8,}|pm_(?:live|test)_[A-Za-z0-9_-]{8,}|(?<=[Bb]earer )[^\\s\"',]{4,}|eyJ[\\w-]{10,}\\.[\\w-]{5,}\\.[\\w-]{5,}")]
    private static partial Regex Known();

    [GeneratedRegex("(?i)([\"']?(?:password|passwd|secret|token|api[_-]?key|authorization|cookie)[\"']?\\s*[:=]\\s*[\"']?)(?!\\[hidden\\])[^\\s\"',;}&]+")]
    private static partial Regex Named();
}
