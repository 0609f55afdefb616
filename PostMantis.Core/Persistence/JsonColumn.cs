using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using PostMantis.Core.Common;

namespace PostMantis.Core.Persistence;

/// <summary>Keeps a value as one jsonb document, compared by its JSON.</summary>
public static class JsonColumn
{
    /// <summary>Maps <paramref name="property"/> to jsonb with the house JSON rules.</summary>
    public static PropertyBuilder<T> AsJson<T>(this PropertyBuilder<T> property) => property
        .HasColumnType("jsonb")
        .HasConversion(
            value => JsonSerializer.Serialize(value, Json.Options),
            text => JsonSerializer.Deserialize<T>(text, Json.Options)!,
            new ValueComparer<T>(
                (a, b) => JsonSerializer.Serialize(a, Json.Options) == JsonSerializer.Serialize(b, Json.Options),
                value => JsonSerializer.Serialize(value, Json.Options).GetHashCode(StringComparison.Ordinal),
                value => JsonSerializer.Deserialize<T>(JsonSerializer.Serialize(value, Json.Options), Json.Options)!));
}
