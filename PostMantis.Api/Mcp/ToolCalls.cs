using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using PostMantis.Api.Http;
using PostMantis.Core.Common;

namespace PostMantis.Api.Mcp;

/// <summary>Carries a tool call out as a request to its operation, and its answer back in words an agent can act on.</summary>
internal sealed class ToolCalls(ToolSchemas schemas, OperationCaller operations)
{
    public async Task<CallToolResult> CallAsync(HttpContext http, CallToolRequestParams call, CancellationToken ct)
    {
        var tool = McpTool.All.FirstOrDefault(t => ToolSchemas.Prefix + t.Name == call.Name)
            ?? throw new McpProtocolException($"There is no tool '{call.Name}'.", McpErrorCode.InvalidParams);
        var arguments = new JsonObject((call.Arguments ?? new Dictionary<string, JsonElement>())
            .Select(a => KeyValuePair.Create(a.Key, JsonSerializer.SerializeToNode(a.Value))));
        OperationAnswer answer;
        try
        {
            answer = await operations.CallAsync(http, await BindAsync(tool, arguments, ct), ct);
        }
        catch (ProblemException refused)
        {
            answer = new OperationAnswer(ApiProblems.StatusOf(refused.Code), ApiProblems.BodyOf(refused, ApiProblems.TraceId(http)));
        }
        return answer.Status < 400 ? Succeeded(answer) : Failed(tool, answer);
    }

    private async Task<OperationRequest> BindAsync(McpTool tool, JsonObject arguments, CancellationToken ct)
    {
        var (method, operation) = await schemas.OperationAsync(tool, ct);
        List<Issue> issues = [];
        Dictionary<string, string> route = [], headers = [];
        List<KeyValuePair<string, string?>> query = [];
        var reader = new ObjectReader(arguments, "", issues);
        foreach (var parameter in ToolSchemas.Parameters(operation))
        {
            var name = (string)parameter["name"]!;
            var shown = name == "id" ? tool.Id! : name;
            switch ((string)parameter["in"]!)
            {
                case "path":
                    if (reader.String(shown, required: true) is { } id) route[name] = id;
                    arguments.Remove(shown);
                    break;
                case "query":
                    query.AddRange(Query(name, arguments[shown]));
                    arguments.Remove(shown);
                    break;
                case "header" when name == "Idempotency-Key":
                    if (reader.String(ToolSchemas.IdempotencyKey, required: tool.Operation == "CreatePost") is { } key)
                        headers[name] = $"\"{key}\"";
                    arguments.Remove(ToolSchemas.IdempotencyKey);
                    break;
                case "header" when name == "If-Match":
                    if (reader.Integer(ToolSchemas.IfRevision, 1, int.MaxValue) is { } revision)
                        headers[name] = Preconditions.Tag((int)revision);
                    arguments.Remove(ToolSchemas.IfRevision);
                    break;
                default:
                    break;
            }
        }
        if (tool.Operation == "CreatePost") Choose(arguments, reader, issues);
        if (operation["requestBody"] is null)
            foreach (var (name, _) in arguments)
                issues.Add(new Issue($"/{name}", Rule.UnknownField, $"There is no argument '{name}' here."));
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
        return new OperationRequest(tool.Operation, method, route, QueryString.Create(query), headers,
            operation["requestBody"] is null ? null : arguments);
    }

