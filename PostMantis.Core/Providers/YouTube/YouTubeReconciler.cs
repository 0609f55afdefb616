namespace PostMantis.Core.Providers.YouTube;

/// <summary>Asks the upload's session what became of it; when that is gone, the channel's own list of uploads.</summary>
internal sealed class YouTubeReconciler(YouTubeUploads uploads) : IReconciler
{
    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        if (!work.Handles.TryGetValue(YouTubePublisher.SessionHandle, out var session)
            || work.Handles.MomentOf(YouTubePublisher.SinceHandle) is not { } since)
            return new ReconcileOutcome.Absent();
        var progress = await uploads.ProbeAsync(UploadPlace.Of(session), work.Tokens, ct);
        return progress switch
        {
            UploadProgress.Done { Id: { } id } => new ReconcileOutcome.Found(id, YouTubePublisher.Permalink(id)),
            UploadProgress.Wanted => new ReconcileOutcome.NotListed(),
            UploadProgress.Gone => await uploads.FindAsync(work.Target, work.Content, work.Tokens, since, work.OwnedPostIds, ct),
            UploadProgress.Said said => new ReconcileOutcome.Inconclusive(said.Answer.Code ?? "no_answer", said.Answer.Wait),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }
}
