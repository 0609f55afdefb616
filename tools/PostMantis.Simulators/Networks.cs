using PostMantis.Simulators.Bones;

namespace PostMantis.Simulators;

/// <summary>Every network that can be simulated, in the order of their ports.</summary>
internal static class Networks
{
    private static readonly Dictionary<string, Func<Simulation, INetwork>> Known = new()
    {
        ["x"] = sim => new X.XNetwork(sim),
        ["tiktok"] = sim => new TikTok.TikTokNetwork(sim),
        ["youtube"] = sim => new YouTube.YouTubeNetwork(sim),
        ["bluesky"] = sim => new Bluesky.BlueskyNetwork(sim),
        ["mastodon"] = sim => new Mastodon.MastodonNetwork(sim),
        ["instagram"] = sim => new Instagram.InstagramNetwork(sim),
        ["threads"] = sim => new Threads.ThreadsNetwork(sim),
        ["linkedin"] = sim => new LinkedIn.LinkedInNetwork(sim),
        ["pinterest"] = sim => new Pinterest.PinterestNetwork(sim),
        ["facebook"] = sim => new Facebook.FacebookNetwork(sim),
        ["discord"] = sim => new Discord.DiscordNetwork(sim),
    };

    public static IReadOnlyCollection<string> Names => Known.Keys;

    public static INetwork Create(string name, TimeProvider time) => Known[name](new Simulation(name, time));
}
