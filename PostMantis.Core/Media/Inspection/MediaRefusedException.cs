namespace PostMantis.Core.Media.Inspection;

/// <summary>Ends a walk through a file that is not taken; never leaves this room.</summary>
internal sealed class MediaRefusedException(MediaRefusal refusal) : Exception(refusal.Message)
{
    public MediaRefusal Refusal { get; } = refusal;

    public static MediaRefusedException Truncated(string format) =>
        new(new MediaRefusal(RefusalCodes.Truncated, $"The {format} file ends before its content does."));

    public static MediaRefusedException Corrupt(string format) =>
        new(new MediaRefusal(RefusalCodes.Corrupt, $"The {format} file is damaged."));

    public static MediaRefusedException Hidden(string what) =>
        new(new MediaRefusal(RefusalCodes.Polyglot, $"The file hides {what}."));
}