    // Draft unless the agent says in so many words that it is to be published.
    private static void Choose(JsonObject arguments, ObjectReader reader, List<Issue> issues)
    {
        var when = reader.OneOf<Moment>(ToolSchemas.When) ?? Moment.Draft;
        var at = arguments[ToolSchemas.ScheduledAt]?.DeepClone();
        if (when == Moment.At && at is null)
            issues.Add(new Issue("/scheduledAt", Rule.Required, "when: at needs scheduledAt."));
        if (when == Moment.Now && at is not null)
            issues.Add(new Issue("/scheduledAt", Rule.Excluded, "when: now takes no scheduledAt.", Fix: "Say when: at."));
        arguments.Remove(ToolSchemas.When);
        arguments.Remove(ToolSchemas.ScheduledAt);
        if (arguments["post"] is not JsonObject post) return;
        foreach (var name in (string[])["draft", ToolSchemas.ScheduledAt])
            if (post.ContainsKey(name))
                issues.Add(new Issue($"/post/{name}", Rule.UnknownField, $"Here when says it, and not post.{name}.",
                    Fix: "Send when: draft, now or at, with scheduledAt beside it."));
        if (when == Moment.Draft) post["draft"] = true;
        if (at is not null) post[ToolSchemas.ScheduledAt] = at;
    }

    private static IEnumerable<KeyValuePair<string, string?>> Query(string name, JsonNode? value) => value switch
    {
        null => [],
        JsonArray items => items.Select(item => KeyValuePair.Create(name, Text(item))),
        JsonObject members => members.Select(m => KeyValuePair.Create($"{name}[{m.Key}]", Text(m.Value))),
        _ => [KeyValuePair.Create(name, Text(value))],
    };

    private static string? Text(JsonNode? value) =>
        value is JsonValue plain && plain.TryGetValue<string>(out var text) ? text : value?.ToJsonString();

    private static CallToolResult Succeeded(OperationAnswer answer) => answer.Body is null
        ? new CallToolResult { Content = [new TextContentBlock { Text = "Done." }] }
        : new CallToolResult
        {
            Content = [new TextContentBlock { Text = answer.Body.ToJsonString(Json.Options) }],
            StructuredContent = JsonSerializer.SerializeToElement(answer.Body),
        };

    // No structured content: a client would hold it against the schema of success.
    private static CallToolResult Failed(McpTool tool, OperationAnswer answer)
    {
        var problem = answer.Body ?? [];
        var words = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{problem["code"]}: {problem["detail"]}\n");
        foreach (var issue in (problem["errors"] as JsonArray ?? []).Take(20))
            words.Append(CultureInfo.InvariantCulture, $"- {issue!["pointer"]}: {issue["message"]} {issue["fix"]}\n");
        words.Append("Next: ").Append(NextStep(tool, problem));
        return new CallToolResult
        {
            IsError = true,
            Content =
            [
                new TextContentBlock { Text = words.ToString() },
                new TextContentBlock { Text = problem.ToJsonString(Json.Options) },
            ],
        };
    }

    private static string NextStep(McpTool tool, JsonObject problem) => (string?)problem["code"] switch
    {
        "invalidRequest" => tool.Operation is "CreatePost" or "UpdatePost"
            ? "mend what is named above; postmantis_validate_post says whether it is enough, without effects."
            : "mend what is named above and call again.",
        "insufficientPermission" => $"this key has no {problem["needed"]}. Tell the person; no other tool gets around it.",
        "notFound" => "look the id up with postmantis_list_posts or postmantis_list_profiles; it may lie outside this key's scope.",
        "conflict" => "read it with postmantis_get_post; its actions say what is possible now.",
        "duplicatePost" => $"post {problem["existingPostId"]} says the same. Send allowDuplicate: true only if the person wants it twice.",
        "idempotencyInProgress" => "wait a second and call again with the same idempotencyKey.",
        "idempotencyMismatch" => "choose a new idempotencyKey for a new post.",
        "preconditionFailed" => "somebody changed it. Read it again and decide on what it says now.",
        "cursorExpired" => $"go on with afterSequence {problem["oldestSequence"]} less one, and read the posts you may have missed.",
        "rateLimited" => $"wait {problem["retryAfterSeconds"]} seconds. Calling sooner does not help.",
        "unavailable" => "wait two seconds and call again with the same idempotencyKey.",
        _ => "stop and tell the person, with the traceId.",
    };

    private enum Moment
    {
        Draft,
        Now,
        At,
    }
}
