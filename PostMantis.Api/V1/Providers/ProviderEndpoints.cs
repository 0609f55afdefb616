using PostMantis.Api.Http;
using PostMantis.Core.Budgets;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Api.V1.Providers;

internal static class ProviderEndpoints
{
    public static void MapProviders(this IEndpointRouteBuilder v1)
    {
        var providers = v1.MapGroup("/providers").WithTags("Providers");
        providers.MapGet("/", List).WithName("ListProviders").WithSummary("List networks")
            .WithDescription("Rules and option schema of every network this instance knows, by name, in one answer.")
            .Produces<Several<ProviderResource>>();
        providers.MapGet("/{provider}", Get).WithName("GetProvider").WithSummary("Read one network")
            .Produces<Single<ProviderResource>>();
    }

    private static ApiAnswer List(HttpContext http, ProviderCatalog catalog, BudgetBook book)
    {
        new QueryReader(http.Request.Query).Finish();
        return ApiAnswer.List(new Page<ProviderResource>([.. catalog.All.OrderBy(p => p.Id, StringComparer.Ordinal)
            .Select(p => ProviderResource.From(p, book.RulesOf(p.Id)))], null, false));
    }

    private static ApiAnswer Get(string provider, HttpContext http, ProviderCatalog catalog, BudgetBook book)
    {
        new QueryReader(http.Request.Query).Finish();
        return catalog.TryGet(provider, out var found)
            ? ApiAnswer.Data(ProviderResource.From(found, book.RulesOf(found.Id)))
            : throw ProblemException.NotFound("provider");
    }
}
