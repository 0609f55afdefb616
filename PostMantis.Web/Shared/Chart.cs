using System.Globalization;
using System.Text;

namespace PostMantis.Web.Shared;

/// <summary>One run of values over the same places.</summary>
/// <param name="Tone">The colour, by what it means.</param>
/// <param name="Values">Null: there is none at that place.</param>
/// <param name="IsFaint">Drawn behind, lighter.</param>
public sealed record ChartSeries(string Name, string Tone, IReadOnlyList<double?> Values, bool IsFaint = false);

/// <summary>Geometry of small charts: drawn by the server, so that they need no script.</summary>
public static class Chart
{
    public const double Width = 1000;
    public const double Height = 240;

    /// <summary>The least round number that is not below <paramref name="value"/>: 1, 2, 2.5 or 5 times a power of ten.</summary>
    public static double Ceiling(double value)
    {
        if (value <= 0) return 1;
        var power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        double[] steps = [1, 2, 2.5, 5, 10];
        return Array.Find(steps, step => step * power >= value * 0.999999) * power;
    }

    /// <summary>A line through the values that are there; it is interrupted where there is none.</summary>
    public static string Line(IReadOnlyList<double?> values, double most)
    {
        ArgumentNullException.ThrowIfNull(values);
        var path = new StringBuilder();
        var isDown = false;
        for (var i = 0; i < values.Count; i++)
        {
            if (values[i] is not { } value)
            {
                isDown = false;
                continue;
            }
            var x = (i + 0.5) * Width / values.Count;
            path.Append(isDown ? 'L' : 'M').Append(Number(x)).Append(' ').Append(Number(Y(value, most)));
            isDown = true;
        }
        return path.ToString();
    }

    /// <summary>The values that are alone among gaps, which no line shows.</summary>
    public static string Points(IReadOnlyList<double?> values, double most)
    {
        ArgumentNullException.ThrowIfNull(values);
        return string.Concat(Enumerable.Range(0, values.Count)
            .Where(i => values[i] is not null && (i == 0 || values[i - 1] is null) && (i + 1 == values.Count || values[i + 1] is null))
            .Select(i => $"M{Number((i + 0.5) * Width / values.Count)} {Number(Y(values[i]!.Value, most))}h0.01"));
    }

    /// <summary>Where a value lies, from above.</summary>
    public static double Y(double value, double most) => Height - Height * Math.Clamp(value / most, 0, 1);

    public static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
