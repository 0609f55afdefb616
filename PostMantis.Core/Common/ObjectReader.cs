using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Common;

/// <summary>
/// Reads one JSON object member by member and collects everything wrong with it, each with its pointer, so that a caller
/// learns all of it at once. A member read as absent or wrong comes back null.
/// </summary>
public sealed class ObjectReader
{
    private readonly JsonObject _source;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <param name="pointer">RFC 6901 pointer of <paramref name="source"/>; empty for the body itself.</param>
    public ObjectReader(JsonObject source, string pointer, ICollection<Issue> issues) =>
        (_source, Pointer, Issues) = (source, pointer, issues);

    public string Pointer { get; }

    public ICollection<Issue> Issues { get; }

    /// <summary>Whether the member is there, null included.</summary>
    public bool Has(string name)
    {
        _known.Add(name);
        return _source.ContainsKey(name);
    }

    /// <summary>The pointer of a member.</summary>
    public string At(string name) => $"{Pointer}/{Escape(name)}";

    /// <summary>A string of <paramref name="min"/> to <paramref name="max"/> UTF-16 units.</summary>
    public string? String(string name, bool required = false, int min = 0, int max = int.MaxValue)
    {
        if (Member(name, required) is not { } node) return null;
        return Text(node, At(name), min, max);
    }

    /// <summary>A JSON boolean.</summary>
    public bool? Boolean(string name)
    {
        if (Member(name, required: false) is not { } node) return null;
        if (node.GetValueKind() is JsonValueKind.True or JsonValueKind.False) return node.GetValue<bool>();
        Wrong(At(name), "true or false");
        return null;
    }

