using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace PostMantis.Core.Persistence;

/// <summary>Rows as one array parameter per column, for statements that <c>unnest</c> them.</summary>
public sealed class SqlColumns<TRow>(NpgsqlBatchCommand command, IReadOnlyList<TRow> rows)
{
    /// <summary>A column of a type that Postgres has; null stays null.</summary>
    public void Add<T>(Func<TRow, T> value) =>
        command.Parameters.Add(new NpgsqlParameter<T[]> { TypedValue = Values(value) });

    /// <summary>A column that holds an enum by its snake_case name.</summary>
    public void Enum<T>(Func<TRow, T> value)
        where T : struct, Enum => Add(row => SnakeCase<T>.Write(value(row)));

    /// <summary>As <see cref="Enum"/>, for a column that may be null.</summary>
    public void EnumOrNull<T>(Func<TRow, T?> value)
        where T : struct, Enum => Add(row => value(row) is { } some ? SnakeCase<T>.Write(some) : null);

    /// <summary>A jsonb column; null stays null.</summary>
    public void Document<T>(Func<TRow, T> value) =>
        Json(row => value(row) is { } some ? JsonSerializer.Serialize(some, Common.Json.Options) : null);

    /// <summary>A jsonb column of JSON that is written out already; null stays null.</summary>
    public void Json(Func<TRow, string?> value) => Json(value, NpgsqlDbType.Jsonb);

    /// <summary>As <see cref="Json(Func{TRow, string?})"/>, for a column that keeps the text as it is.</summary>
    public void JsonText(Func<TRow, string?> value) => Json(value, NpgsqlDbType.Json);

    private void Json(Func<TRow, string?> value, NpgsqlDbType type) => command.Parameters.Add(new NpgsqlParameter<string?[]>
    {
        TypedValue = Values(value),
        NpgsqlDbType = NpgsqlDbType.Array | type,
    });

    private T[] Values<T>(Func<TRow, T> value)
    {
        var values = new T[rows.Count];
        for (var i = 0; i < values.Length; i++) values[i] = value(rows[i]);
        return values;
    }
}
