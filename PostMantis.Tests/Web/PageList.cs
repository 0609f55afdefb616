using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>Every page of the dashboard by its route, with an address of it that somebody may open.</summary>
internal static class PageList
{
    private static readonly Dictionary<string, PageEntry> _entries = new(StringComparer.Ordinal)
    {
        ["/"] = new("/"),
        ["/account"] = new("/account"),
        ["/account/codes"] = new("/account/codes"),
        ["/account/data"] = new("/account/data"),
        ["/approvals"] = new("/approvals"),
        ["/audit"] = new("/audit"),
        ["/brands"] = new("/brands"),
        ["/brands/{id:guid}"] = new("/brands/{brand}"),
        ["/connect"] = new("/connect"),
        ["/connect/callback/{provider}"] = new("/connect/callback/sandbox?error=no&state=unknown", Status: 404),
        ["/connect/to/{provider}"] = new("/connect/to/sandbox"),
        ["/connect/used"] = new("/connect/used"),
        ["/connect/{id:guid}"] = new("/connect/{session}"),
        ["/content-guidelines"] = new("/content-guidelines", IsPublic: true),
        ["/docs"] = new("/docs", IsPublic: true),
        ["/docs/{*name}"] = new("/docs/access", IsPublic: true),
        ["/events"] = new("/events"),
        ["/forgot"] = new("/forgot", IsPublic: true),
        ["/keys"] = new("/keys"),
        ["/keys/new"] = new("/keys/new"),
        ["/keys/{id:guid}"] = new("/keys/{agent}"),
        ["/library"] = new("/library"),
        ["/log"] = new("/log"),
        ["/posts"] = new("/posts"),
        ["/calendar"] = new("/calendar"),
        ["/posts/bulk"] = new("/posts/bulk"),
        ["/posts/import"] = new("/posts/import"),
        ["/posts/new"] = new("/posts/new"),
        ["/posts/{id:guid}"] = new("/posts/{post}"),
        ["/posts/{id:guid}/edit"] = new("/posts/{draft}/edit"),
        ["/privacy"] = new("/privacy", IsPublic: true),
        ["/problems"] = new("/problems", IsPublic: true),
        ["/problems/{code}"] = new("/problems/duplicate-post", IsPublic: true),
        ["/profiles"] = new("/profiles"),
        ["/profiles/{id:guid}"] = new("/profiles/{profile}"),
        ["/reset-password"] = new("/reset-password?token=none", IsPublic: true),
        ["/security"] = new("/security", IsPublic: true),
        ["/setup"] = new("/setup", IsPublic: true),
        ["/sign-in"] = new("/sign-in", IsPublic: true),
        ["/sign-in/code"] = new("/sign-in/code", IsPublic: true),
        ["/sign-out"] = new("/sign-out"),
        ["/sign-up"] = new("/sign-up", IsPublic: true),
        ["/status/{code:int}"] = new("/status/404", IsPublic: true),
        ["/welcome"] = new("/welcome", IsPublic: true),
        ["/webhooks"] = new("/webhooks"),
        ["/webhooks/new"] = new("/webhooks/new"),
        ["/webhooks/{id:guid}"] = new("/webhooks/{endpoint}"),
        ["/webhooks/{id:guid}/edit"] = new("/webhooks/{endpoint}/edit"),
        ["/webhooks/{id:guid}/messages/{messageId:guid}"] = new("/webhooks/{endpoint}/messages/{message}"),
    };

    /// <summary>Every page that the host maps; fails when one has no entry above, or an entry no page.</summary>
    public static IReadOnlyList<PageEntry> Of(PostMantisHost host)
    {
        Assert.Equal(_entries.Keys.Order(StringComparer.Ordinal), RoutesOf(host));
        return [.. _entries.Values];
    }

    /// <summary>Every page by its pattern.</summary>
    public static IReadOnlyList<string> RoutesOf(PostMantisHost host) =>
        DashboardRoutes.Of([host.Services.GetRequiredService<EndpointDataSource>()]);
}

/// <summary>One page.</summary>
/// <param name="Path">Its address; <c>{post}</c> stands for the id of somebody's post, and so on.</param>
/// <param name="IsPublic">Whether it opens without sign-in.</param>
/// <param name="Status">What its owner is answered.</param>
internal sealed record PageEntry(string Path, bool IsPublic = false, int Status = 200)
{
    /// <summary>Whether the address names something that belongs to somebody.</summary>
    public bool IsOwned => Path.Contains('{', StringComparison.Ordinal);

    /// <summary>The address for what <paramref name="owner"/> owns.</summary>
    public string Of(Inhabitant owner) =>
        owner.Ids.Aggregate(Path, (path, id) => path.Replace($"{{{id.Key}}}", id.Value.ToString(), StringComparison.Ordinal));
}
