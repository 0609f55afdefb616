namespace PostMantis.Web.Shared;

/// <summary>What a browser calls itself, in the two words people know it by.</summary>
public static class Devices
{
    private static readonly (string Mark, string Name)[] _browsers =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];

    private static readonly (string Mark, string Name)[] _systems =
    [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"), ("Linux", "Linux"),
    ];

    /// <summary>Such as "Firefox on Windows"; what nobody knows is shown as it is.</summary>
    public static string Of(string? userAgent)
    {
        if (string.IsNullOrWhiteSpace(userAgent)) return "Unknown program";
        var browser = Find(_browsers, userAgent);
        var system = Find(_systems, userAgent);
        return browser is null ? Words.Excerpt(userAgent, 60) : system is null ? browser : $"{browser} on {system}";
    }

    private static string? Find((string Mark, string Name)[] known, string userAgent)
    {
        foreach (var (mark, name) in known)
            if (userAgent.Contains(mark, StringComparison.Ordinal)) return name;
        return null;
    }
}
