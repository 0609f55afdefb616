namespace PostMantis.Api.Sandbox;

/// <summary>What a publishing call is made to go through.</summary>
internal enum SandboxFault
{
    None,
    Rejected,
    RateLimited,
    AuthRevoked,

    /// <summary>The answer never arrives, and nothing was published.</summary>
    TimeoutBeforeAccept,

    /// <summary>The answer never arrives, and it was published.</summary>
    TimeoutAfterAccept,
    SlowProcessing,
    RemovedLater,
}

/// <summary>Reads the faults a caller asked for and deals them out, one per call.</summary>
internal static class SandboxFaults
{
    /// <summary>Names the thing the list of faults belongs to, so that uses are counted per delivery.</summary>
    public const string KeyHeader = "Sandbox-Fault-Key";

    /// <summary>The list, as <c>publish=timeoutAfterAccept, comment=rejected</c>.</summary>
    public const string ListHeader = "Sandbox-Faults";

    /// <summary>The call that makes a post public.</summary>
    public const string Publish = "publish";

    private const int MostFaults = 20;

    /// <summary>The fault of this call; each list for a kind of call is used up from the front.</summary>
    public static async Task<SandboxFault> NextAsync(HttpRequest request, string on, SandboxStore store, CancellationToken ct)
    {
        var (key, faults) = Read(request, on);
        return faults.Count == 0 ? SandboxFault.None : At(faults, await store.UseFaultAsync(key, ct));
    }

    /// <summary>Whether the next fault is <paramref name="wanted"/>; only then it is used up.</summary>
    public static async Task<bool> TakeIfNextAsync(
        HttpRequest request, string on, SandboxFault wanted, SandboxStore store, CancellationToken ct)
    {
        var (key, faults) = Read(request, on);
        if (faults.Count == 0 || At(faults, await store.FaultsUsedAsync(key, ct)) != wanted) return false;
        await store.UseFaultAsync(key, ct);
        return true;
    }

    private static (string Key, List<string> Faults) Read(HttpRequest request, string on)
    {
        var (key, list) = (request.Headers[KeyHeader].ToString(), request.Headers[ListHeader].ToString());
        if (key.Length is 0 or > 100 || list.Length == 0) return (key, []);
        var faults = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Take(MostFaults).Select(entry => entry.Split('=', 2))
            .Where(entry => entry.Length == 2 && entry[0] == on).Select(entry => entry[1]).ToList();
        return ($"{key}:{on}", faults);
    }

    private static SandboxFault At(List<string> faults, int used) =>
        used < faults.Count && Enum.TryParse<SandboxFault>(faults[used], ignoreCase: true, out var fault)
            ? fault
            : SandboxFault.None;
}
