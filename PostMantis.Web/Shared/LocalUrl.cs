namespace PostMantis.Web.Shared;

/// <summary>Addresses we send a browser back to are ours, whatever the request said.</summary>
public static class LocalUrl
{
    /// <summary><paramref name="url"/> when it is a path of this site, else the overview.</summary>
    public static string OrHome(string? url) => url is ['/', ..] and not (['/', '/', ..] or ['/', '\\', ..]) &&
        !url.Any(char.IsControl) ? url : "/";
}
