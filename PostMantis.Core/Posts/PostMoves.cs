using static PostMantis.Core.Posts.PostStatus;

namespace PostMantis.Core.Posts;

/// <summary>Every legal move of a post, in one table (contract §4).</summary>
public static class PostMoves
{
    public static bool IsLegal(PostStatus from, PostStatus next) => (from, next) is
        (Draft, Pending or AwaitingApproval) or
        (AwaitingApproval, Pending or Canceled) or
        (Pending, Scheduled or Completed or Canceled) or
        (Scheduled, Pending or Publishing or Completed or Canceled) or
        (Publishing, Completed or Canceled) or
        (Completed, Publishing);
}
