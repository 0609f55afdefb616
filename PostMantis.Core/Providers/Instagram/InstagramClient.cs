using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Instagram;

/// <summary>Speaks to graph.instagram.com.</summary>
internal sealed class InstagramClient(InstagramSettings settings, ProviderTransport transport)
    : MetaClient(InstagramProvider.Name, settings, transport);

/// <summary>What Instagram's own codes mean.</summary>
internal static class InstagramErrors
{
    public static MetaErrors All { get; } = new("Instagram", new Dictionary<(long, long), MetaMeaning>
    {
        [(0, 2207003)] = MetaMeaning.Unfetched,
        [(0, 2207052)] = MetaMeaning.Unfetched,
        [(0, 2207001)] = MetaMeaning.Transient,
        [(0, 2207032)] = MetaMeaning.Transient,
        [(0, 2207053)] = MetaMeaning.Transient,
        [(0, 2207020)] = MetaMeaning.Gone,
        [(0, 2207006)] = MetaMeaning.Gone,
        [(0, 2207008)] = MetaMeaning.Gone,
        [(0, 2207027)] = MetaMeaning.NotReady,
        [(0, 2207042)] = MetaMeaning.Quota,
        [(9, 0)] = MetaMeaning.Quota,
        [(0, 2207051)] = MetaMeaning.Blocked,
        [(0, 2207050)] = MetaMeaning.Owner,
        [(25, 0)] = MetaMeaning.Owner,
        [(0, 2207004)] = MetaMeaning.Media,
        [(0, 2207005)] = MetaMeaning.Media,
        [(0, 2207009)] = MetaMeaning.Media,
        [(0, 2207023)] = MetaMeaning.Media,
        [(0, 2207026)] = MetaMeaning.Media,
        [(0, 2207028)] = MetaMeaning.Media,
        [(0, 2207057)] = MetaMeaning.Media,
        [(36000, 0)] = MetaMeaning.Media,
        [(36001, 0)] = MetaMeaning.Media,
        [(36003, 0)] = MetaMeaning.Media,
        [(352, 0)] = MetaMeaning.Media,
        [(9004, 0)] = MetaMeaning.Unfetched,
        [(0, 2207010)] = MetaMeaning.Content,
        [(0, 2207040)] = MetaMeaning.Content,
        [(36004, 0)] = MetaMeaning.Content,
    });

    /// <summary>What a failed container's words mean: they end with a subcode.</summary>
    public static MetaMeaning OfContainer(string? status)
    {
        var digits = (status ?? "").Split([' ', ':', '.', ','], StringSplitOptions.RemoveEmptyEntries)
            .LastOrDefault(word => word.Length == 7 && word.All(char.IsAsciiDigit));
        return digits switch
        {
            "2207052" or "2207003" => MetaMeaning.Unfetched,
            "2207001" or "2207032" or "2207053" or "2207020" or "2207006" or null => MetaMeaning.Transient,
            _ => MetaMeaning.Media,
        };
    }
}
