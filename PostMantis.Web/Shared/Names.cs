using PostMantis.Core.Deliveries;
using PostMantis.Core.Providers;

namespace PostMantis.Web.Shared;

/// <summary>What people call the things of the contract.</summary>
public static class Names
{
    public static string Provider(string id) => ProviderCatalog.NameOf(id);

    public static (string Text, string Tone) Verdict(AttemptVerdict? verdict) => verdict switch
    {
        null => ("Under way", "busy"),
        AttemptVerdict.Published => ("Published", "good"),
        AttemptVerdict.Incomplete => ("Incomplete", "warn"),
        AttemptVerdict.Rejected => ("Rejected", "bad"),
        AttemptVerdict.Retry => ("To be tried again", "warn"),
        AttemptVerdict.Deferred => ("Deferred, nothing was sent", "plan"),
        AttemptVerdict.Unconfirmed => ("Unconfirmed", "warn"),
        _ => ("Given back before any call", "idle"),
    };

    /// <summary>The colour of an event's type, or of the outcome of what completed.</summary>
    public static string EventTone(string type, string? outcome) =>
        (outcome ?? type[(type.IndexOf('.', StringComparison.Ordinal) + 1)..]) switch
    {
        "published" or "connected" or "verified" => "good",
        "failed" or "disabled" or "reauthRequired" or "partFailed" => "bad",
        "unknown" or "incomplete" or "expiring" or "partial" => "warn",
        "scheduled" or "deferred" => "plan",
        _ => "idle",
    };

    /// <summary>Why a delivery waits beyond its moment; what only the code says is shown as it is.</summary>
    public static string DeferReason(string reason) => reason switch
    {
        "quietHours" => "Held by the quiet hours of the key it was published with",
        _ => reason,
    };

    public static string Unit(TextUnit unit) => unit switch
    {
        TextUnit.Utf8Bytes => "bytes",
        TextUnit.Weighted => "weighted characters",
        _ => "characters",
    };

    public static (string Text, string Tone) Part(PartStatus status) => status switch
    {
        PartStatus.Published => ("Published", "good"),
        PartStatus.Failed => ("Failed", "bad"),
        PartStatus.Unknown => ("Unknown", "warn"),
        _ => ("Waiting", "idle"),
    };

    public static string PartKind(DeliveryPart part) => part.Kind switch
    {
        Core.Providers.PartKind.Root => "Post",
        Core.Providers.PartKind.FirstComment => "First comment",
        _ => $"Part {part.Index + 1} of the thread",
    };

    public static string NextStepText(NextStep step) => step switch
    {
        NextStep.EditAndRetry => "Change the post, then try again.",
        NextStep.Reconnect => "Connect the account again.",
        NextStep.AskOwner => "Ask the owner of the account.",
        NextStep.AskOperator => "Ask whoever runs this instance.",
        NextStep.Resolve => "Look at the network and say what happened.",
        NextStep.Retry => "Try again.",
        _ => "Wait; it is tried again by itself.",
    };
}
