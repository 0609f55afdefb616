using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Audit;

/// <summary>Adds entries to the change they tell of: they commit together.</summary>
public sealed class AuditLog(PostMantisDb db, PendingRows rows, TimeProvider time)
{
    /// <summary>A change made by <paramref name="caller"/>; the caller of this method saves.</summary>
    /// <param name="action">A dotted verb, such as <c>apiKey.created</c>.</param>
    /// <param name="subjectType">The kind of thing changed, as the API's <c>object</c> names it.</param>
    /// <param name="detail">Facts of the change; never a secret, never post text.</param>
    public void Add(Caller caller, string action, string subjectType, Guid subjectId, Guid? postId = null,
        JsonObject? detail = null)
    {
        ArgumentNullException.ThrowIfNull(caller);
        Add(caller.UserId, caller.ActorType, caller.ActorId, new Origin(caller.Address, caller.UserAgent), action,
            subjectType, subjectId, postId, detail);
    }

    /// <summary>
    /// What someone did who is not signed in, such as a failed sign-in: it is told to the user it is about, with where it
    /// came from.
    /// </summary>
    public void AddStranger(Guid userId, Origin origin, string action, string subjectType, Guid subjectId,
        JsonObject? detail = null) =>
        Add(userId, ActorType.System, null, origin, action, subjectType, subjectId, null, detail);

    /// <summary>A change PostMantis made by itself, for the user it belongs to.</summary>
    public void AddSystem(Guid userId, string action, string subjectType, Guid subjectId, Guid? postId = null,
        JsonObject? detail = null) =>
        Add(userId, ActorType.System, null, Origin.Nowhere, action, subjectType, subjectId, postId, detail);

    private void Add(Guid userId, ActorType actorType, Guid? actorId, Origin origin, string action,
        string subjectType, Guid subjectId, Guid? postId, JsonObject? detail)
    {
        var now = time.GetUtcNow();
        var entry = new AuditEntry
        {
            Id = Ids.New(now),
            UserId = userId,
            ActorType = actorType,
            ActorId = actorId,
            Address = origin.Address,
            UserAgent = origin.UserAgent,
            Action = action,
            SubjectType = subjectType,
            SubjectId = subjectId,
            PostId = postId,
            Detail = detail,
            CreatedAt = now,
        };
        if (rows.IsOpen) rows.Add(entry);
        else db.AuditEntries.Add(entry);
    }
}
