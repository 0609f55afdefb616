using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Core.Vault;

/// <summary>One master key in memory. It does not print itself.</summary>
internal sealed class MasterKey(string id, byte[] value)
{
    public const int Length = 32;
    public const int MostIdLength = 64;

    public string Id => id;

    public ReadOnlySpan<byte> Value => value;

    public bool IsSameAs(MasterKey other) => CryptographicOperations.FixedTimeEquals(Value, other.Value);

    public override string ToString() => $"master key {id}";
}

/// <summary>
/// The master keys of this process: the first is current, the others only open. Keys in files are read again when a value
/// names one that is not known yet, so that a key added while processes run needs no restart.
/// </summary>
internal sealed partial class MasterKeys
{
    /// <summary>Shorter secrets are refused: a generated one of 32 bytes has 44 characters in base64.</summary>
    public const int LeastSecretLength = 44;

    private const string DevelopmentKeyId = "local";
    private const string Extension = ".key";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(10);
    private static readonly byte[] _derivation = "PostMantis vault master key, version 1"u8.ToArray();

    private static readonly TimeSpan ReadAgainAfter = TimeSpan.FromSeconds(5);

    private readonly Func<IReadOnlyList<MasterKey>> _read;
    private readonly Lock _gate = new();
    private volatile Ring _ring;
    private long? _missedAt;

    public MasterKeys(IOptions<VaultOptions> vault, IOptions<InstanceOptions> instance, IHostEnvironment environment)
    {
        _read = () => Read(vault.Value, instance.Value, environment);
        _ring = new Ring(_read());
        var options = vault.Value;

        // What stands in the configuration comes first and stays until a restart.
        Folder = options.MasterKeys.Count > 0 ? null : FolderOf(options, instance.Value, environment);
        IsPinned = options.CurrentKeyId is { Length: > 0 };
    }

    /// <summary>The key that seals.</summary>
    public MasterKey Current => _ring.Keys[0];

    /// <summary>Where a new key becomes current by being put there; null: the configuration has keys of its own.</summary>
    public string? Folder { get; }

    /// <summary>Whether <c>Vault:CurrentKeyId</c> names the key that seals.</summary>
    public bool IsPinned { get; }

    public IReadOnlyList<MasterKey> All => _ring.Keys;

    public bool TryFind(string id, [NotNullWhen(true)] out MasterKey? key)
    {
        if (_ring.ById.TryGetValue(id, out key)) return true;
        lock (_gate)
        {
            // A value of a key that is nowhere must not cost a look at the files each time.
            if (_ring.ById.TryGetValue(id, out key)) return true;
            if (_missedAt is { } missed && TimeProvider.System.GetElapsedTime(missed) < ReadAgainAfter) return false;
            _missedAt = TimeProvider.System.GetTimestamp();
        }
        ReadAgain();
        return _ring.ById.TryGetValue(id, out key);
    }

    /// <summary>Takes up keys that were added; where they cannot be read, those that are known stay.</summary>
    public void ReadAgain()
    {
        try
        {
            _ring = new Ring(_read());
        }
        catch (Exception e) when (e is MasterKeyException or IOException or UnauthorizedAccessException)
        {
            // A file that is being written, or a folder that is away: the next look finds it.
        }
    }