    /// <summary>A whole number of <paramref name="min"/> to <paramref name="max"/>.</summary>
    public long? Integer(string name, long min, long max, string? unit = null, bool required = false)
    {
        if (Member(name, required) is not { } node) return null;
        if (node.GetValueKind() != JsonValueKind.Number)
        {
            Wrong(At(name), "a whole number");
            return null;
        }
        var text = node.ToJsonString();
        if (!long.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign,
                System.Globalization.CultureInfo.InvariantCulture, out var number))
        {
            Wrong(At(name), "a whole number");
            return null;
        }
        if (number >= min && number <= max) return number;
        Issues.Add(new Issue(At(name), Rule.OutOfRange, $"Must be from {min} to {max}.",
            Limit: number < min ? min : max, Actual: number, Unit: unit));
        return null;
    }

    /// <summary>An RFC 3339 time with <c>Z</c> or an offset.</summary>
    public DateTimeOffset? Time(string name)
    {
        if (Member(name, required: false) is not { } node) return null;
        if (node.GetValueKind() != JsonValueKind.String)
        {
            Wrong(At(name), "a time as a string");
            return null;
        }
        if (UtcMillisecondsConverter.TryParse(Plain(node), out var time)) return time;
        Issues.Add(new Issue(At(name), Rule.WrongFormat, "Must be an RFC 3339 time with Z or an offset.",
            Fix: "Write it as 2027-03-30T10:00:00Z."));
        return null;
    }

    /// <summary>An id in the usual form of 36 characters.</summary>
    public Guid? Id(string name, bool required = false)
    {
        if (Member(name, required) is not { } node) return null;
        return Id(node, At(name));
    }

    /// <summary>An object; null when absent or wrong.</summary>
    public JsonObject? Object(string name, bool required = false)
    {
        if (Member(name, required) is not { } node) return null;
        if (node is JsonObject found) return found;
        Wrong(At(name), "an object");
        return null;
    }

    /// <summary>A reader of an object member; null when absent or wrong.</summary>
    public ObjectReader? Nested(string name, bool required = false) =>
        Object(name, required) is { } found ? new ObjectReader(found, At(name), Issues) : null;

    /// <summary>An array of at most <paramref name="most"/> items; null when absent or wrong.</summary>
    public JsonArray? Array(string name, int most, bool required = false)
    {
        if (Member(name, required) is not { } node) return null;
        if (node is not JsonArray items)
        {
            Wrong(At(name), "an array");
            return null;
        }
        if (items.Count <= most) return items;
        Issues.Add(new Issue(At(name), Rule.TooMany, $"At most {most} are allowed.", Limit: most,
            Actual: items.Count, Unit: "items"));
        return null;
    }

    /// <summary>One of the camelCase names of <typeparamref name="TEnum"/>.</summary>
    public TEnum? OneOf<TEnum>(string name, bool required = false, params IReadOnlyList<TEnum> allowed)
        where TEnum : struct, Enum
    {
        if (String(name, required) is not { } text) return null;
        if (CamelCase.TryParse<TEnum>(text, out var value) && (allowed.Count == 0 || allowed.Contains(value)))
            return value;
        var names = (allowed.Count == 0 ? Enum.GetValues<TEnum>() : allowed).Select(CamelCase.Of);
        Issues.Add(new Issue(At(name), Rule.WrongFormat, $"Must be one of {string.Join(", ", names)}."));
        return null;
    }

    /// <summary>Reports every member nobody asked for.</summary>
    public void Finish()
    {
        foreach (var (name, _) in _source)
        {
            if (_known.Contains(name)) continue;
            var shown = name.Length <= 60 ? name : name[..60];
            Issues.Add(new Issue(At(Printable(shown)), Rule.UnknownField,
                $"There is no field '{Printable(shown)}' here.",
                Fix: _known.Count > 0 ? $"Known fields: {string.Join(", ", _known)}." : null));
        }
    }

    /// <summary>A string node with its length checked; NUL and lone surrogates are refused, nothing can store them.</summary>
    public string? Text(JsonNode? node, string pointer, int min = 0, int max = int.MaxValue)
    {
        if (node is null || node.GetValueKind() != JsonValueKind.String)
        {
            Wrong(pointer, "a string");
            return null;
        }
        if (Plain(node) is not { } text || !IsStorable(text))
        {
            Issues.Add(new Issue(pointer, Rule.WrongFormat, "Must be valid Unicode text without NUL."));
            return null;
        }
        if (text.Length < min)
        {
            Issues.Add(new Issue(pointer, Rule.TooShort, $"Must have at least {min} characters.", Limit: min,
                Actual: text.Length, Unit: "characters"));
            return null;
        }
        if (text.Length <= max) return text;
        Issues.Add(new Issue(pointer, Rule.TooLong, $"Must have at most {max} characters.", Limit: max,
            Actual: text.Length, Unit: "characters"));
        return null;
    }

    /// <summary>An id node.</summary>
    public Guid? Id(JsonNode? node, string pointer)
    {
        if (node is null || node.GetValueKind() != JsonValueKind.String)
        {
            Wrong(pointer, "an id as a string");
            return null;
        }
        if (Guid.TryParseExact(Plain(node), "D", out var id)) return id;
        Issues.Add(new Issue(pointer, Rule.WrongFormat, "Must be an id such as 01981d2e-7f3a-7c55-9a41-0c2f6f0f8f11."));
        return null;
    }

    /// <summary>Whether <paramref name="text"/> has no NUL and no lone surrogate.</summary>
    public static bool IsStorable(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Contains('\0', StringComparison.Ordinal)) return false;
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var used) != System.Buffers.OperationStatus.Done) return false;
            rest = rest[used..];
        }
        return true;
    }

    private JsonNode? Member(string name, bool required)
    {
        _known.Add(name);
        if (_source.TryGetPropertyValue(name, out var node) && node is not null) return node;
        if (required) Issues.Add(new Issue(At(name), Rule.Required, "Is required."));
        return null;
    }

    private void Wrong(string pointer, string wanted) =>
        Issues.Add(new Issue(pointer, Rule.WrongType, $"Must be {wanted}."));

    private static string? Plain(JsonNode node)
    {
        try
        {
            return node.GetValue<string>();
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate written as an escape: JSON allows it, no text type holds it.
            return null;
        }
    }

    private static string Printable(string name) => IsStorable(name) ? name : "?";

    private static string Escape(string name) =>
        name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
