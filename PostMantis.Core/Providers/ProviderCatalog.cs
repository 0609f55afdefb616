using System.Diagnostics.CodeAnalysis;

namespace PostMantis.Core.Providers;

/// <summary>Every network this build knows, by id.</summary>
public sealed class ProviderCatalog(IEnumerable<IProvider> providers)
{
    private readonly Dictionary<string, IProvider> _byId = providers.ToDictionary(provider => provider.Id);

    /// <summary>The contract's names, whether or not this build has an adapter for them.</summary>
    public static IReadOnlyList<string> KnownIds { get; } =
    [
        "facebook", "instagram", "threads", "linkedin", "pinterest", "x", "tiktok", "youtube", "bluesky", "mastodon",
        SandboxId,
    ];

    public const string SandboxId = "sandbox";

    public IReadOnlyCollection<IProvider> All => _byId.Values;

    public bool TryGet(string id, [NotNullWhen(true)] out IProvider? provider) => _byId.TryGetValue(id, out provider);

    public IProvider Get(string id) => _byId[id];
}
