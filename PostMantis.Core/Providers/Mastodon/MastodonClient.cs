using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Mastodon;

/// <summary>Speaks to the server that an account lives on.</summary>
internal sealed class MastodonClient(MastodonSettings settings, ProviderTransport transport)
    : ProviderClient(MastodonProvider.Name, settings, transport)
{
    /// <summary>Where a grant keeps its server, and the client registered there.</summary>
    public const string Server = "server";

    public const string ClientId = "clientId";
    public const string ClientSecret = "clientSecret";

    public static ProviderErrors Errors { get; } = new MastodonErrors();

    public static Uri At(string server, string path) => new(new Uri(server), path);

    /// <summary>
    /// What a person typed as an address: a name, an address or a whole handle; null when it is none. Plain http is for this
    /// machine only, which the guard lets through where an operator allows it.
    /// </summary>
    public static string? ServerOf(string typed)
    {
        var name = typed[(typed.LastIndexOf('@') + 1)..].Trim().TrimEnd('/');
        if (!name.Contains("://", StringComparison.Ordinal)) name = "https://" + name;
        return Uri.TryCreate(name, UriKind.Absolute, out var address) && address.UserInfo.Length == 0
            && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
                ? $"{address.Scheme}://{address.IdnHost}{(address.IsDefaultPort ? "" : $":{address.Port}")}"
                : null;
    }

    public Task<ProviderAnswer> GetAsync(GrantTokens tokens, string path, CancellationToken ct) =>
        GetAsync(At(tokens.Secrets[Server], path), tokens.AccessToken, ct);

    // Error texts come in the server's language: nothing is read from them but for people.
    protected override (string? Code, string? Message) ReadError(JsonNode? body) =>
        (body.Text("error_description") is null ? null : body.Text("error"), body.Text("error_description") ?? body.Text("error"));
}

/// <summary>What refusals mean, by their status: words come in the server's language.</summary>
internal sealed class MastodonErrors() : ProviderErrors("Mastodon")
{
    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => (int?)answer.Status switch
    {
        401 => Revoked(answer),
        403 when answer.Error.Message?.Contains("scope", StringComparison.OrdinalIgnoreCase) == true => Revoked(answer),
        404 when !isFile => Content(answer, "What this post answers is no longer there."),
        400 or 404 or 409 => Misconfigured(answer),
        _ => null,
    };
}
