using Microsoft.AspNetCore.Http;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Webhooks;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Webhooks;

/// <summary>The fields of an endpoint as they stand in its form.</summary>
public sealed record WebhookForm(string Name, string Url, WebhookMode Mode, IReadOnlyList<string> Types,
    IReadOnlyList<Guid> Brands, IReadOnlyList<Guid> Profiles)
{
    public static WebhookForm Empty { get; } = new("", "", WebhookMode.Both, [], [], []);

    public WebhookSettings Settings => new(Name, Url, Mode, Types, Brands, Profiles);

    public static WebhookForm From(WebhookEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return new WebhookForm(endpoint.Name, endpoint.Url, endpoint.Mode, endpoint.Types, endpoint.BrandIds, endpoint.ProfileIds);
    }

    public static WebhookForm From(IFormCollection form)
    {
        ArgumentNullException.ThrowIfNull(form);
        return new WebhookForm(form["name"].ToString(), form["url"].ToString(),
            CamelCase.TryParse<WebhookMode>(form["mode"], out var mode) ? mode : WebhookMode.Both,
            [.. form["types"].OfType<string>().Where(EventTypes.All.Contains)], Ids(form["brands"]), Ids(form["profiles"]));
    }

    /// <summary>Puts what was refused beside its fields.</summary>
    public static FormErrors Errors(ProblemException problem) => FormErrors.From(problem, ("/name", "name"), ("/url", "url"),
        ("/types", "types"), ("/brands", "brands"), ("/profiles", "profiles"));

    private static IReadOnlyList<Guid> Ids(IEnumerable<string?> texts) =>
        [.. texts.Select(t => Guid.TryParseExact(t, "D", out var id) ? id : Guid.Empty).Where(id => id != Guid.Empty)];
}
