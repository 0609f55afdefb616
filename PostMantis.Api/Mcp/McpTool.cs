namespace PostMantis.Api.Mcp;

/// <summary>A tool is an operation of the API under a name that agents choose by: same key, scope, limits, errors and JSON.</summary>
/// <param name="Operation">The operation's name.</param>
/// <param name="Id">What its path's <c>id</c> is called here.</param>
/// <param name="Description">What it does, what cannot be undone, and what to call next.</param>
internal sealed record McpTool(string Name, string Title, string Operation, string Description, string? Id = null)
{
    /// <summary>Changes nothing.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>Takes away or overwrites, or does what cannot be undone.</summary>
    public bool IsDestructive { get; init; }

    /// <summary>The same call again changes nothing more.</summary>
    public bool IsIdempotent { get; init; }

    /// <summary>What it does reaches a network, where others see it.</summary>
    public bool IsOpenWorld { get; init; }

    /// <summary>The tools, in the order agents come to need them (contract §6).</summary>
    public static IReadOnlyList<McpTool> All { get; } =
    [
        Read("get_key", "Read what this key may do", "GetKey",
            "Permission (read, draft or publish), scope, rules such as approval or a daily cap, and test mode. Call it first: it "
            + "says whether you may publish at all. Next: list_profiles."),
        Read("list_profiles", "List profiles", "ListProfiles",
            "The destinations you may post to: id, network, name, status. Only active ones take posts. Next: get_limits for each "
            + "profile you mean to use."),
        Read("get_limits", "Read what a profile takes", "GetProfileLimits",
            "Longest text and how it is counted, media rules, whether threads, links and first comments work, the options schema, "
            + "and what is left of its budget. Next: validate_post.", "profileId"),
        Read("list_posts", "List posts", "ListPosts",
            "Posts newest first, with what became of each delivery; view=summary is shorter. Next: get_post for one of them."),
        Read("get_post", "Read a post", "GetPost",
            "One post, its deliveries and where each stands. nextCheckAt says when looking again can show something new; null: "
            + "nothing changes by itself. actions says what you may do now. A delivery that is unknown may be on the network "
            + "already: never post it again, tell the person.", "postId"),
        Read("validate_post", "Check a post without making it", "ValidatePost",
            "Takes what create_post takes, or an edit with postId, and says for each profile what would be sent, what speaks "
            + "against it and how to mend that. Changes nothing. Next: show the person the content, then create_post."),
        Read("list_events", "Follow what happened", "ListEvents",
            "Every event after afterSequence, oldest first. Remember the last sequence you have handled and go on after it."),
        new("create_post", "Make a post", "CreatePost",
            "when says what happens: draft (the default) stores it and publishes nothing; now and at (with scheduledAt) publish, "
            + "which cannot be undone once a network has taken it. Choose an idempotencyKey for each post you mean to make and "
            + "send the same one whenever you try again: it is then made once. One error on one profile refuses the whole post. A "
            + "key may be held back: status awaitingApproval means that a person decides in the dashboard. Next: for a draft, "
            + "show it and then publish_post; otherwise get_post at nextCheckAt.")
            { IsDestructive = true, IsIdempotent = true, IsOpenWorld = true },
        new("update_post", "Edit a post", "UpdatePost",
            "A merge patch: null removes, arrays are replaced whole; what it overwrites is gone. Drafts, and accepted posts while "
            + "no delivery has started. It never publishes. Send ifRevision (the post's revision) so that you overwrite nothing "
            + "you have not seen. Next: validate_post or get_post.", "postId")
            { IsDestructive = true, IsIdempotent = true },
        new("publish_post", "Publish a draft", "PublishPost",
            "Now, or at scheduledAt. What a network has taken cannot be called back by any tool. Ask the person first. Next: "
            + "get_post at nextCheckAt.", "postId")
            { IsDestructive = true, IsOpenWorld = true },
        new("cancel_post", "Cancel what has not started", "CancelPost",
            "Every delivery that still waits; what is published stays. A canceled delivery cannot be revived: make a new post "
            + "instead. Next: get_post.", "postId")
            { IsDestructive = true, IsIdempotent = true },
        new("delete_draft", "Delete a draft", "DeletePost",
            "Only drafts, and it cannot be undone. Posts that were accepted are canceled with cancel_post instead.", "postId")
            { IsDestructive = true, IsIdempotent = true },
        new("create_upload", "Bring in a media file", "CreateUpload",
            "With url: it is fetched from there. With fileName, mimeType and fileSize: send exactly those bytes to uploadUrl with "
            + "uploadMethod and requiredHeaders, without a key. Next: complete_upload (or, for a url, the event "
            + "artifact.verified), then name the artifactId in a post's media."),
        new("complete_upload", "Say that the bytes are sent", "CompleteUpload",
            "Reads the file and says what it is: verified, or failed with the reason. Next: validate_post with the artifactId.")
            { IsIdempotent = true },
        new("retry_delivery", "Send a failed delivery again", "RetryDelivery",
            "Only failed or incomplete ones, never unknown. override changes what this profile is sent. It publishes, which "
            + "cannot be undone. Read the delivery's error and its nextStep first. Next: get_post at nextCheckAt.", "postId")
            { IsDestructive = true, IsOpenWorld = true },
    ];

    private static McpTool Read(string name, string title, string operation, string description, string? id = null) =>
        new(name, title, operation, description, id) { IsReadOnly = true, IsIdempotent = true };
}
