using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Threads;

/// <summary>Speaks to graph.threads.net.</summary>
internal sealed class ThreadsClient(ThreadsSettings settings, ProviderTransport transport)
    : MetaClient(ThreadsProvider.Name, settings, transport);

/// <summary>What Threads' own codes mean.</summary>
internal static class ThreadsErrors
{
    public static MetaErrors All { get; } = new("Threads",
        new(MetaMeaning.NotReady) { Pairs = [(24, 4279009)] },
        new(MetaMeaning.Gone) { Codes = [24] },
        new(MetaMeaning.Owner) { Subcodes = [4279013] },
        new(MetaMeaning.Blocked) { Subcodes = [2207051] },
        new(MetaMeaning.Quota) { Codes = [9] });

    /// <summary>What a failed container's reason means.</summary>
    public static MetaMeaning OfContainer(string? reason) => reason switch
    {
        "FAILED_DOWNLOADING_VIDEO" => MetaMeaning.Unfetched,
        "UNKNOWN" or null => MetaMeaning.Transient,
        _ => MetaMeaning.Media,
    };
}
