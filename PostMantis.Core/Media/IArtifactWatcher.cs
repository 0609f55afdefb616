namespace PostMantis.Core.Media;

/// <summary>Whoever waits for artifacts, such as posts whose media are being imported.</summary>
public interface IArtifactWatcher
{
    /// <summary>An artifact was verified or has failed; called in the transaction that says so.</summary>
    Task SettledAsync(Artifact artifact, CancellationToken ct);
}
