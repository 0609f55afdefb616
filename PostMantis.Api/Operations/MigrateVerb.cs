using PostMantis.Core.Persistence;

namespace PostMantis.Api.Operations;

/// <summary>Brings the schema to this version, as a step of its own before the version is rolled out.</summary>
internal sealed class MigrateVerb(OperatorTool tool)
{
    public async Task<int> RunAsync(bool check, bool contract, CancellationToken ct)
    {
        var keeper = tool.Get<SchemaKeeper>();
        if (!check)
        {
            var change = await keeper.MigrateAsync(contract, ct);
            await tool.SayAsync(change, [
                .. change.Applied.Select(name => $"applied {name}"),
                .. change.HeldBack.Select(name => $"held back {name}: it takes away what older versions use, and processes run"),
                change.HeldBack.Count > 0 ? "Stop every older process, then run 'migrate --contract'."
                    : change.Applied.Count > 0 ? "The database is of this version." : "The database is of this version already.",
            ]);
            return 0;
        }
        var status = await keeper.ReadAsync(ct);
        await tool.SayAsync(status, [
            .. status.Pending.Select(name => $"missing {name}"),
            .. status.Newer.Select(name => $"from a newer version {name}"),
            status.LeastMigration is { } least ? new SchemaTooNewException(least).Message
                : status.Pending.Count > 0 ? "The database lacks what this version needs; run 'migrate'."
                : "The database has what this version needs.",
        ]);
        return status.Pending.Count > 0 || status.LeastMigration is not null ? OperatorCommands.Refused : 0;
    }
}
