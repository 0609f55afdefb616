namespace PostMantis.Core.Providers.X;

/// <summary>OAuth 2.0 with PKCE; codes live half a minute, refresh tokens serve once.</summary>
internal sealed class XConsent(XClient client, XSettings settings, TimeProvider time)
    : OAuthConsent(client, settings, XClient.Errors, time, new OAuthWay(settings.AuthorizeUrl, client.At("/2/oauth2/token"),
        ["tweet.read", "tweet.write", "users.read", "media.write", "offline.access"])
    {
        Over = ["invalid_request", "invalid_grant"], RevokeUrl = client.At("/2/oauth2/revoke"), RevokesRefreshToken = true,
    })
{
    public const string UserFact = "username";
    public const string SubscriptionFact = "subscription";

    protected override Task DiscardAsync(GrantTokens tokens, CancellationToken ct) => RevokeAsync(tokens, ct);

    public override async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var (answer, destination) = await AccountAsync(tokens, ct);
        return destination is null ? Failed(answer, tokens) : new DestinationsOutcome.Listed([destination]);
    }

    /// <summary>The account as the only place to publish to; its subscription decides how long a post may be.</summary>
    public async Task<(ProviderAnswer Answer, Destination? Destination)> AccountAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync(client.At("/2/users/me?user.fields=profile_image_url,verified,verified_type,subscription_type,protected"),
            tokens.AccessToken, ct);
        var user = answer.Body.Get("data");
        if (!answer.IsSuccess || user.Id("id") is not { } id || user.Words("username") is not { } name) return (answer, null);
        return (answer, new Destination(id, user.Words("name") ?? name, $"@{name}", ProviderText.Url(user.Text("profile_image_url")),
            new Dictionary<string, string> { [UserFact] = name, [SubscriptionFact] = user.Words("subscription_type") ?? "None" }));
    }

    // A client with a secret shows it in the header and does not name itself in the form.
    protected override Task<ProviderAnswer> TokenAsync(
        Uri url, IEnumerable<string?> secrets, IEnumerable<(string Name, string Value)> fields, CancellationToken ct)
    {
        var form = fields.ToDictionary(field => field.Name, field => field.Value);
        Dictionary<string, string> headers = [];
        if (string.IsNullOrEmpty(settings.ClientSecret)) form["client_id"] = settings.ClientId ?? "";
        else headers["Authorization"] = ProviderClient.Basic(settings.ClientId ?? "", settings.ClientSecret);
        return client.PostFormAsync(url, form, [settings.ClientSecret, .. secrets], ct, headers: headers);
    }
}
