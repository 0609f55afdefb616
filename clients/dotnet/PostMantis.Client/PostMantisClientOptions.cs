namespace PostMantis.Client;

/// <summary>How a client behaves.</summary>
public sealed class PostMantisClientOptions
{
    /// <summary>How often a call is made at most, the first one included.</summary>
    public int MostTries { get; set; } = 5;

    /// <summary>The longest time a server may ask to wait; beyond it the refusal is told at once.</summary>
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The first wait where the server names none; each further one is twice as long.</summary>
    public TimeSpan FirstWait { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The time waits are measured by.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;
}
