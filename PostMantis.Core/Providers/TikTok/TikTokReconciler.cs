namespace PostMantis.Core.Providers.TikTok;

/// <summary>Asks by the handle; photos whose handle was lost are looked for in the list of posts.</summary>
internal sealed class TikTokReconciler(TikTokStatus status) : IReconciler
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(15);

    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (work.Handles.TryGetValue(TikTokPublisher.PublishHandle, out var publishId))
        {
            var state = await status.AskAsync(publishId, work.Tokens.AccessToken, ct);
            return state switch
            {
                TikTokState.Live live => new ReconcileOutcome.Found(live.PostId ?? publishId, TikTokStatus.Permalink(
                    work.Target.Facts.GetValueOrDefault(TikTokConsent.UsernameFact), live.PostId,
                    work.Handles.ContainsKey(TikTokPublisher.AskedHandle))),
                TikTokState.Failed => new ReconcileOutcome.Absent(),
                TikTokState.Wanted wanted when !TikTokPublisher.IsWhole(work.Handles, wanted.Uploaded) => new ReconcileOutcome.NotListed(),
                TikTokState.Said said => new ReconcileOutcome.Inconclusive(said.Answer.Code ?? "no_answer", said.Answer.Wait),
                _ => new ReconcileOutcome.Inconclusive("processing", Again),
            };
        }
        return work.Handles.MomentOf(TikTokPublisher.AskedHandle) is { } asked
            ? await status.FindAsync(work.Target, work.Content, work.Tokens, asked, work.OwnedPostIds, ct)
            : new ReconcileOutcome.Absent();
    }
}
