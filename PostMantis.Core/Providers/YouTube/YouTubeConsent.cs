namespace PostMantis.Core.Providers.YouTube;

/// <summary>Google's OAuth 2 with PKCE; consent is asked for each time, because only then a refresh token comes.</summary>
internal sealed class YouTubeConsent(YouTubeClient client, YouTubeSettings settings, TimeProvider time)
    : OAuthConsent(client, settings, YouTubeErrors.All, time, new OAuthWay(
        new Uri(settings.ConsentUrl, "/o/oauth2/v2/auth"), new Uri(settings.TokenUrl, "/token"), YouTubeSettings.Scopes)
    {
        Asked = [("access_type", "offline"), ("prompt", "consent")],
    })
{
    /// <summary>The fact that names the playlist of a channel's uploads.</summary>
    public const string UploadsFact = "uploads";

    public override async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync("/youtube/v3/channels?part=snippet,contentDetails&mine=true", tokens.AccessToken, ct);
        // A person without a channel gets an answer without items, or with none in them.
        if (!answer.IsSuccess || answer.Body.Text("kind") is null) return Failed(answer, tokens);
        List<Destination> found = [];
        foreach (var channel in answer.Body.Objects("items") ?? [])
        {
            if (channel.Id("id") is not { } id) continue;
            var facts = new Dictionary<string, string>();
            if (channel.Id("contentDetails", "relatedPlaylists", "uploads") is { } uploads) facts[UploadsFact] = uploads;
            found.Add(new Destination(id, channel.Words("snippet", "title") ?? id, channel.Words("snippet", "customUrl")?.TrimStart('@'),
                ProviderText.Url(channel.Text("snippet", "thumbnails", "default", "url")), facts));
        }
        return new DestinationsOutcome.Listed(found);
    }

    // In the form, not in the address: addresses are written down on the way.
    public override Task RevokeAsync(GrantTokens tokens, CancellationToken ct) =>
        client.PostFormAsync(new Uri(settings.TokenUrl, "/revoke"),
            new Dictionary<string, string> { ["token"] = tokens.RefreshToken ?? tokens.AccessToken }, tokens.AllSecrets(), ct);
}
