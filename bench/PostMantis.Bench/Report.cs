using System.Globalization;
using System.Text.Json;

namespace PostMantis.Bench;

/// <summary>What was measured, as a table for people and one line of JSON for machines.</summary>
internal sealed class Report
{
    private readonly List<Figure> _figures = [];

    /// <summary>Where Postgres spent the time of the last throughput figure.</summary>
    public string Profile { get; set; } = "";

    /// <summary>Whether every target was met.</summary>
    public bool IsMet => _figures.TrueForAll(f => f.IsMet);

    /// <summary>Adds a distribution in milliseconds; <paramref name="targets"/> bound its percentiles.</summary>
    public void AddTimes(string name, IEnumerable<double> samples, params (string Of, double Most)[] targets)
    {
        var sorted = samples.Order().ToArray();
        var values = new Dictionary<string, double>
        {
            ["n"] = sorted.Length,
            ["p50"] = At(sorted, 0.50),
            ["p95"] = At(sorted, 0.95),
            ["p99"] = At(sorted, 0.99),
            ["max"] = At(sorted, 1),
        };
        _figures.Add(new Figure(name, "ms", values, targets.Select(t => $"{t.Of} <= {t.Most:0}").ToArray(),
            targets.All(t => values[t.Of] <= t.Most)));
    }

    /// <summary>Adds a rate; <paramref name="least"/> bounds it.</summary>
    public void AddRate(string name, double count, TimeSpan took, double? least = null)
    {
        var rate = count / took.TotalSeconds;
        _figures.Add(new Figure(name, "1/s", new Dictionary<string, double> { ["n"] = count, ["rate"] = rate },
            least is { } bound ? [$"rate >= {bound:0}"] : [], least is null || rate >= least));
    }

    /// <summary>Adds what Postgres alone does, and how much of it is left of <paramref name="of"/>.</summary>
    public void AddFloor(string name, double rate, string of, double measured, double? least)
    {
        _figures.Add(new Figure(name, "1/s", new Dictionary<string, double> { ["rate"] = rate }, [], true));
        AddRatio($"{of} against its floor", measured / rate, least);
    }

    /// <summary>Adds a ratio; <paramref name="least"/> bounds it.</summary>
    public void AddRatio(string name, double ratio, double? least) => _figures.Add(new Figure(name, "",
        new Dictionary<string, double> { ["rate"] = ratio }, least is { } bound ? [$"ratio >= {bound:0.0}"] : [],
        least is null || ratio >= least));

    /// <summary>Adds a ratio that <paramref name="most"/> bounds.</summary>
    public void AddAtMost(string name, double ratio, double most) => _figures.Add(new Figure(name, "",
        new Dictionary<string, double> { ["rate"] = ratio },
        [string.Create(CultureInfo.InvariantCulture, $"ratio <= {most:0.0}")], ratio <= most));

    /// <summary>Adds one number.</summary>
    public void AddNumber(string name, string unit, double value) =>
        _figures.Add(new Figure(name, unit, new Dictionary<string, double> { ["rate"] = value }, [], true));

    /// <summary>Adds one number that <paramref name="most"/> bounds.</summary>
    public void AddMost(string name, string unit, double value, double most) => _figures.Add(new Figure(name, unit,
        new Dictionary<string, double> { ["rate"] = value },
        [string.Create(CultureInfo.InvariantCulture, $"value <= {most:0}")], value <= most));

    /// <summary>Writes the table, or one line of JSON.</summary>
    public void Print(TextWriter to, bool json)
    {
        if (json)
        {
            to.WriteLine(JsonSerializer.Serialize(_figures, JsonSerializerOptions.Web));
            return;
        }
        to.WriteLine($"{"",-46}{"unit",5}{"n",8}{"p50",9}{"p95",9}{"p99",9}{"max",9}{"value",10}  target");
        foreach (var figure in _figures)
        {
            string Cell(string key) => figure.Values.TryGetValue(key, out var value)
                ? value.ToString(key == "n" ? "0" : Math.Abs(value) < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture)
                : "";
            var target = figure.Targets.Length == 0 ? "" : $"{string.Join(", ", figure.Targets)}: {(figure.IsMet ? "met" : "MISSED")}";
            to.WriteLine($"{figure.Name,-46}{figure.Unit,5}{Cell("n"),8}{Cell("p50"),9}{Cell("p95"),9}{Cell("p99"),9}"
                + $"{Cell("max"),9}{Cell("rate"),10}  {target}");
        }
    }

    private static double At(double[] sorted, double share) =>
        sorted.Length == 0 ? double.NaN : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];

    private sealed record Figure(
        string Name, string Unit, IReadOnlyDictionary<string, double> Values, string[] Targets, bool IsMet);
}
