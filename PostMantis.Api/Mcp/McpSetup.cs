using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using PostMantis.Api.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;
using PostMantis.Web.Shared;

namespace PostMantis.Api.Mcp;

/// <summary>
/// <c>/mcp</c> for agents (contract §6): streamable HTTP without sessions, so that any replica answers any call.
/// </summary>
internal static class McpSetup
{
    public const string Path = "/mcp";

    private const string Documents = "postmantis://docs/";
    private const string Networks = "postmantis://providers/";
    private const string PromptName = "publish_with_care";

    private const string Instructions = """
        PostMantis publishes to social accounts that people have connected. Work in this order: postmantis_get_key (what you may
        do), postmantis_list_profiles, postmantis_get_limits, postmantis_validate_post, show the person exactly what would be
        sent, postmantis_create_post (a draft unless you say otherwise), and only after a yes postmantis_publish_post. What a
        network has taken cannot be called back. 202 and pending mean stored, not sent: read the post again at its nextCheckAt.
        Never post again what is unknown; tell the person. When a call is refused, its answer says what to do next.
        """;

    public static void AddPostMantisMcp(this IServiceCollection services)
    {
        services.AddSingleton<ToolSchemas>();
        services.AddSingleton<OperationCaller>();
        services.AddSingleton<ToolCalls>();
        services.AddMcpServer(options =>
        {
            options.ServerInfo = new Implementation { Name = "postmantis", Title = "PostMantis", Version = ApiDescription.DocumentName };
            options.ServerInstructions = Instructions;
            options.Handlers = new McpServerHandlers
            {
                ListToolsHandler = async (request, ct) => new ListToolsResult
                {
                    Tools = await request.Services!.GetRequiredService<ToolSchemas>().AllAsync(ct),
                },
                CallToolHandler = async (request, ct) => await request.Services!.GetRequiredService<ToolCalls>()
                    .CallAsync(HttpOf(request.Services!), request.Params, ct),
                ListResourcesHandler = (request, _) => ValueTask.FromResult(Resources(request.Services!)),
                ListResourceTemplatesHandler = (_, _) => ValueTask.FromResult(new ListResourceTemplatesResult
                {
                    ResourceTemplates =
                    [
                        new ResourceTemplate
                        {
                            Name = "provider",
                            Title = "Rules of a network",
                            UriTemplate = Networks + "{provider}",
                            Description = "Text and media rules, features, budgets and option schema.",
                            MimeType = "application/json",
                        },
                    ],
                }),
                ReadResourceHandler = ReadAsync,
                ListPromptsHandler = (_, _) => ValueTask.FromResult(new ListPromptsResult { Prompts = [Careful] }),
                GetPromptHandler = (request, _) => ValueTask.FromResult(Prompt(request.Params)),
            };
        }).WithHttpTransport(options => options.Stateless = true);
    }

    public static void MapPostMantisMcp(this WebApplication app)
    {
        app.MapMcp(Path).RequireAuthorization(ApiSetup.Policy).WithMetadata(new CountsAs(ApiBucket.Read));

        // Without sessions there is nothing to listen to and nothing to end; some clients ask all the same, and need a 405.
        app.MapMethods(Path, [HttpMethods.Get, HttpMethods.Delete], (HttpContext http) =>
        {
            http.Response.Headers.Allow = HttpMethods.Post;
            http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        }).AllowAnonymous().ExcludeFromDescription();
    }

    private static HttpContext HttpOf(IServiceProvider services) =>
        services.GetRequiredService<IHttpContextAccessor>().HttpContext!;

    private static ListResourcesResult Resources(IServiceProvider services) => new()
    {
        Resources =
        [
            .. DocumentLibrary.All.Values.OrderBy(d => d.Name, StringComparer.Ordinal).Select(document => new Resource
            {
                Uri = Documents + document.Name,
                Name = document.Name,
                Title = document.Title,
                MimeType = document.MimeType,
                Size = document.Content.Length,
            }),
            .. services.GetRequiredService<ProviderCatalog>().All.OrderBy(p => p.Id, StringComparer.Ordinal).Select(provider => new Resource
            {
                Uri = Networks + provider.Id,
                Name = provider.Id,
                Title = $"Rules of {provider.DisplayName}",
                MimeType = "application/json",
            }),
        ],
    };

    private static async ValueTask<ReadResourceResult> ReadAsync(
        RequestContext<ReadResourceRequestParams> request, CancellationToken ct)
    {
        var (uri, services) = (request.Params.Uri, request.Services!);
        if (uri.StartsWith(Documents, StringComparison.Ordinal)
            && DocumentLibrary.All.TryGetValue(uri[Documents.Length..], out var document))
            return Text(uri, document.MimeType, document.Text);
        if (uri.StartsWith(Networks, StringComparison.Ordinal))
        {
            var answer = await services.GetRequiredService<OperationCaller>().CallAsync(HttpOf(services),
                new OperationRequest("GetProvider", "get", new Dictionary<string, string> { ["provider"] = uri[Networks.Length..] },
                    QueryString.Empty, new Dictionary<string, string>(), null), ct);
            if (answer.Status == StatusCodes.Status200OK)
                return Text(uri, "application/json", answer.Body!["data"]!.ToJsonString(Json.Options));
        }
        throw new McpProtocolException($"There is no resource '{uri}'.", McpErrorCode.InvalidParams);
    }

    private static ReadResourceResult Text(string uri, string type, string text) =>
        new() { Contents = [new TextResourceContents { Uri = uri, MimeType = type, Text = text }] };

    private static readonly Prompt Careful = new()
    {
        Name = PromptName,
        Title = "Draft, validate, show, publish",
        Description = "Leads from an idea to a published post, with a person's yes before anything leaves.",
        Arguments =
        [
            new PromptArgument { Name = "about", Description = "What the post is about.", Required = true },
            new PromptArgument { Name = "profiles", Description = "Where it goes, by names or networks; all active ones if left out." },
        ],
    };

    private static GetPromptResult Prompt(GetPromptRequestParams asked)
    {
        if (asked.Name != PromptName)
            throw new McpProtocolException($"There is no prompt '{asked.Name}'.", McpErrorCode.InvalidParams);
        if (Argument("about") is not { Length: > 0 } about)
            throw new McpProtocolException("The prompt needs the argument 'about'.", McpErrorCode.InvalidParams);
        return new GetPromptResult
        {
            Description = Careful.Description,
            Messages =
            [
                new PromptMessage
                {
                    Role = Role.User,
                    Content = new TextContentBlock
                    {
                        Text = $"""
                            Help me publish a post about: {about}
                            It goes to: {Argument("profiles") ?? "every active profile"}

                            1. Call postmantis_get_key and postmantis_list_profiles. If this key may not publish, say so now.
                            2. Call postmantis_get_limits for each profile and write a text that fits, with its own version in
                               overrides where a network needs one.
                            3. Call postmantis_validate_post and mend what it names until valid is true.
                            4. Call postmantis_create_post with when: draft and a new idempotencyKey.
                            5. Show me for each profile exactly what would be sent (content of the validation), and every warning.
                               Ask me whether to publish it, and when. Wait for my answer.
                            6. Only after my yes: postmantis_publish_post with ifRevision. Then postmantis_get_post at nextCheckAt
                               until it is null, and tell me each delivery's address or error.
                            """,
                    },
                },
            ],
        };

        string? Argument(string name) => asked.Arguments is { } given && given.TryGetValue(name, out var value)
            ? value.ValueKind == System.Text.Json.JsonValueKind.String ? value.GetString() : value.ToString()
            : null;
    }
}
