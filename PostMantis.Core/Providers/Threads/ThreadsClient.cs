using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Threads;

/// <summary>Speaks to graph.threads.net.</summary>
internal sealed class ThreadsClient(ThreadsSettings settings, ProviderTransport transport)
    : MetaClient(ThreadsProvider.Name, settings, transport);

/// <summary>What Threads' own codes mean.</summary>
internal static class ThreadsErrors
{
    public static MetaErrors All { get; } = new("Threads", new Dictionary<(long, long), MetaMeaning>
    {
        [(24, 4279009)] = MetaMeaning.NotReady,
        [(24, 0)] = MetaMeaning.Gone,
        [(0, 4279013)] = MetaMeaning.Owner,
        [(0, 2207051)] = MetaMeaning.Blocked,
        [(9, 0)] = MetaMeaning.Quota,
    });

    /// <summary>What a failed container's reason means.</summary>
    public static MetaMeaning OfContainer(string? reason) => reason switch
    {
        "FAILED_DOWNLOADING_VIDEO" => MetaMeaning.Unfetched,
        "UNKNOWN" or null => MetaMeaning.Transient,
        _ => MetaMeaning.Media,
    };
}
