namespace PostMantis.Tests.Support;

/// <summary>The working copy these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>A file or folder by its path in the repository.</summary>
    public static string File(string path) => Path.Combine(Root, path);

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!System.IO.File.Exists(Path.Combine(folder.FullName, "PostMantis.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
