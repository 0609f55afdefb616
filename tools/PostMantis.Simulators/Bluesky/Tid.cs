namespace PostMantis.Simulators.Bluesky;

/// <summary>Record keys made of time: 53 bits of microseconds and 10 bits of clock, in 13 letters.</summary>
internal static class Tid
{
    private const string Letters = "234567abcdefghijklmnopqrstuvwxyz";
    private const int Length = 13;

    /// <summary>The key of one microsecond.</summary>
    public static string At(DateTimeOffset time, int clock)
    {
        var bits = ((time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) / 10 << 10) | (uint)(clock & 1023);
        return string.Create(Length, bits, static (name, rest) =>
        {
            for (var at = Length - 1; at >= 0; at--, rest >>= 5) name[at] = Letters[(int)(rest & 31)];
        });
    }

    /// <summary>Whether the letters are a key: the top bit of 64 is always 0.</summary>
    public static bool IsOne(string name) =>
        name.Length == Length && name.All(letter => Letters.Contains(letter, StringComparison.Ordinal))
        && Letters.IndexOf(name[0], StringComparison.Ordinal) < 16;
}
