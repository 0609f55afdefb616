using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components.Endpoints;
using Microsoft.AspNetCore.Routing;

namespace PostMantis.Tests.Support;

/// <summary>Every page of the dashboard, as the running application routes it.</summary>
internal static partial class DashboardRoutes
{
    /// <summary>The patterns, such as <c>/posts/{id:guid}</c>.</summary>
    public static IReadOnlyList<string> Of(IEnumerable<EndpointDataSource> routed) =>
    [
        .. routed.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<ComponentTypeMetadata>() is not null)
            .Select(e => "/" + e.RoutePattern.RawText!.TrimStart('/')).Distinct().Order(StringComparer.Ordinal),
    ];

    /// <summary>
    /// The pattern with its gaps filled: by <c>/posts id</c> (what stands before, and its name), or by the name; else by the id
    /// of nothing.
    /// </summary>
    public static string Fill(string pattern, IReadOnlyDictionary<string, string> values) => Gap().Replace(pattern, gap =>
    {
        var (place, name) = ($"{pattern[..gap.Index].TrimEnd('/')} {gap.Groups["name"].Value}", gap.Groups["name"].Value);
        return values.GetValueOrDefault(place) ?? values.GetValueOrDefault(name) ?? "01980000-0000-7000-8000-000000000000";
    });

    [GeneratedRegex(@"\{\*{0,2}(?<name>\w+)[^}]*\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Gap();
}
