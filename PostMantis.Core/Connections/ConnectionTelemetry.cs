using System.Diagnostics.Metrics;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Connections;

/// <summary>What is measured of connections.</summary>
public sealed class ConnectionTelemetry
{
    public const string Name = "PostMantis.Connections";

    private readonly Counter<long> _refreshes;

    public ConnectionTelemetry(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _refreshes = meters.Create(Name).CreateCounter<long>("postmantis.connections.refreshes", "{refresh}",
            "Token refreshes by provider and result.");
    }

    internal void Refreshed(string provider, RefreshOutcome outcome) => _refreshes.Add(1,
        new KeyValuePair<string, object?>("provider", provider),
        new KeyValuePair<string, object?>("result", outcome switch
        {
            RefreshOutcome.Refreshed => "refreshed",
            RefreshOutcome.Revoked => "revoked",
            _ => "transient",
        }));
}
