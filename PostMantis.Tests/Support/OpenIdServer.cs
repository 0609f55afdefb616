using System.Globalization;

namespace PostMantis.Tests.Support;

/// <summary>A real OpenID Connect provider (oidc-provider, from npm) that believes whoever gives a name.</summary>
internal sealed class OpenIdServer : IAsyncDisposable
{
    private const string Program = """
        const [program, port, back] = process.argv.slice(-3);
        const { default: Provider } = await import(program);
        const provider = new Provider(`http://127.0.0.1:${port}`, {
          clients: [{ client_id: 'postmantis', client_secret: 'a secret of the two of them', redirect_uris: [back] }],
          claims: { openid: ['sub'], email: ['email', 'email_verified'] },
          conformIdTokenClaims: false,
          pkce: { required: () => true },
          findAccount: (_, id) => ({
            accountId: id, claims: () => ({ sub: id, email: `${id}@idp.example`, email_verified: true }),
          }),
        });
        provider.listen(Number(port), '127.0.0.1');
        """;

    private readonly ChildServer _process;

    private OpenIdServer(ChildServer process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    /// <summary>The settings that make a host know it.</summary>
    public Dictionary<string, string?> Settings => new()
    {
        ["OpenIdConnect:Authority"] = Address.AbsoluteUri.TrimEnd('/'),
        ["OpenIdConnect:ClientId"] = "postmantis",
        ["OpenIdConnect:ClientSecret"] = "a secret of the two of them",
        ["OpenIdConnect:Name"] = "Example ID",
    };

    /// <summary>Starts one that sends browsers back to <paramref name="host"/>.</summary>
    public static async Task<OpenIdServer> StartAsync(Uri host)
    {
        var port = PostgresServer.FreePort();
        var address = new Uri($"http://127.0.0.1:{port}");
        var process = ChildServer.Start("node", ["--input-type=module", "-e", Program, await NodeTools.FileAsync("oidc-provider", "lib", "index.js"),
            port.ToString(CultureInfo.InvariantCulture), new Uri(host, "/sign-in/openid").AbsoluteUri]);
        using var client = new HttpClient();
        for (var tries = 0; ; tries++)
        {
            try
            {
                using var answer = await client.GetAsync(new Uri(address, "/.well-known/openid-configuration"));
                if (answer.IsSuccessStatusCode) return new OpenIdServer(process, address);
            }
            catch (HttpRequestException) when (!process.HasExited)
            {
            }
            if (tries == 200 || process.HasExited) throw new InvalidOperationException($"oidc-provider does not start: {process.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
