using System.Text.Json;
using Npgsql;
using PostMantis.Core.Common;

namespace PostMantis.Core.Persistence;

/// <summary>Reads columns that may be null, and those that hold an enum's name or a JSON document.</summary>
public static class RowReading
{
    public static string? Text(this NpgsqlDataReader row, int column)
    {
        ArgumentNullException.ThrowIfNull(row);
        return row.IsDBNull(column) ? null : row.GetString(column);
    }

    public static DateTimeOffset Time(this NpgsqlDataReader row, int column)
    {
        ArgumentNullException.ThrowIfNull(row);
        return row.GetFieldValue<DateTimeOffset>(column);
    }

    public static DateTimeOffset? TimeOrNull(this NpgsqlDataReader row, int column)
    {
        ArgumentNullException.ThrowIfNull(row);
        return row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
    }

    public static T Enum<T>(this NpgsqlDataReader row, int column)
        where T : struct, Enum
    {
        ArgumentNullException.ThrowIfNull(row);
        return SnakeCase<T>.Read(row.GetString(column));
    }

    public static T? EnumOrNull<T>(this NpgsqlDataReader row, int column)
        where T : struct, Enum
    {
        ArgumentNullException.ThrowIfNull(row);
        return row.IsDBNull(column) ? null : SnakeCase<T>.Read(row.GetString(column));
    }

    public static T Document<T>(this NpgsqlDataReader row, int column)
    {
        ArgumentNullException.ThrowIfNull(row);
        return JsonSerializer.Deserialize<T>(row.GetString(column), Json.Options)!;
    }
}
