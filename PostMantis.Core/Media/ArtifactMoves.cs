using static PostMantis.Core.Media.ArtifactStatus;

namespace PostMantis.Core.Media;

/// <summary>Every legal move of an artifact, in one table (contract §4).</summary>
public static class ArtifactMoves
{
    public static bool IsLegal(ArtifactStatus from, ArtifactStatus next) =>
        (from, next) is (Reserved or Importing, Verified or Failed or Expired);
}
