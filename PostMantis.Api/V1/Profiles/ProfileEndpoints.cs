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
        profiles.MapGet("/{id}/limits", LimitsAsync).WithName("GetProfileLimits").WithSummary("Read what a profile takes now")
            .WithDescription("Text rule, media, features, option schema, and its budget: what is used, what is left, when it "
                + "resets and when the next post has room.")
            .Produces<Single<ProfileLimits>>();
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

    private static async Task<ApiAnswer> LimitsAsync(
        string id, HttpContext http, Caller caller, BudgetForecast forecast, CancellationToken ct)
    {
        new QueryReader(http.Request.Query).Finish();
        return ApiAnswer.Data(await forecast.ReadAsync(caller, ApiSetup.IdOf(id, "profile"), ct));
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
