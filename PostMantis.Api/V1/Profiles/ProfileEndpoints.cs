using PostMantis.Api.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Profiles;

namespace PostMantis.Api.V1.Profiles;

internal static class ProfileEndpoints
{
    public static void MapProfiles(this IEndpointRouteBuilder v1)
    {
        var profiles = v1.MapGroup("/profiles").WithTags("Profiles");
        profiles.MapGet("/", ListAsync).WithName("ListProfiles").WithSummary("List profiles")
            .WithDescription("In the order they were connected; active ones unless status says otherwise.")
            .Produces<Several<ProfileResource>>();
        profiles.MapGet("/{id}", GetAsync).WithName("GetProfile").WithSummary("Read one profile")
            .Produces<Single<ProfileResource>>();
        profiles.MapPost("/{id}/disconnect", DisconnectAsync).WithName("DisconnectProfile")
            .WithIdempotencyKey(Permission.Read).WithSummary("End a profile")
            .WithDescription("Needs the grant disconnect. Tokens are erased with their connection's last profile, history "
                + "is kept, and waiting deliveries fail with profileDisconnected.")
            .Produces(StatusCodes.Status204NoContent);
    }

    private static async Task<ApiAnswer> ListAsync(
        HttpContext http, Caller caller, ProfileReader reader, CancellationToken ct)
    {
        var query = new QueryReader(http.Request.Query);
        var asked = new ProfileQuery(query.Texts("provider"), query.OneOf<ProfileStatus>("status"), query.Ids("brandId"),
            query.Texts("externalId"));
        var slice = query.Page();
        query.Finish();
        return ApiAnswer.List(await reader.ListAsync(caller, asked, slice, ct));
    }

    private static async Task<ApiAnswer> GetAsync(
        string id, HttpContext http, Caller caller, ProfileReader reader, CancellationToken ct)
    {
        new QueryReader(http.Request.Query).Finish();
        return ApiAnswer.Data(await reader.GetAsync(caller, ApiSetup.IdOf(id, "profile"), ct));
    }

    private static async Task<ApiAnswer> DisconnectAsync(string id, JsonBody body, HttpContext http, Caller caller,
        ProfileDisconnector disconnector, CancellationToken ct)
    {
        new QueryReader(http.Request.Query).Finish();
        body.RequireEmpty();
        await disconnector.DisconnectAsync(caller, ApiSetup.IdOf(id, "profile"), ct);
        return ApiAnswer.NoContent();
    }
}
