using System.Diagnostics.CodeAnalysis;

namespace PostMantis.Core.Providers;

/// <summary>Every network this build knows, by id.</summary>
public sealed class ProviderCatalog(IEnumerable<IProvider> providers)
{
    private readonly Dictionary<string, IProvider> _byId = providers.ToDictionary(provider => provider.Id);

    private static readonly Dictionary<string, string> Contract = new()
    {
        ["facebook"] = "Facebook", ["instagram"] = "Instagram", ["threads"] = "Threads", ["linkedin"] = "LinkedIn",
        ["pinterest"] = "Pinterest", ["x"] = "X", ["tiktok"] = "TikTok", ["youtube"] = "YouTube", ["bluesky"] = "Bluesky",
        ["mastodon"] = "Mastodon", [SandboxId] = "Sandbox",
    };

    private static readonly Dictionary<string, string> Icons = new() { ["x"] = "twitter-x", [SandboxId] = "box-seam" };

    /// <summary>
    /// The contract's names, whether or not this build has an adapter for them, and those of every folder that registers one.
    /// </summary>
    public static IReadOnlyList<string> KnownIds { get; } =
        [.. Contract.Keys.Union(ProvidersSetup.Setups.Select(setup => FolderOf(setup).ToLowerInvariant()))];

    /// <summary>What people call a network.</summary>
    public static string NameOf(string id) => Contract.GetValueOrDefault(id)
        ?? ProvidersSetup.Setups.Select(FolderOf).FirstOrDefault(folder => folder.Equals(id, StringComparison.OrdinalIgnoreCase)) ?? id;

    /// <summary>The name of a network's sign in the set of icons, where it is not its id.</summary>
    public static string IconOf(string id) => Icons.GetValueOrDefault(id, id);

    private static string FolderOf(Type setup) => setup.Namespace![(setup.Namespace!.LastIndexOf('.') + 1)..];

    public const string SandboxId = "sandbox";

    public IReadOnlyCollection<IProvider> All => _byId.Values;

    public bool TryGet(string id, [NotNullWhen(true)] out IProvider? provider) => _byId.TryGetValue(id, out provider);

    public IProvider Get(string id) => _byId[id];
}
