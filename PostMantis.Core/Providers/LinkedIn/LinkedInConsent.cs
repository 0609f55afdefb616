using System.Globalization;
using System.Net;

namespace PostMantis.Core.Providers.LinkedIn;

/// <summary>
/// OAuth 2 without PKCE, which LinkedIn has for native apps only. One grant of a member serves the member and every page;
/// tokens live 60 days, and only apps of approved partners can renew them.
/// </summary>
internal sealed class LinkedInConsent(LinkedInClient client, LinkedInSettings settings, TimeProvider time)
    : OAuthConsent(client, settings, LinkedInErrors.All, time, new OAuthWay(
        new Uri(settings.LoginUrl, "/oauth/v2/authorization"), new Uri(settings.LoginUrl, "/oauth/v2/accessToken"), settings.Scopes)
    {
        // Consent is all or nothing, and not always told. Ending a grant is on no page of the documentation: nothing depends on it.
        MayBeSilent = true, Challenge = PkceChallenge.None, Over = ["invalid_request", "invalid_grant"],
        Denials = ["user_cancelled_login", "user_cancelled_authorize", "access_denied"],
        RevokeUrl = new Uri(settings.LoginUrl, "/oauth/v2/revoke"),
    })
{
    public const string AdminScope = "rw_organization_admin";

    /// <summary>The fact that tells a page from a member.</summary>
    public const string PageFact = "page";

    public const string PersonPrefix = "urn:li:person:";
    public const string OrganizationPrefix = "urn:li:organization:";
    private const int PageSize = 20;
    private const int MostPages = 25;
    private static readonly string[] Publishers = ["ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"];

    protected override async Task<ConsentOutcome> WhoAsync(GrantTokens tokens, CancellationToken ct)
    {
        var (member, who) = await MemberAsync(tokens, ct);
        return member is null ? new ConsentOutcome.Refused(LinkedInErrors.All.Of(who, tokens)) : new ConsentOutcome.Granted(tokens, member);
    }

    public override async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
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
                    new Dictionary<string, string> { [PageFact] = "yes" }));
            }
            if (roles.Count < PageSize) break;
        }
        return new DestinationsOutcome.Listed(found);
    }

    private async Task<(ProviderAccount? Member, ProviderAnswer Answer)> MemberAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.GetAsync("/v2/userinfo", tokens.AccessToken, ct);
        return answer.IsSuccess && answer.Body.Id("sub") is { } id
            ? (new ProviderAccount(id, answer.Body.Words("name") ?? id, null, ProviderText.Url(answer.Body.Text("picture"))), answer)
            : (null, answer);
    }
}
