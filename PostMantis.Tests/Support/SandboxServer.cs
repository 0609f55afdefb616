using System.Buffers.Text;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Npgsql;
using PostMantis.Api.Sandbox;

namespace PostMantis.Tests.Support;

/// <summary>The real sandbox network on a port of its own: the judge of what was published.</summary>
internal sealed class SandboxServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly NpgsqlDataSource _database;

    private SandboxServer(WebApplication app, Uri address, string connectionString)
    {
        (_app, Address) = (app, address);
        _database = NpgsqlDataSource.Create(connectionString);
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = address };
    }

    public Uri Address { get; }

    public HttpClient Client { get; }

    /// <summary>Starts the network on a free port, in a database of its own unless one is given.</summary>
    public static async Task<SandboxServer> StartAsync(string? connectionString = null, TimeProvider? time = null,
        IReadOnlyDictionary<string, string?>? settings = null)
    {
        connectionString ??= await PostgresServer.Current.CreateDatabaseAsync();
        var address = new Uri($"http://127.0.0.1:{PostgresServer.FreePort()}");
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:postmantis"] = connectionString,
            ["Sandbox:Url"] = address.AbsoluteUri,
            ["Sandbox:Control"] = "true",
        }).AddInMemoryCollection(settings ?? new Dictionary<string, string?>()).Build();
        var app = SandboxApp.Build([], configuration, time);
        await app.StartSandboxAsync(CancellationToken.None);
        return new SandboxServer(app, address, connectionString);
    }

    /// <summary>The settings that point a host at this network.</summary>
    public Dictionary<string, string?> Settings => new() { ["Providers:Sandbox:BaseUrl"] = Address.AbsoluteUri };

    /// <summary>Says yes for <paramref name="account"/> as a person does, and answers where the browser is sent.</summary>
    public async Task<Uri> ConsentAsync(Uri authorizeUrl, string account = "studio", string decision = "allow")
    {
        using var page = await Client.GetAsync(authorizeUrl);
        Assert.Equal(200, (int)page.StatusCode);
        var form = System.Web.HttpUtility.ParseQueryString(authorizeUrl.Query);
        var fields = form.AllKeys.ToDictionary(k => k!, k => form[k]!);
        (fields["account"], fields["decision"]) = (account, decision);
        using var answer = await Client.PostAsync(new Uri(Address, "/oauth/authorize"), new FormUrlEncodedContent(fields));
        Assert.Equal(302, (int)answer.StatusCode);
        return answer.Headers.Location!;
    }

    /// <summary>The whole trip for <paramref name="account"/>: an access token.</summary>
    public async Task<string> ConnectAsync(string account)
    {
        const string back = "http://127.0.0.1:5080/connect/callback/sandbox";
        var verifier = new string('v', 64);
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        var url = await ConsentAsync(new Uri(Address, "/oauth/authorize?response_type=code&client_id=postmantis&state=s"
            + $"&redirect_uri={Uri.EscapeDataString(back)}&code_challenge={challenge}&code_challenge_method=S256"), account);
        using var answer = await Client.PostAsync("/oauth/token", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "authorization_code",
            ["client_id"] = "postmantis",
            ["client_secret"] = "sandbox-client-secret",
            ["code"] = System.Web.HttpUtility.ParseQueryString(url.Query)["code"]!,
            ["redirect_uri"] = back,
            ["code_verifier"] = verifier,
        }));
        return (string)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["access_token"]!;
    }

    /// <summary>Everything in some tables of the network, as text.</summary>
    public async Task<string> DumpAsync(params string[] tables)
    {
        var rows = new StringBuilder();
        foreach (var table in tables)
        {
            await using var command = _database.CreateCommand($"SELECT to_json(t)::text FROM sandbox.{table} t");
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync()) rows.AppendLine(reader.GetString(0));
        }
        return rows.ToString();
    }

    /// <summary>Every root post the network ever took, removed ones too.</summary>
    public async Task<IReadOnlyList<(string Destination, string Body)>> PostsAsync()
    {
        await using var command = _database.CreateCommand(
            "SELECT destination_id, body FROM sandbox.posts WHERE parent_id IS NULL ORDER BY created_at, id");
        await using var rows = await command.ExecuteReaderAsync();
        List<(string, string)> found = [];
        while (await rows.ReadAsync()) found.Add((rows.GetString(0), rows.GetString(1)));
        return found;
    }

    /// <summary>As <see cref="PostsAsync"/>, with the network's ids.</summary>
    public async Task<IReadOnlyList<(string Destination, string Body, string Id)>> RootsAsync()
    {
        await using var command = _database.CreateCommand(
            "SELECT destination_id, body, id::text FROM sandbox.posts WHERE parent_id IS NULL");
        await using var rows = await command.ExecuteReaderAsync();
        List<(string, string, string)> found = [];
        while (await rows.ReadAsync()) found.Add((rows.GetString(0), rows.GetString(1), rows.GetString(2)));
        return found;
    }

    /// <summary>Holds the next requests before or after the network commits.</summary>
    public async Task<Hold> HoldAsync(string when, int count = 1)
    {
        using var answer = await Client.PostAsync(new Uri(Address, $"/control/holds?when={when}&count={count}"), null);
        var made = await answer.Content.ReadFromJsonAsync<JsonObject>();
        return new Hold(this, (Guid)made!["id"]!);
    }

    /// <summary>Others post, one a second until <paramref name="until"/>.</summary>
    public async Task CrowdAsync(string destinationId, int posts, DateTimeOffset until)
    {
        await using var command = _database.CreateCommand("""
            INSERT INTO sandbox.posts (id, destination_id, body, created_at)
            SELECT gen_random_uuid(), $1, 'other ' || n, $3 - n * interval '1 second' FROM generate_series(1, $2) n
            """);
        command.Parameters.AddWithValue(destinationId);
        command.Parameters.AddWithValue(posts);
        command.Parameters.AddWithValue(until);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The paths that were asked for, by one method only, oldest first.</summary>
    public async Task<IReadOnlyList<string>> RequestsAsync(string method = "POST")
    {
        var answer = await Client.GetFromJsonAsync<JsonObject>(new Uri(Address, "/control/requests"));
        return [.. answer!["requests"]!.AsArray().Where(r => (string)r!["method"]! == method).Select(r => (string)r!["path"]!)];
    }

    public async Task ControlAsync(string path)
    {
        using var answer = await Client.PostAsync(new Uri(Address, "/control" + path), null);
        answer.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        await _database.DisposeAsync();
    }

    /// <summary>Requests held at a point.</summary>
    internal sealed class Hold(SandboxServer server, Guid id)
    {
        /// <summary>Ends when as many requests wait as were asked for.</summary>
        public async Task ReachedAsync()
        {
            using var answer = await server.Client.GetAsync(new Uri(server.Address, $"/control/holds/{id}"));
            answer.EnsureSuccessStatusCode();
        }

        public async Task ReleaseAsync()
        {
            using var answer = await server.Client.DeleteAsync(new Uri(server.Address, $"/control/holds/{id}"));
            answer.EnsureSuccessStatusCode();
        }
    }
}
