namespace PostMantis.Core.Providers;

/// <summary>Where something stands that a network works on before it is shown.</summary>
internal enum RemoteState
{
    /// <summary>No answer that can be read.</summary>
    Unknown,

    /// <summary>The network waits for the file.</summary>
    Awaited,

    /// <summary>The network works on it.</summary>
    Working,

    /// <summary>It can be published.</summary>
    Ready,

    /// <summary>Publishing it was asked for and has not ended.</summary>
    Publishing,

    /// <summary>It is public.</summary>
    Public,

    /// <summary>It will never be public.</summary>
    Failed,
}
