using PostMantis.Core.Providers;

namespace PostMantis.Api.Documents;

/// <summary>What networks read here to know which app is asking: documents about us, without any secret.</summary>
internal static class ClientDocuments
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void MapClientDocuments(this IEndpointRouteBuilder app) =>
        app.MapMethods("/connect/clients/{provider}/{name}.json", Methods, (string provider, string name, ProviderCatalog catalog) =>
            catalog.TryGet(provider, out var network) && network.PublicDocument(name) is { } document
                ? Results.Json(document) : Results.NotFound()).AllowAnonymous().ExcludeFromDescription();
}
