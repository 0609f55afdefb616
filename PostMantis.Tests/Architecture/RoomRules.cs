using System.Reflection;

namespace PostMantis.Tests.Architecture;

/// <summary>The rooms of Core and who may not see whom.</summary>
/// <param name="root">The namespace whose first words are the rooms.</param>
internal sealed class RoomRules(string root)
{
    private static readonly string[] _unawareOfDeliveries =
        ["Posts", "Profiles", "Vault", "Queue", "Media", "Providers", "Outbox", "Budgets"];

    // Three networks of one company speak one API.
    private static readonly string[] _ofMeta = ["Providers.Facebook", "Providers.Instagram", "Providers.Threads"];

    /// <summary>One line for each type that sees what its room may not.</summary>
    public string[] Violations(Assembly assembly) =>
        [.. from use in TypeUses.Within(assembly)
            let user = RoomOf(use.User)
            let used = RoomOf(use.Used)
            where user is not null && used is not null && user != used && !MaySee(user, used)
            let line = $"{use.User.FullName} ({user}) sees {use.Used.FullName} ({used})"
            orderby line
            select line];

    private static bool MaySee(string user, string used) => user switch
    {
        "Common" => false,
        "Outbox" => used is not ("Deliveries" or "Webhooks"),
        _ when IsNetwork(user) => used is "Providers" or "Common" || (used == "Providers.Meta" && _ofMeta.Contains(user)),
        _ when _unawareOfDeliveries.Contains(user) => used != "Deliveries",
        _ => true,
    };

    private static bool IsNetwork(string room) => room.StartsWith("Providers.", StringComparison.Ordinal);

    // The first word, and for a provider's folder the second too; the root itself, where rooms are put together,
    // and Persistence, which knows every table, are no rooms.
    private string? RoomOf(Type type)
    {
        if (type.Namespace?.StartsWith(root + ".", StringComparison.Ordinal) != true) return null;
        var words = type.Namespace[(root.Length + 1)..].Split('.');
        if (words[0] == "Persistence") return null;
        return words[0] == "Providers" && words.Length > 1 ? $"Providers.{words[1]}" : words[0];
    }
}
