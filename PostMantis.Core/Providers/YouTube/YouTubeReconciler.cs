namespace PostMantis.Core.Providers.YouTube;

/// <summary>Asks the upload's session what became of it; when that is gone, the channel's own list of uploads.</summary>
internal sealed class YouTubeReconciler(YouTubeUploads uploads) : IReconciler
{
    public async Task<ReconcileOutcome> ReconcileAsync(ReconcileWork work, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(work);
        if (!work.Handles.TryGetValue(YouTubePublisher.SessionHandle, out var session)
            || work.Handles.MomentOf(YouTubePublisher.SinceHandle) is not { } since)
            return new ReconcileOutcome.Absent();
        var progress = await uploads.ProbeAsync(YouTubeSession.Of(session), work.Tokens.AccessToken, ct);
        return progress switch
        {
            YouTubeProgress.Done done => new ReconcileOutcome.Found(done.VideoId, YouTubePublisher.Permalink(done.VideoId)),
            YouTubeProgress.Wanted => new ReconcileOutcome.NotListed(),
            YouTubeProgress.Gone => await uploads.FindAsync(work.Target, work.Content, work.Tokens, since, work.OwnedPostIds, ct),
            YouTubeProgress.Said said => new ReconcileOutcome.Inconclusive(said.Answer.Code ?? "no_answer", said.Answer.Wait),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }
}
