using Npgsql;

namespace PostMantis.Core.Persistence;

/// <summary>Connections to the server itself, past any pooler: what listens keeps a session.</summary>
public sealed record DirectSource(NpgsqlDataSource Source);
