using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Webhooks;

/// <summary>How webhooks are sent (section <c>Webhooks</c>).</summary>
public sealed class WebhookOptions
{
    public const string Section = "Webhooks";

    /// <summary>How many endpoint slots this process serves at once.</summary>
    [Range(1, 5000)]
    public int Slots { get; set; } = 256;

    /// <summary>How many of them may be taken by endpoints that do nothing but fail.</summary>
    [Range(1, 5000)]
    public int FailingSlots { get; set; } = 32;

    /// <summary>How many slots of one user may be served at once, over all processes.</summary>
    [Range(1, 5000)]
    public int PerUser { get; set; } = 128;

    /// <summary>How many messages to a new endpoint may be on their way at once.</summary>
    [Range(1, 64)]
    public int EndpointSlots { get; set; } = 8;

    /// <summary>How long an endpoint may take to answer.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the rest of an answer is read once its status is known.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:15")]
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How many bytes of an answer are read; the connection of a longer one is closed.</summary>
    [Range(1024, 1024 * 1024)]
    public int MostAnswerBytes { get; set; } = 64 * 1024;

    /// <summary>How many bytes of an answer are kept with the attempt.</summary>
    [Range(0, 64 * 1024)]
    public int KeptAnswerBytes { get; set; } = 2048;

    /// <summary>After so many failures in a row an endpoint is tried one message at a time, with pauses.</summary>
    [Range(1, 100)]
    public int CircuitAfter { get; set; } = 3;

    /// <summary>The first pause; it doubles with every failure up to <see cref="CircuitMost"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan CircuitFirst { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest pause.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan CircuitMost { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Nothing but failure for so long disables an endpoint.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "30.00:00:00")]
    public TimeSpan DisableAfter { get; set; } = TimeSpan.FromDays(5);

    /// <summary>How long the previous secret signs too after a rotation.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan RotationOverlap { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long messages and attempts are kept; whole months go when their last day is older.</summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "3650.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How many messages of a replay wait at once, so that new events are not kept waiting behind it.</summary>
    [Range(10, 10_000)]
    public int ReplayWindow { get; set; } = 500;

    /// <summary>Most endpoints of one user.</summary>
    [Range(1, 10_000)]
    public int MostEndpoints { get; set; } = 100;
}
