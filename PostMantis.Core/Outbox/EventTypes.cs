namespace PostMantis.Core.Outbox;

/// <summary>The closed list of event types (contract §5).</summary>
public static class EventTypes
{
    public const string PostCreated = "post.created";
    public const string PostUpdated = "post.updated";
    public const string PostScheduled = "post.scheduled";
    public const string PostCompleted = "post.completed";
    public const string PostCanceled = "post.canceled";
    public const string DeliveryPublished = "delivery.published";
    public const string DeliveryIncomplete = "delivery.incomplete";
    public const string DeliveryFailed = "delivery.failed";
    public const string DeliveryDeferred = "delivery.deferred";
    public const string DeliveryUnknown = "delivery.unknown";
    public const string DeliveryCanceled = "delivery.canceled";
    public const string DeliveryPartFailed = "delivery.partFailed";
    public const string ProfileConnected = "profile.connected";
    public const string ProfileExpiring = "profile.expiring";
    public const string ProfileReauthRequired = "profile.reauthRequired";
    public const string ProfileDisconnected = "profile.disconnected";
    public const string ArtifactVerified = "artifact.verified";
    public const string ArtifactFailed = "artifact.failed";
    public const string EndpointDisabled = "endpoint.disabled";
    public const string WebhookTest = "webhook.test";

    public static IReadOnlyList<string> All { get; } =
    [
        PostCreated, PostUpdated, PostScheduled, PostCompleted, PostCanceled, DeliveryPublished, DeliveryIncomplete,
        DeliveryFailed, DeliveryDeferred, DeliveryUnknown, DeliveryCanceled, DeliveryPartFailed, ProfileConnected,
        ProfileExpiring, ProfileReauthRequired, ProfileDisconnected, ArtifactVerified, ArtifactFailed,
        EndpointDisabled, WebhookTest,
    ];

    /// <summary>What happens to posts and their deliveries.</summary>
    public static IReadOnlyList<string> OfPublishing { get; } = [.. All.Where(type =>
        type.StartsWith("post.", StringComparison.Ordinal) || type.StartsWith("delivery.", StringComparison.Ordinal))];
}
