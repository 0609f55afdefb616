using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Outbox;
using PostMantis.Core.Posts;
using PostMantis.Core.Profiles;

namespace PostMantis.Api.Http;

/// <summary>The query parameters, which endpoints read themselves (<see cref="QueryReader"/>).</summary>
internal static class ApiParameters
{
    private const int MostPages = 1_000_000;

    public static IEnumerable<IOpenApiParameter> QueryOf(string? operation) => operation switch
    {
        "ListPosts" =>
        [
            Names("status", NamesOf<PostStatus>()), Names("deliveryStatus", NamesOf<DeliveryStatus>()),
            Names("outcome", NamesOf<PostOutcome>()), Ids("profileIds"), Texts("providers"), Ids("brandId"),
            Texts("externalId"), Metadata(), Time("scheduledAfter"), Time("scheduledBefore"), Time("createdAfter"),
            Time("createdBefore"), Time("updatedAfter"), Time("updatedBefore"), Sort<PostSort>(),
            Of("view", "summary leaves out body, media and deliveries.", Closed(["full", "summary"])), .. Page(),
        ],
        "ListProfiles" =>
        [
            Texts("provider"), Names("status", NamesOf<ProfileStatus>(), "Active ones when nothing is named."),
            Ids("brandId"), Texts("externalId"), .. Page(),
        ],
        "ListEvents" =>
        [
            Of("afterSequence", "The last sequence you have handled; absent starts with the oldest event that is kept.",
                new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "0" }),
            Names("types", EventTypes.All), .. Page(),
        ],
        "ListPublishLogs" =>
        [
            Ids("postId"), Ids("profileId"), Texts("provider"), Names("type", EventTypes.OfPublishing), Time("after"),
            Time("before"), .. Page(),
        ],
        _ => [],
    };

    private static IEnumerable<IOpenApiParameter> Page() =>
    [
        Of("limit", "How many at most; 20 by default.", Whole(1, PageRequest.MostItems)),
        Of("cursor", "nextCursor of the answer before.", new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1 }),
        Of("page", "From 0; instead of cursor, and then with a total.", Whole(0, MostPages)),
        Of("perPage", "How many at most; only with page.", Whole(1, PageRequest.MostItems)),
    ];

    private static IEnumerable<string> NamesOf<TEnum>()
        where TEnum : struct, Enum => Enum.GetValues<TEnum>().Select(CamelCase.Of);

    private static OpenApiParameter Names(string name, IEnumerable<string> names, string description = "Repeatable.") =>
        Several(name, description, Closed(names));

    private static OpenApiParameter Ids(string name) =>
        Several(name, "Repeatable.", new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid" });

    private static OpenApiParameter Texts(string name) =>
        Several(name, "Repeatable.", new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = 500 });

    private static OpenApiParameter Metadata() => new()
    {
        Name = "metadata",
        In = ParameterLocation.Query,
        Description = "metadata[name]=value: all of the given names must match.",
        Style = ParameterStyle.DeepObject,
        Explode = true,
        Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = 500 },
        },
    };

    private static OpenApiParameter Sort<TEnum>()
        where TEnum : struct, Enum =>
        Of("sort", "- first for descending.", Closed(NamesOf<TEnum>().SelectMany(name => (string[])[name, "-" + name])));

    private static OpenApiParameter Time(string name) =>
        Of(name, name.EndsWith("after", StringComparison.OrdinalIgnoreCase) ? "RFC 3339, inclusive." : "RFC 3339, exclusive.",
            new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" });

    private static OpenApiSchema Closed(IEnumerable<string> names) => new()
    {
        Type = JsonSchemaType.String,
        Enum = [.. names.Select(name => (JsonNode)name)],
    };

    private static OpenApiSchema Whole(int min, int max) => new()
    {
        Type = JsonSchemaType.Integer,
        Format = "int32",
        Minimum = min.ToString(System.Globalization.CultureInfo.InvariantCulture),
        Maximum = max.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    private static OpenApiParameter Several(string name, string description, OpenApiSchema item)
    {
        var parameter = Of(name, description, new OpenApiSchema { Type = JsonSchemaType.Array, Items = item, MaxItems = 100 });
        (parameter.Style, parameter.Explode) = (ParameterStyle.Form, true);
        return parameter;
    }

    private static OpenApiParameter Of(string name, string description, OpenApiSchema schema) => new()
    {
        Name = name,
        In = ParameterLocation.Query,
        Description = description,
        Schema = schema,
    };
}
