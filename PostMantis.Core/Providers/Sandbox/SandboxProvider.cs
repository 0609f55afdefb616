using System.Text.Json.Nodes;
using PostMantis.Core.Common;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>A network of ours with every settlement mode, for trying things out and for tests (docs/sandbox.md).</summary>
internal sealed class SandboxProvider(SandboxConsent consent, SandboxPublisher publisher, SandboxReconciler reconciler)
    : Network(ProviderCatalog.SandboxId, consent, publisher, reconciler)
{
    private const int MostFaults = 20;

    public override ProviderRules Rules { get; } = new(MaxText: 500, TextUnit.Graphemes, UrlCounts: null, BodyRequired: true,
        MaxMedia: 4, Link: false, MaxThreadParts: 10, FirstComment: true, AltText: true)
    {
        Media = SandboxMedia.Rules,
    };

    public override JsonObject OptionsSchema { get; } = JsonNode.Parse($$"""
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
         "properties": {"faults": {"type": "array", "maxItems": {{MostFaults}},
           "description": "What the network does to the calls of this delivery: each entry is used up by one call.",
           "items": {"type": "object", "additionalProperties": false, "required": ["on", "fault"], "properties": {
             "on": {"enum": ["publish", "thread", "comment"]},
             "fault": {"enum": ["rejected", "rateLimited", "authRevoked", "timeoutBeforeAccept", "timeoutAfterAccept",
                                "slowProcessing", "removedLater"]} } } } } }
        """)!.AsObject();

    public override IReadOnlyList<Issue> CheckOptions(JsonObject options)
    {
        List<Issue> issues = [];
        var reader = new ObjectReader(options, "", issues);
        var faults = reader.Array("faults", MostFaults);
        for (var i = 0; i < (faults?.Count ?? 0); i++)
        {
            if (faults![i] is not JsonObject source)
            {
                issues.Add(new Issue($"/faults/{i}", Rule.WrongType, "Must be an object."));
                continue;
            }
            var fault = new ObjectReader(source, $"/faults/{i}", issues);
            fault.OneOf<SandboxCall>("on", required: true);
            fault.OneOf<SandboxFaultKind>("fault", required: true);
            fault.Finish();
        }
        reader.Finish();
        return issues;
    }
}

/// <summary>The calls a fault can be put on.</summary>
internal enum SandboxCall
{
    Publish,
    Thread,
    Comment,
}

/// <summary>What a call can be made to go through; the network acts it out.</summary>
internal enum SandboxFaultKind
{
    Rejected,
    RateLimited,
    AuthRevoked,
    TimeoutBeforeAccept,
    TimeoutAfterAccept,
    SlowProcessing,
    RemovedLater,
}
