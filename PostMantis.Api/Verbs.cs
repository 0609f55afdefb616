using Microsoft.EntityFrameworkCore;
using PostMantis.Api.Sandbox;
using PostMantis.Core.Persistence;

namespace PostMantis.Api;

/// <summary>What the executable can do besides serving, by its first argument.</summary>
internal static class Verbs
{
    private const string Usage = """
        PostMantis.Api            serve the API, the dashboard and the workers
        PostMantis.Api migrate    bring the database to this version and stop
        PostMantis.Api sandbox    run the sandbox network alone, on Sandbox:Url
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        var verb = args.FirstOrDefault(arg => !arg.StartsWith('-'));
        switch (verb)
        {
            case null:
            case "serve":
                await using (var app = PostMantisApp.Build(Rest(args, verb)))
                {
                    await app.MigrateIfAskedAsync();
                    await app.RunAsync();
                }
                return 0;
            case "migrate":
                await using (var app = PostMantisApp.Build(Rest(args, verb)))
                await using (var scope = app.Services.CreateAsyncScope())
                    await scope.ServiceProvider.GetRequiredService<PostMantisDb>().Database.MigrateAsync();
                return 0;
            case "sandbox":
                await using (var network = SandboxApp.Build(Rest(args, verb)))
                {
                    await network.StartSandboxAsync(CancellationToken.None);
                    await network.WaitForShutdownAsync();
                }
                return 0;
            default:
                await Console.Error.WriteLineAsync($"Unknown verb '{verb}'.\n{Usage}");
                return 2;
        }
    }

    private static string[] Rest(string[] args, string? verb) => [.. args.Where(arg => arg != verb)];
}
