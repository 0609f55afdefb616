namespace PostMantis.Core.Providers.Meta;

/// <summary>
/// The call that publishes what the network holds ready, as a handle remembers it: it may take effect for a while after its
/// answer was lost, and is not made again before that.
/// </summary>
/// <param name="handle">Names it.</param>
internal sealed class MetaCall(string handle, TimeProvider time)
{
    private static readonly TimeSpan Settles = TimeSpan.FromMinutes(2);

    /// <summary>Keeps the moment, then says that the call starts.</summary>
    public async Task StartsAsync(PublishWork work, CancellationToken ct)
    {
        await work.SaveMomentAsync(handle, time.GetUtcNow(), ct);
        work.CallStarts();
    }

    /// <summary>When it was made; null: it was not.</summary>
    public DateTimeOffset? At(IReadOnlyDictionary<string, string> handles) => handles.MomentOf(handle);

    /// <summary>How long an earlier call may still take effect; null when there was none or it is long ago.</summary>
    public TimeSpan? Remaining(IReadOnlyDictionary<string, string> handles) =>
        At(handles) + Settles - time.GetUtcNow() is { } left && left > TimeSpan.Zero ? left : null;

    /// <summary>Provably nothing came of it: the next call need not wait.</summary>
    public Task ForgetAsync(PublishWork work, CancellationToken ct) => work.SaveHandleAsync(handle, "", ct);
}
