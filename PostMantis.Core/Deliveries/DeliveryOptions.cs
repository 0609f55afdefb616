using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Deliveries;

/// <summary>How deliveries are sent, tried again and reconciled (section <c>Deliveries</c>).</summary>
public sealed class DeliveryOptions
{
    public const string Section = "Deliveries";

    /// <summary>How many deliveries this process has in the hands of adapters at once.</summary>
    [Range(1, 5000)]
    public int Slots { get; set; } = 512;

    /// <summary>How many of them may be for one network.</summary>
    [Range(1, 5000)]
    public int ProviderSlots { get; set; } = 384;

    /// <summary>A delivery that takes longer than this is shown as publishing; at zero, every one is before it is sent.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:05")]
    public TimeSpan ShowAfter { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>After the mark the public call starts within this or not at all.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:30")]
    public TimeSpan CallWindow { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Longest time an adapter may take for one claim; nothing is sent after it.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:30:00")]
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How many tries a delivery gets before it fails; deferrals do not count.</summary>
    [Range(1, 50)]
    public int MaxTries { get; set; } = 8;

    /// <summary>How long a delivery is tried at most, from the moment it was due.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan TryFor { get; set; } = TimeSpan.FromHours(24);

    /// <summary>The upper end of the first wait before another try; it doubles from there.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan RetryBase { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait before another try.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan RetryMax { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>The wait before a deferred delivery is looked at again when nobody said how long.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan DeferFor { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long what is due on a paused profile rests before it is looked at again; resuming ends the rest.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan PausedFor { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long an upload may be processed by a network before its outcome counts as unknown.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "2.00:00:00")]
    public TimeSpan ProcessFor { get; set; } = TimeSpan.FromHours(2);

    /// <summary>How long a lost answer is sought by repeating with the same key or handle before it is unknown.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ResumeFor { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long after a call a network may still list what it took: before that, absence proves nothing.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan Horizon { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>As <see cref="Horizon"/>, for networks that differ, by provider.</summary>
    public Dictionary<string, TimeSpan> Horizons { get; init; } = [];

    /// <summary>How long an unknown outcome is reconciled before a person has to decide.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "30.00:00:00")]
    public TimeSpan ReconcileFor { get; set; } = TimeSpan.FromHours(24);

    /// <summary>The upper end of the first wait between two looks for an unknown outcome.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan ReconcileBase { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stopping process lets running deliveries finish.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan StopWithin { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>The horizon of one network.</summary>
    public TimeSpan HorizonOf(string provider) => Horizons.GetValueOrDefault(provider, Horizon);
}
