using System.Buffers;
using System.Collections.Frozen;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;

namespace PostMantis.Core.Webhooks;

/// <summary>What of a receiver's answer, and of its address, is kept and shown: cut, clean, without what looks like a secret.</summary>
internal static partial class WebhookText
{
    private const string Hidden = "[hidden]";
    private const int MostHeaderLength = 200;
    private static readonly FrozenSet<string> _heads = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Content-Type", "Content-Length", "Retry-After", "Location", "Server", "Date", "X-Request-Id");
    private static readonly SearchValues<char> _plain =
        SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c), '\n', '\t']);

    [ThreadStatic]
    private static StringBuilder? _lines;

    // One of these is in everything the patterns below find: most text is looked at once, and has none.
    private static readonly SearchValues<string> _telltales = SearchValues.Create(
        ["whsec_", "pm_live_", "pm_test_", "bearer ", "eyJ", "passw", "secret", "token", "api", "authorization", "cookie"],
        StringComparison.OrdinalIgnoreCase);

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
        var lines = (_lines ??= new StringBuilder()).Clear();
        Add(lines, answer.Headers.NonValidated);
        Add(lines, answer.Content.Headers.NonValidated);
        return lines.Length == 0 ? null : Redact(Clean(lines.ToString()));
    }

    private static void Add(StringBuilder lines, HttpHeadersNonValidated headers)
    {
        foreach (var (name, values) in headers)
        {
            if (!_heads.Contains(name)) continue;
            var value = values.ToString();
            if (name.Equals("Location", StringComparison.OrdinalIgnoreCase))
                value = Uri.TryCreate(Clean(value), UriKind.Absolute, out var location) ? Url(location) : Hidden;
            if (lines.Length > 0) lines.Append('\n');
            lines.Append(name).Append(": ").Append(value, 0, Math.Min(value.Length, MostHeaderLength));
            if (value.Length > MostHeaderLength) lines.Append(" …");
        }
    }

    /// <inheritdoc cref="WebhookEndpoint.ShownUrl"/>
    public static string Url(Uri url)
    {
        var place = url.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        if (url.Query.Length <= 1) return place;
        var names = url.Query[1..].Split('&').Select(pair => $"{pair.Split('=')[0]}={Hidden}");
        return $"{place}?{string.Join('&', names)}";
    }

    // NUL and lone surrogates cannot be stored, other control characters not be shown.
    private static string Clean(string text) => !text.AsSpan().ContainsAnyExcept(_plain) ? text
        : string.Concat(text.EnumerateRunes()
            .Select(rune => Rune.IsControl(rune) && rune.Value is not ('\n' or '\t') ? " " : rune.ToString()));

    private static string Redact(string text) => text.AsSpan().ContainsAny(_telltales)
        ? Named().Replace(Known().Replace(text, Hidden), "$1" + Hidden) : text;

    [GeneratedRegex("whsec_[A-Za-z0-9+/=_-]{8,}|pm_(?:live|test)_[A-Za-z0-9_-]{8,}|(?<=[Bb]earer )[^\\s\"',]{4,}|eyJ[\\w-]{10,}\\.[\\w-]{5,}\\.[\\w-]{5,}")]
    private static partial Regex Known();

    [GeneratedRegex("(?i)([\"']?(?:password|passwd|secret|token|api[_-]?key|authorization|cookie)[\"']?\\s*[:=]\\s*[\"']?)(?!\\[hidden\\])[^\\s\"',;}&]+")]
    private static partial Regex Named();
}
