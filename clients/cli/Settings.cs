using System.Text.Json;

namespace PostMantis.Cli;

/// <summary>Where the instance is and the key for it: from the environment, else from what <c>login</c> kept.</summary>
internal sealed record Settings(string Address, string Key)
{
    private static string Folder => Path.Combine(Environment.GetEnvironmentVariable("XDG_CONFIG_HOME")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"), "postmantis");

    private static string File => Path.Combine(Folder, "settings.json");

    /// <summary>What is known; null before the first login.</summary>
    public static async Task<Settings?> ReadAsync(CancellationToken ct)
    {
        if (Environment.GetEnvironmentVariable("POSTMANTIS_KEY") is { Length: > 0 } key)
            return new Settings(Environment.GetEnvironmentVariable("POSTMANTIS_ADDRESS") ?? Commands.DefaultAddress, key);
        if (!System.IO.File.Exists(File)) return null;
        await using var stream = System.IO.File.OpenRead(File);
        return await JsonSerializer.DeserializeAsync<Settings>(stream, cancellationToken: ct);
    }

    /// <summary>Keeps them for this user alone.</summary>
    public async Task WriteAsync(CancellationToken ct)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            System.IO.File.Delete(File);
        }
        else
        {
            Directory.CreateDirectory(Folder);
        }
        await using var stream = new FileStream(File, options);
        await JsonSerializer.SerializeAsync(stream, this, cancellationToken: ct);
    }

    /// <summary>Never the key.</summary>
    public override string ToString() => Address;
}
