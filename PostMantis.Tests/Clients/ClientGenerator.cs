using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NJsonSchema.CodeGeneration.CSharp;
using NSwag;
using NSwag.CodeGeneration.CSharp;
using NSwag.CodeGeneration.OperationNameGenerators;

namespace PostMantis.Tests.Clients;

/// <summary>
/// Makes the .NET calls from the API's document with NSwag, which reads OpenAPI 3.0: what 3.1 says in another way is said in
/// that way first, and what the generator has no words for is mended afterwards.
/// </summary>
internal static partial class ClientGenerator
{
    public static async Task<string> MakeAsync(JsonObject document)
    {
        var lowered = (JsonObject)document.DeepClone();
        lowered["openapi"] = "3.0.3";
        lowered.Remove("webhooks");
        Join(lowered["components"]!["schemas"]!.AsObject());
        Lower(lowered);
        foreach (var operation in lowered["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(m => m.Value!))
            Plain(operation.AsObject());
        var settings = new CSharpClientGeneratorSettings
        {
            ClassName = "PostMantisApi",
            ExceptionClass = "PostMantisException",
            GenerateOptionalParameters = true,
            UseBaseUrl = false,
            InjectHttpClient = true,
            DisposeHttpClient = false,
            ParameterDateTimeFormat = "yyyy-MM-ddTHH:mm:ss.fffzzz",
            OperationNameGenerator = new SingleClientFromOperationIdOperationNameGenerator(),
        };
        var types = settings.CSharpGeneratorSettings;
        types.Namespace = "PostMantis.Client";
        types.JsonLibrary = CSharpJsonLibrary.SystemTextJson;
        types.ClassStyle = CSharpClassStyle.Poco;
        types.GenerateNullableReferenceTypes = true;
        types.GenerateOptionalPropertiesAsNullable = true;
        types.GenerateDataAnnotations = false;
        types.GenerateDefaultValues = false;
        types.DateTimeType = "System.DateTimeOffset";
        types.ArrayType = "System.Collections.Generic.IReadOnlyList";
        types.ArrayInstanceType = types.ArrayBaseType = "System.Collections.Generic.List";
        var code = new CSharpClientGenerator(await OpenApiDocument.FromJsonAsync(lowered.ToJsonString()), settings).GenerateFile();

        // Enums by the names of the API, tolerantly; and metadata[name] for what OpenAPI calls a deep object.
        code = PropertyConverter().Replace(code, "");
        code = Enums().Replace(code, "    [System.Text.Json.Serialization.JsonConverter(typeof(KnownNames<$1>))]\n    public enum $1");
        code = code.Replace("foreach (var item_ in metadata) { urlBuilder_.Append(System.Uri.EscapeDataString(item_.Key))",
            "foreach (var item_ in metadata) { urlBuilder_.Append(System.Uri.EscapeDataString($\"metadata[{item_.Key}]\"))", StringComparison.Ordinal);
        return string.Join('\n', code.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd())).TrimEnd() + "\n";
    }

    // Inline lists of names would become types without a name, and a call has one type of success.
    private static void Plain(JsonObject operation)
    {
        foreach (var schema in (operation["parameters"] as JsonArray ?? []).Select(p => p!["schema"]!.AsObject()))
        {
            schema.Remove("enum");
            (schema["items"] as JsonObject)?.Remove("enum");
        }
        if ((string?)operation["operationId"] == "CreateUpload") operation["responses"]!.AsObject().Remove("202");
        operation["responses"]!.AsObject().Remove("304");

        // Files go with a post by hand: the generator has no words for parts that name themselves.
        (operation["requestBody"]?["content"] as JsonObject)?.Remove("multipart/form-data");
    }

    // A choice between objects is one class with the members of all: the generator knows no unions.
    private static void Join(JsonObject schemas)
    {
        foreach (var (_, schema) in schemas)
        {
            if (schema!["oneOf"] is not JsonArray choices || choices.Any(choice => choice!["$ref"] is null)) continue;
            var properties = choices.SelectMany(choice => schemas[((string)choice!["$ref"]!).Split('/')[^1]]!["properties"]!.AsObject())
                .Select(property => KeyValuePair.Create(property.Key, property.Value?.DeepClone())).ToList();
            schema.AsObject().Remove("oneOf");
            schema["type"] = "object";
            schema["properties"] = new JsonObject(properties);
            schema["additionalProperties"] = false;
        }
    }

    private static void Lower(JsonNode? node)
    {
        if (node is JsonArray items)
        {
            foreach (var item in items) Lower(item);
            return;
        }
        if (node is not JsonObject schema) return;
        foreach (var (name, value) in schema.ToList()) if (name != "example") Lower(value);
        if (schema["type"] is JsonArray types)
        {
            var names = types.Select(t => (string)t!).ToList();
            if (names.Remove("null")) schema["nullable"] = true;
            schema["type"] = names[0];
        }
        if (schema["oneOf"] is JsonArray choices && choices.FirstOrDefault(c => (string?)(c!["type"] as JsonValue) == "null") is { } nothing)
        {
            choices.Remove(nothing);
            schema.Remove("oneOf");
            schema["nullable"] = true;
            schema["allOf"] = new JsonArray([.. choices.Select(c => c!.DeepClone())]);
        }
        if (schema["const"] is JsonValue) schema.Remove("const");
    }

    [GeneratedRegex(@"^ *\[System\.Text\.Json\.Serialization\.JsonConverter\(typeof\(System\.Text\.Json\.Serialization\.JsonStringEnumConverter<\w+>\)\)\]\r?\n", RegexOptions.Multiline)]
    private static partial Regex PropertyConverter();

    [GeneratedRegex(@"^    public enum (\w+)", RegexOptions.Multiline)]
    private static partial Regex Enums();
}
