namespace PostMantis.Simulators.Bones;

/// <summary>A clock that runs with another and can be put forward.</summary>
internal sealed class Clock(TimeProvider inner) : TimeProvider
{
    private long _ahead;

    public override DateTimeOffset GetUtcNow() =>
        inner.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ahead));

    public override long GetTimestamp() => inner.GetTimestamp();

    public override long TimestampFrequency => inner.TimestampFrequency;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        inner.CreateTimer(callback, state, dueTime, period);

    /// <summary>Puts the clock forward for this simulator alone.</summary>
    public void Advance(TimeSpan by) => Interlocked.Add(ref _ahead, by.Ticks);
}
