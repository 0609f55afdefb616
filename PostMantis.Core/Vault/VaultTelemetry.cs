using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace PostMantis.Core.Vault;

/// <summary>What is measured of the vault: how often, and how it went; never of what.</summary>
public sealed class VaultTelemetry
{
    public const string Name = "PostMantis.Vault";

    /// <summary>Spans of the re-seal pass.</summary>
    public static readonly ActivitySource Source = new(Name);

    private readonly Counter<long> _operations;

    public VaultTelemetry(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _operations = meters.Create(Name).CreateCounter<long>("postmantis.vault.operations", "{operation}",
            "Secrets sealed, opened and re-sealed, by result.");
    }

    internal void Sealed() => Count("seal", "ok");

    internal void Opened() => Count("open", "ok");

    internal void OpenFailed(VaultException failure) => Count("open", failure.Result);

    internal void Resealed(int values)
    {
        if (values > 0) Count("reseal", "ok", values);
    }

    private void Count(string operation, string result, int times = 1) => _operations.Add(times,
        new KeyValuePair<string, object?>("operation", operation), new KeyValuePair<string, object?>("result", result));
}
