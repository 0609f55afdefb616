using System.Text.Json.Nodes;

namespace PostMantis.Core.Outbox;

/// <summary>An event as callers read it, and as webhooks carry it (contract §5).</summary>
/// <param name="Id">The same in every place and on every delivery of it: what to remember to do nothing twice.</param>
/// <param name="Type">One of <see cref="EventTypes"/>.</param>
/// <param name="Timestamp">When it happened.</param>
/// <param name="Sequence">Rises per user; nothing appears later below a value that was read.</param>
/// <param name="Data">The state at that moment, under 20 kB.</param>
public sealed record EventResource(
    Guid Id, string Type, string ApiVersion, DateTimeOffset Timestamp, long Sequence, bool TestMode, JsonObject Data)
{
    /// <summary>The version of the API whose shapes <c>data</c> has.</summary>
    public const string Version = "v1";

    /// <summary>An event with its number: before it has one, nobody may see it.</summary>
    public static EventResource From(Event happened, long sequence)
    {
        ArgumentNullException.ThrowIfNull(happened);
        return new EventResource(happened.Id, happened.Type, Version, happened.CreatedAt, sequence, happened.TestMode,
            happened.Data);
    }
}
