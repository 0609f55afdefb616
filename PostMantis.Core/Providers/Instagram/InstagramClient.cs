using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Instagram;

/// <summary>Speaks to graph.instagram.com.</summary>
internal sealed class InstagramClient(InstagramSettings settings, ProviderTransport transport)
    : MetaClient(InstagramProvider.Name, settings, transport);

/// <summary>What Instagram's own codes mean.</summary>
internal static class InstagramErrors
{
    public static MetaErrors All { get; } = new("Instagram",
        new(MetaMeaning.Unfetched) { Codes = [9004], Subcodes = [2207003, 2207052] },
        new(MetaMeaning.Transient) { Subcodes = [2207001, 2207032, 2207053] },
        new(MetaMeaning.Gone) { Subcodes = [2207020, 2207006, 2207008] },
        new(MetaMeaning.NotReady) { Subcodes = [2207027] },
        new(MetaMeaning.Quota) { Codes = [9], Subcodes = [2207042] },
        new(MetaMeaning.Blocked) { Subcodes = [2207051] },
        new(MetaMeaning.Owner) { Codes = [25], Subcodes = [2207050] },
        new(MetaMeaning.Media)
        {
            Codes = [36000, 36001, 36003, 352], Subcodes = [2207004, 2207005, 2207009, 2207023, 2207026, 2207028, 2207057],
        },
        new(MetaMeaning.Content) { Codes = [36004], Subcodes = [2207010, 2207040] });

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