    /// <summary>A new key as text, as it is written in a file or the configuration.</summary>
    public static string NewText() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(MasterKey.Length));

    /// <summary>Puts a new key into <see cref="Folder"/>, under a name that sorts last, and takes it up.</summary>
    /// <returns>Its id.</returns>
    public string Add(DateTimeOffset now)
    {
        var folder = Folder ?? throw new InvalidOperationException("The configuration has keys of its own.");
        var stamp = now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", System.Globalization.CultureInfo.InvariantCulture);
        var last = FilesIn(folder).FirstOrDefault() is { } file ? Path.GetFileNameWithoutExtension(file) : null;
        var id = last is null || string.CompareOrdinal(stamp + Extension, last + Extension) > 0
            ? stamp
            : $"{Stamp().Replace(last, "")}_{stamp}";
        var path = Path.Combine(folder, id + Extension);
        var aside = Path.Combine(folder, $".{id}.new");
        using (var writer = new StreamWriter(new FileStream(aside, ForOwner(FileMode.Create)))) writer.WriteLine(NewText());
        File.Move(aside, path);
        ReadAgain();
        return id;
    }

    /// <summary>Reads every configured key.</summary>
    /// <exception cref="MasterKeyException">None, or one that cannot be used; says which, never its value.</exception>
    public static IReadOnlyList<MasterKey> Read(
        VaultOptions options, InstanceOptions instance, IHostEnvironment environment)
    {
        var isDevelopment = environment.IsDevelopment();
        var folder = FolderOf(options, instance, environment);
        List<MasterKey> keys = [];
        foreach (var (key, index) in options.MasterKeys.Select((key, index) => (key, index)))
            Add(keys, Parse(key.Id, key.Value, $"{VaultOptions.Section}:MasterKeys:{index}"));
        if (folder is not null)
        {
            if (isDevelopment && keys.Count == 0 && FilesIn(folder).Length == 0) Generate(folder);
            foreach (var file in FilesIn(folder))
            {
                if (isDevelopment) Narrow(file);
                Add(keys, Parse(Path.GetFileNameWithoutExtension(file), File.ReadAllText(file).Trim(), file));
            }
        }
        if (options.CurrentKeyId is { Length: > 0 } current)
        {
            var index = keys.FindIndex(key => key.Id == current);
            if (index < 0) throw new MasterKeyException($"Vault:CurrentKeyId names '{current}', and there is no such key.");
            return [keys[index], .. keys.Where((_, i) => i != index)];
        }
        if (keys.Count > 0) return keys;
        throw new MasterKeyException("The vault has no master key. Set Vault__MasterKeys__0__Id and "
            + "Vault__MasterKeys__0__Value (openssl rand -base64 32), or Vault__KeyDirectory with a file <id>.key.");
    }

    private static string? FolderOf(VaultOptions options, InstanceOptions instance, IHostEnvironment environment) =>
        options.KeyDirectory ?? (environment.IsDevelopment() ? Path.Combine(instance.DataDirectory, "keys") : null);

    private static void Add(List<MasterKey> keys, MasterKey key)
    {
        // ./run gives the key both ways.
        var same = keys.Find(other => other.Id == key.Id);
        if (same is null) keys.Add(key);
        else if (!same.IsSameAs(key))
            throw new MasterKeyException($"Two different master keys have the id '{key.Id}'.");
    }

    private static MasterKey Parse(string id, string text, string where)
    {
        if (id.Length > MasterKey.MostIdLength || !Id().IsMatch(id))
            throw new MasterKeyException($"{where} needs an id of 1 to {MasterKey.MostIdLength} letters, digits, "
                + "'-', '_' and '.'.");
        var decoded = new byte[MasterKey.Length + 1];
        if (Convert.TryFromBase64String(text, decoded, out var length) && length == MasterKey.Length)
            return new MasterKey(id, decoded[..MasterKey.Length]);
        if (text.Length < LeastSecretLength)
            throw new MasterKeyException($"{where} is neither 32 bytes in base64 nor a secret of at least "
                + $"{LeastSecretLength} characters.");
        return new MasterKey(id, HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(text), MasterKey.Length,
            salt: [], info: _derivation));
    }

    private static string[] FilesIn(string folder) => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, "*" + Extension).OrderDescending(StringComparer.Ordinal)]
        : [];

    // Two processes that start at once must end up with one key, so making it is locked; others see it whole or not at all.
    private static void Generate(string folder)
    {
        var folderMode = OwnerOnly | UnixFileMode.UserExecute;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else
        {
            Directory.CreateDirectory(folder, folderMode);
            File.SetUnixFileMode(folder, folderMode);
        }
        FileStream? turn = null;
        if (!SpinWait.SpinUntil(() => TryLock(Path.Combine(folder, ".lock"), out turn), LockTimeout))
            throw new MasterKeyException($"Another process holds {folder}.");
        using (turn)
        {
            if (FilesIn(folder).Length > 0) return;
            var aside = Path.Combine(folder, ".new");
            using (var writer = new StreamWriter(aside, ForOwner(FileMode.Create)))
                writer.WriteLine(NewText());
            File.Move(aside, Path.Combine(folder, DevelopmentKeyId + Extension));
        }
    }

    private static bool TryLock(string file, out FileStream? turn)
    {
        try
        {
            turn = new FileStream(file, ForOwner(FileMode.OpenOrCreate));
            return true;
        }
        catch (IOException)
        {
            turn = null;
            return false;
        }
    }

    private static FileStreamOptions ForOwner(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        return options;
    }

    private static void Narrow(string file)
    {
        if (OperatingSystem.IsWindows()) return;
        if ((File.GetUnixFileMode(file) & ~OwnerOnly) != 0) File.SetUnixFileMode(file, OwnerOnly);
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._-]+\z")]
    private static partial Regex Id();

    [GeneratedRegex(@"_\d{8}T\d{6}Z\z")]
    private static partial Regex Stamp();

    private sealed class Ring(IReadOnlyList<MasterKey> keys)
    {
        public IReadOnlyList<MasterKey> Keys => keys;

        public Dictionary<string, MasterKey> ById { get; } = keys.ToDictionary(key => key.Id);
    }
}

/// <summary>Master keys that cannot be used; the process does not start with them.</summary>
internal sealed class MasterKeyException(string message) : Exception(message);

/// <summary>Refuses to start without a usable master key.</summary>
internal sealed class MasterKeysAtStart(
    IEnumerable<IConfigureOptions<InstanceOptions>> configurations, IHostEnvironment environment)
    : IValidateOptions<VaultOptions>
{
    public ValidateOptionsResult Validate(string? name, VaultOptions options)
    {
        // What is wrong with the instance's own options is said by them.
        var instance = new InstanceOptions();
        foreach (var configuration in configurations) configuration.Configure(instance);
        try
        {
            MasterKeys.Read(options, instance, environment);
            return ValidateOptionsResult.Success;
        }
        catch (Exception e) when (e is MasterKeyException or IOException or UnauthorizedAccessException)
        {
            return ValidateOptionsResult.Fail(e.Message);
        }
    }
}
