using System.Security.Cryptography;

namespace PostMantis.AppHost;

/// <summary>The repository this program was built from, and <c>.postmantis/</c> in it: data and secrets of this machine.</summary>
internal static class LocalFolder
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static string Root { get; } = FindRoot();

    public static string Path { get; } = System.IO.Path.Combine(Root, ".postmantis");

    /// <summary>
    /// Seals credentials. It lies where the vault looks for keys, so the Api finds it however it is started.
    /// </summary>
    public static string MasterKey => ReadOrCreate("keys/local.key", Convert.ToBase64String);

    /// <summary>Whoever shows it may create the first user.</summary>
    public static string SetupToken => ReadOrCreate("setup-token", Convert.ToHexStringLower);

    public static string PostgresPassword => ReadOrCreate("postgres-password", Convert.ToHexStringLower);

    /// <summary>Makes the folder, where it is missing, for its owner alone.</summary>
    public static void CreatePrivate(string folder)
    {
        if (Directory.Exists(folder) || OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
    }

    private static string ReadOrCreate(string name, Func<byte[], string> encode)
    {
        var file = System.IO.Path.Combine(Path, name);
        if (!File.Exists(file))
        {
            CreatePrivate(System.IO.Path.GetDirectoryName(file)!);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
            using var writer = new StreamWriter(file, options);
            writer.WriteLine(encode(RandomNumberGenerator.GetBytes(32)));
        }
        return File.ReadAllText(file).Trim();
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "PostMantis.sln"))) return folder.FullName;
        throw new InvalidOperationException("Start this program from the build output inside its repository.");
    }
}
