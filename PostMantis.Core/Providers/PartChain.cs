namespace PostMantis.Core.Providers;

/// <summary>A further part about to be published.</summary>
/// <param name="Root">The post itself.</param>
/// <param name="Parent">What a thread's part answers: the part before it. A first comment answers the root.</param>
internal sealed record PartCall(DeliveryPart Part, PartContent Content, DeliveryPart Root, DeliveryPart Parent);

/// <summary>
/// Publishes a root and what follows it, one after the other: what is live already is left alone, a failed thread part ends
/// the chain as incomplete, a failed first comment ends nothing.
/// </summary>
internal static class PartChain
{
    private const char Apart = '\n';

    /// <param name="publishRoot">Publishes the post itself.</param>
    /// <param name="publishPart">Publishes one reply; it must be safe to repeat.</param>
    public static async Task<PublishOutcome> PublishAsync(PublishWork work, Func<Task<PublishOutcome>> publishRoot,
        Func<PartCall, Task<PublishOutcome>> publishPart, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        var parts = work.Parts.Select(part => Known(work, part)).ToList();
        var rest = parts.Where(p => p.Kind != PartKind.Root).OrderBy(p => p.Index).ToList();
        var root = parts.Find(IsLiveRoot);
        if (root is null)
        {
            var outcome = await publishRoot();
            if (outcome is not PublishOutcome.Published published) return outcome;
            root = new DeliveryPart(0, PartKind.Root, PartStatus.Published, published.ProviderPostId, published.Url);
            await PutAsync(root);
        }
        var parent = root;
        foreach (var part in rest)
        {
            if (part is { Status: PartStatus.Published, ProviderPostId: not null })
            {
                if (part.Kind == PartKind.Thread) parent = part;
                continue;
            }
            var isComment = part.Kind == PartKind.FirstComment;
            var content = isComment ? work.Content.FirstComment : work.Content.Thread.ElementAtOrDefault(part.Index - 1);
            if (content is null) continue;
            var outcome = await publishPart(new PartCall(part, content, root, isComment ? root : parent));
            if (outcome is PublishOutcome.Processing) return outcome;
            if (outcome is PublishOutcome.Published live)
            {
                var done = part with
                {
                    Status = PartStatus.Published, ProviderPostId = live.ProviderPostId, Url = live.Url, Error = null,
                };
                await PutAsync(done);
                if (!isComment) parent = done;
                continue;
            }
            var error = ErrorOf(outcome);
            await PutAsync(part with { Status = PartStatus.Failed, Error = error });
            if (!isComment) return new PublishOutcome.Incomplete(root.ProviderPostId!, root.Url, parts, error);
        }
        return new PublishOutcome.Published(root.ProviderPostId!, root.Url, parts);

        async Task PutAsync(DeliveryPart part)
        {
            var at = parts.FindIndex(p => p.Index == part.Index);
            if (at < 0) parts.Add(part);
            else parts[at] = part;

            // A process that stops between two parts must find the first one again.
            if (part.ProviderPostId is { } id && rest.Exists(p => p.Index > part.Index))
                await work.SaveHandleAsync(HandleOf(part.Index), id + Apart + part.Url, ct);
        }
    }

    private static bool IsLiveRoot(DeliveryPart part) =>
        part is { Kind: PartKind.Root, Status: PartStatus.Published, ProviderPostId: not null };

    private static DeliveryPart Known(PublishWork work, DeliveryPart part)
    {
        if (part.Status == PartStatus.Published || !work.Handles.TryGetValue(HandleOf(part.Index), out var saved)) return part;
        var words = saved.Split(Apart);
        return part with
        {
            Status = PartStatus.Published, ProviderPostId = words[0], Url = words[1].Length > 0 ? words[1] : null, Error = null,
        };
    }

    private static string HandleOf(int index) =>
        "part" + index.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static DeliveryError ErrorOf(PublishOutcome outcome) => outcome switch
    {
        PublishOutcome.Rejected rejected => rejected.Error,
        PublishOutcome.Deferred deferred => deferred.Error,
        PublishOutcome.Retry retry => retry.Error,
        PublishOutcome.Unconfirmed lost => new DeliveryError(DeliveryErrorCode.OutcomeUnknown,
            "The network may have taken this part; its answer was lost.", NextStep.Retry, Retryable: true,
            lost.Provider ?? new ProviderError(lost.Cause, null, null)),
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
