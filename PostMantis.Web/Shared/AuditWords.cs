using System.Text;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;

namespace PostMantis.Web.Shared;

/// <summary>An audit entry as a person reads it; the dotted verb itself stays visible in the log.</summary>
public static class AuditWords
{
    /// <summary>Such as "API key created" for <c>apiKey.created</c>.</summary>
    public static string Sentence(AuditEntry entry)
    {
        var words = new StringBuilder();
        foreach (var letter in entry.Action.Replace('.', ' '))
        {
            if (char.IsUpper(letter)) words.Append(' ').Append(char.ToLowerInvariant(letter));
            else words.Append(letter);
        }
        words[0] = char.ToUpperInvariant(words[0]);
        return words.ToString().Replace("Api key", "API key", StringComparison.Ordinal);
    }

    /// <summary>Who, and from where.</summary>
    public static string Actor(AuditEntry entry) => entry.ActorType switch
    {
        ActorType.User => entry.Address is null ? "you" : $"you, from {entry.Address}",
        ActorType.ApiKey => entry.Address is null ? "an API key" : $"an API key, from {entry.Address}",
        _ => "PostMantis",
    };

    /// <summary>The colour of an action.</summary>
    public static string Tone(string action) => action[(action.LastIndexOf('.') + 1)..] switch
    {
        "published" or "approved" or "completed" or "connected" or "verified" => "good",
        "failed" or "signInFailed" or "lockedOut" => "bad",
        "unknown" or "reauthRequired" or "expired" or "incomplete" or "declined" or "revoked" or "disconnected" or "disabled"
            or "dailyCapReached" => "warn",
        "scheduled" or "deferred" => "plan",
        _ => "idle",
    };
}
