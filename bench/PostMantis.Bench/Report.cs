using System.Globalization;
using System.Text.Json;

namespace PostMantis.Bench;

/// <summary>What was measured, as a table for people and one line of JSON for machines.</summary>
internal sealed class Report
{
    private readonly List<Figure> _figures = [];

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

    /// <summary>Adds a rate.</summary>
    public void AddRate(string name, double count, TimeSpan took) => _figures.Add(new Figure(name, "1/s",
        new Dictionary<string, double> { ["n"] = count, ["rate"] = count / took.TotalSeconds }, [], true));

    public void Print(TextWriter to)
    {
        to.WriteLine($"{"",-34}{"unit",5}{"n",8}{"p50",9}{"p95",9}{"p99",9}{"max",9}{"rate",9}  target");
        foreach (var figure in _figures)
        {
            string Cell(string key) => figure.Values.TryGetValue(key, out var value)
                ? value.ToString(key == "n" ? "0" : "0.0", CultureInfo.InvariantCulture)
                : "";
            var target = figure.Targets.Length == 0 ? "" : $"{string.Join(", ", figure.Targets)}: {(figure.IsMet ? "met" : "MISSED")}";
            to.WriteLine($"{figure.Name,-34}{figure.Unit,5}{Cell("n"),8}{Cell("p50"),9}{Cell("p95"),9}{Cell("p99"),9}"
                + $"{Cell("max"),9}{Cell("rate"),9}  {target}");
        }
        to.WriteLine(JsonSerializer.Serialize(_figures, JsonSerializerOptions.Web));
    }

    private static double At(double[] sorted, double share) =>
        sorted.Length == 0 ? double.NaN : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];

    private sealed record Figure(
        string Name, string Unit, IReadOnlyDictionary<string, double> Values, string[] Targets, bool IsMet);
}
