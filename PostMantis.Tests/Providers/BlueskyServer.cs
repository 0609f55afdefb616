using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Providers;

/// <summary>
/// Bluesky's own server with its directory, from the npm package of its makers. It is installed once, under .postmantis, where
/// Node is; its native parts take a minute to build.
/// </summary>
internal sealed class BlueskyServer : IAsyncDisposable
{
    /// <summary>The accounts' own password, which nobody but their server is told.</summary>
    public const string MainPassword = "main-password-of-a-test";

    private const string Version = "0.3.215";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // Says where it listens, once it does, to whoever listens at the port that it was given.
    private const string Script = $$"""
        import { connect } from 'node:net'
        import { TestNetworkNoAppView } from '@atproto/dev-env'
        const [pds, plc, told] = process.argv.slice(2).map(Number)
        const network = await TestNetworkNoAppView.create({ pds: { port: pds }, plc: { port: plc } })
        const call = async (name, token, body) => {
          const answer = await fetch(`${network.pds.url}/xrpc/${name}`, {
            method: 'POST', body: JSON.stringify(body),
            headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) } })
          if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`)
          return answer.json()
        }
        const accounts = {}
        for (const name of ['ann', 'bob']) {
          const made = await call('com.atproto.server.createAccount', null,
            { email: `${name}@example.com`, handle: `${name}.test`, password: '{{MainPassword}}' })
          const app = await call('com.atproto.server.createAppPassword', made.accessJwt, { name: 'PostMantis' })
          accounts[name] = { did: made.did, password: app.password }
        }
        connect(told, '127.0.0.1').end(JSON.stringify({ pds: network.pds.url, plc: network.plc.url, accounts }) + '\n')
        """;

    private readonly ChildServer _process;
    private readonly JsonNode _told;

    private BlueskyServer(ChildServer process, JsonNode told) => (_process, _told) = (process, told);

    public Uri Address => new((string)_told["pds"]!);

    public Uri Directory => new((string)_told["plc"]!);

    public (string Did, string Password) Account(string name) =>
        ((string)_told["accounts"]![name]!["did"]!, (string)_told["accounts"]![name]!["password"]!);

    /// <summary>Starts it; the reason instead where this machine cannot.</summary>
    public static async Task<(BlueskyServer? Server, string? Reason)> StartAsync()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        if (!Array.Exists(path, folder => File.Exists(Path.Combine(folder, "node"))) || !Array.Exists(path, folder => File.Exists(Path.Combine(folder, "npm"))))
            return (null, "Node with npm is missing");
        var folder = Path.Combine(Root(), ".postmantis", $"bluesky-{Version}");
        var installed = Path.Combine(folder, "installed");
        if (!File.Exists(installed))
        {
            System.IO.Directory.CreateDirectory(folder);
            // Gently: a compiler that takes every processor lets the transactions of other tests run into their limits.
            await ChildServer.RunAsync("nice", ["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", $"@atproto/dev-env@{Version}"]);

            // The one package of it that is compiled here.
            await ChildServer.RunAsync("nice", ["npm", "rebuild", "--prefix", folder, "better-sqlite3"]);
            await File.WriteAllTextAsync(installed, Version);
        }
        await File.WriteAllTextAsync(Path.Combine(folder, "server.mjs"), Script);
        using var ear = new TcpListener(IPAddress.Loopback, 0);
        ear.Start();
        var process = ChildServer.Start("node", [Path.Combine(folder, "server.mjs"), $"{PostgresServer.FreePort()}",
            $"{PostgresServer.FreePort()}", $"{((IPEndPoint)ear.LocalEndpoint).Port}"],
            new Dictionary<string, string?> { ["LOG_ENABLED"] = "false", ["NODE_ENV"] = "test" });
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            using var told = await ear.AcceptTcpClientAsync(patience.Token);
            using var reader = new StreamReader(told.GetStream());
            return (new BlueskyServer(process, JsonNode.Parse((await reader.ReadLineAsync(patience.Token))!)!), null);
        }
        catch (OperationCanceledException)
        {
            await process.DisposeAsync();
            throw new InvalidOperationException($"Bluesky's server did not start: {process.Output}");
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "PostMantis.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
