using System.Globalization;
using PostMantis.Core.Common;

namespace PostMantis.Api.Http;

/// <summary>
/// Reads the query string strictly: unknown parameters, wrong values and single-valued parameters given twice are
/// reported all at once, by name.
/// </summary>
internal sealed class QueryReader(IQueryCollection query)
{
    private const int MostValues = 100;
    private const int MostLength = 500;
    private const int MostShown = 60;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<Issue> _issues = [];

    public string? Text(string name, int max = MostLength)
    {
        _known.Add(name);
        if (!query.TryGetValue(name, out var values)) return null;
        if (values.Count > 1) _issues.Add(new Issue(name, Rule.TooMany, "Can be given once.", Limit: 1, Actual: values.Count));
        return Checked(name, values[0] ?? "", max);
    }

    /// <summary>Every value of a repeatable parameter.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        _known.Add(name);
        if (!query.TryGetValue(name, out var values)) return null;
        if (values.Count > MostValues)
        {
            _issues.Add(new Issue(name, Rule.TooMany, $"At most {MostValues} values.", Limit: MostValues, Actual: values.Count));
            return null;
        }
        return [.. values.Select(value => Checked(name, value ?? "", MostLength)).OfType<string>()];
    }

    public IReadOnlyList<TEnum>? OneOf<TEnum>(string name)
        where TEnum : struct, Enum
    {
        List<TEnum> found = [];
        foreach (var text in Texts(name) ?? [])
        {
            if (CamelCase.TryParse<TEnum>(text, out var value)) found.Add(value);
            else
                _issues.Add(new Issue(name, Rule.WrongFormat,
                    $"Must be one of {string.Join(", ", Enum.GetValues<TEnum>().Select(CamelCase.Of))}."));
        }
        return found.Count > 0 ? found : null;
    }

    /// <summary>Values of a closed list of names.</summary>
    public IReadOnlyList<string>? OneOf(string name, IReadOnlyList<string> allowed)
    {
        List<string> found = [];
        foreach (var text in Texts(name) ?? [])
        {
            if (allowed.Contains(text)) found.Add(text);
            else
                _issues.Add(new Issue(name, Rule.WrongFormat,
                    $"{Shown(text)} is none of {string.Join(", ", allowed)}."));
        }
        return found.Count > 0 ? found : null;
    }

    public IReadOnlyList<Guid>? Ids(string name)
    {
        List<Guid> found = [];
        foreach (var text in Texts(name) ?? [])
        {
            if (Guid.TryParseExact(text, "D", out var id)) found.Add(id);
            else _issues.Add(new Issue(name, Rule.WrongFormat, "Must be an id."));
        }
        return found.Count > 0 ? found : null;
    }

    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text) return null;
        if (UtcMillisecondsConverter.TryParse(text, out var time)) return time;
        _issues.Add(new Issue(name, Rule.WrongFormat, "Must be an RFC 3339 time with Z or an offset."));
        return null;
    }

    public int? Number(string name, int min, int max)
    {
        if (Text(name) is not { } text) return null;
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            _issues.Add(new Issue(name, Rule.WrongType, "Must be a whole number."));
            return null;
        }
        if (number >= min && number <= max) return number;
        _issues.Add(new Issue(name, Rule.OutOfRange, $"Must be from {min} to {max}.", Limit: number < min ? min : max,
            Actual: number));
        return null;
    }

    /// <summary>Every <c>name[key]=value</c>.</summary>
    public IReadOnlyDictionary<string, string>? Map(string name)
    {
        Dictionary<string, string> found = [];
        foreach (var parameter in query.Keys.Where(k => k.StartsWith($"{name}[", StringComparison.Ordinal) && k.EndsWith(']')))
        {
            if (Text(parameter) is { } value) found[parameter[(name.Length + 1)..^1]] = value;
        }
        return found.Count > 0 ? found : null;
    }

    /// <summary>A whole number from 0.</summary>
    public long? Sequence(string name)
    {
        if (Text(name) is not { } text) return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
        _issues.Add(new Issue(name, Rule.WrongType, "Must be a whole number from 0."));
        return null;
    }

    /// <summary>The slice of a list: <c>limit</c> and <c>cursor</c>, or <c>page</c> and <c>perPage</c>.</summary>
    public PageRequest Page()
    {
        var (limit, cursor) = (Number("limit", 1, PageRequest.MostItems), Text("cursor"));
        var (page, perPage) = (Number("page", 0, 1_000_000), Number("perPage", 1, PageRequest.MostItems));
        if ((page ?? perPage) is not null && (cursor is not null || limit is not null))
            _issues.Add(new Issue("page", Rule.Excluded, "Use limit and cursor, or page and perPage."));
        return new PageRequest(limit ?? PageRequest.DefaultLimit, cursor, page, perPage);
    }

    /// <summary>The order of a list, <c>-</c> first for descending.</summary>
    public (TSort Sort, bool Descending) Sort<TSort>(TSort byDefault, bool descendingByDefault = true)
        where TSort : struct, Enum
    {
        if (Text("sort") is not { } text) return (byDefault, descendingByDefault);
        var descending = text.StartsWith('-');
        if (CamelCase.TryParse<TSort>(descending ? text[1..] : text, out var sort)) return (sort, descending);
        _issues.Add(new Issue("sort", Rule.WrongFormat,
            $"Must be one of {string.Join(", ", Enum.GetValues<TSort>().Select(CamelCase.Of))}, with - for descending."));
        return (byDefault, descendingByDefault);
    }

    /// <summary>Says that two parameters exclude each other when both are given.</summary>
    public void Exclude(string name, string other, string message)
    {
        if (query.ContainsKey(name) && query.ContainsKey(other)) _issues.Add(new Issue(name, Rule.Excluded, message));
    }

    /// <summary>Throws when anything was wrong or unknown.</summary>
    public void Finish()
    {
        foreach (var name in query.Keys.Where(name => !_known.Contains(name)))
        {
            _issues.Add(new Issue(Shown(name), Rule.UnknownField,
                "There is no such parameter here.", Fix: _known.Count > 0
                    ? $"Known parameters: {string.Join(", ", _known.Where(k => !k.Contains('[', StringComparison.Ordinal)))}."
                    : null));
        }
        if (_issues.Count > 0) throw ProblemException.Invalid(_issues);
    }

    private static string Shown(string text)
    {
        var shown = text.Length <= MostShown ? text : text[..MostShown];
        return ObjectReader.IsStorable(shown) ? shown : "?";
    }

    private string? Checked(string name, string value, int max)
    {
        if (value.Length == 0)
            _issues.Add(new Issue(name, Rule.TooShort, "Must not be empty."));
        else if (value.Length > max)
            _issues.Add(new Issue(name, Rule.TooLong, $"Must have at most {max} characters.", Limit: max,
                Actual: value.Length, Unit: "characters"));
        else if (!ObjectReader.IsStorable(value) || value.Contains('\uFFFD', StringComparison.Ordinal))
            _issues.Add(new Issue(name, Rule.WrongFormat, "Must be valid Unicode text without NUL."));
        else
            return value;
        return null;
    }
}
