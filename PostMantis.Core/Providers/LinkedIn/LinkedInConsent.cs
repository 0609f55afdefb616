using System.Globalization;
using System.Net;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>
/// OAuth 2 without PKCE, which LinkedIn has for native apps only. One grant of a member serves the member and every page;
/// tokens live 60 days, and only apps of approved partners can renew them.
/// </summary>
internal sealed class LinkedInConsent(LinkedInClient client, LinkedInSettings settings) : IConsent
{
    public const string ReadScope = "r_organization_social";
    public const string AdminScope = "rw_organization_admin";
    public const string PersonPrefix = "urn:li:person:";
    public const string OrganizationPrefix = "urn:li:organization:";
    private const int PageSize = 20;
    private const int MostPages = 25;
    private static readonly string[] Publishers = ["ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"];

    public Uri ConsentPage => new(settings.LoginUrl, "/oauth/v2/authorization");

    public bool IsDenial(string error) => error is "user_cancelled_login" or "user_cancelled_authorize" or "access_denied";

    public Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        return Task.FromResult<ConsentStart>(new ConsentStart.Leave(OAuth.Url(ConsentPage, ("response_type", "code"),
            ("client_id", settings.ClientId), ("redirect_uri", trip.RedirectUri.AbsoluteUri), ("state", trip.State),
            ("scope", string.Join(' ', settings.Scopes)))));
    }

    public async Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(trip);
        ArgumentNullException.ThrowIfNull(back);
        var answer = await TokenAsync("authorization_code", [back.Code], ct,
            ("code", back.Code ?? ""), ("redirect_uri", trip.RedirectUri.AbsoluteUri));
        if (OAuth.Tokens(answer, client.Now) is not { } tokens)
            return new ConsentOutcome.Refused(answer.IsSuccess
                ? LinkedInErrors.Common.Unavailable(answer) : Refused(answer));
        if (tokens.Scopes.Count > 0 && settings.Scopes.Except(tokens.Scopes).ToList() is { Count: > 0 } missing)
            return new ConsentOutcome.Refused(LinkedInErrors.Common.MissingScopes(missing));
        var (member, who) = await MemberAsync(tokens, ct);
        return member is null
            ? new ConsentOutcome.Refused(who.IsSuccess
                ? LinkedInErrors.Common.Unavailable(who) : LinkedInErrors.Of(who, tokens))
            : new ConsentOutcome.Granted(tokens, member);
    }

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var (member, who) = await MemberAsync(tokens, ct);
        if (member is null) return Failed(who, tokens);
        List<Destination> found =
            [new(PersonPrefix + member.Id, member.Name, null, member.PictureUrl, new Dictionary<string, string>())];
        if (!tokens.Scopes.Contains(AdminScope)) return new DestinationsOutcome.Listed(found);
        for (var page = 0; page < MostPages; page++)
        {
            var answer = await client.GetAsync("/rest/organizationAcls?q=roleAssignee&state=APPROVED&start="
                + string.Create(CultureInfo.InvariantCulture, $"{page * PageSize}&count={PageSize}"), tokens.AccessToken, ct);
            // An app without the product is told so here; the member can post all the same.
            if (answer.Status == HttpStatusCode.Forbidden) break;
            if (!answer.IsSuccess || answer.Body.Objects("elements") is not { } roles) return Failed(answer, tokens);
            foreach (var role in roles)
            {
                var urn = (role.Text("organization") ?? role.Text("organizationTarget")) is { } named
                    && named.StartsWith(OrganizationPrefix, StringComparison.Ordinal) ? ProviderText.Id(named) : null;
                if (urn is null || !Publishers.Contains(role.Text("role")) || found.Exists(d => d.Id == urn)) continue;
                var about = await client.GetAsync(
                    "/rest/organizations/" + LinkedInClient.Segment(urn[OrganizationPrefix.Length..]), tokens.AccessToken, ct);
                if (about.SaysNothing) return Failed(about, tokens);
                found.Add(new Destination(urn, about.Body.Words("localizedName") ?? urn, about.Body.Words("vanityName"), null,
                    new Dictionary<string, string>()));
            }
            if (roles.Count < PageSize) break;
        }
        return new DestinationsOutcome.Listed(found);
    }

    public async Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var answer = await TokenAsync("refresh_token", [tokens.RefreshToken], ct,
            ("refresh_token", tokens.RefreshToken ?? ""));
        // The refresh token lives a year from its first day, whatever is renewed with it, and is not always repeated.
        if (OAuth.Tokens(answer, client.Now, tokens) is { } renewed) return new RefreshOutcome.Refreshed(renewed);
        return LinkedInErrors.Common.OfRefresh(answer, answer.Code is "invalid_request" or "invalid_grant");
    }

    // Common in code, but on no page of the documentation: tried, and nothing depends on it.
    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        return client.PostFormAsync(new Uri(settings.LoginUrl, "/oauth/v2/revoke"),
            Form(("token", tokens.AccessToken)), [settings.ClientSecret, tokens.AccessToken], ct);
    }

    private async Task<(ProviderAccount? Member, ProviderAnswer Answer)> MemberAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync("/v2/userinfo", tokens.AccessToken, ct);
        return answer.IsSuccess && answer.Body.Id("sub") is { } id
            ? (new ProviderAccount(id, answer.Body.Words("name") ?? id, null, ProviderText.Url(answer.Body.Text("picture"))), answer)
            : (null, answer);
    }

    private Task<ProviderAnswer> TokenAsync(
        string grantType, string?[] secrets, CancellationToken ct, params (string Name, string Value)[] fields) =>
        client.PostFormAsync(new Uri(settings.LoginUrl, "/oauth/v2/accessToken"),
            Form([("grant_type", grantType), .. fields]), [settings.ClientSecret, .. secrets], ct);

    private Dictionary<string, string> Form(params (string Name, string Value)[] fields)
    {
        var form = fields.ToDictionary(f => f.Name, f => f.Value);
        (form["client_id"], form["client_secret"]) = (settings.ClientId ?? "", settings.ClientSecret ?? "");
        return form;
    }

    private static DeliveryError Refused(ProviderAnswer answer) => answer switch
    {
        { SaysNothing: true } => LinkedInErrors.Common.Unavailable(answer),
        { Code: "invalid_client" } => LinkedInErrors.Common.Misconfigured(answer, "LinkedIn does not know this app's secret."),
        _ => LinkedInErrors.Common.Revoked(answer),
    };

    private static DestinationsOutcome.Failed Failed(ProviderAnswer answer, GrantTokens tokens) => new(answer.IsSuccess
        ? LinkedInErrors.Common.Unavailable(answer) : LinkedInErrors.Of(answer, tokens));
}
