using PostMantis.Api.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Idempotency;
using PostMantis.Core.Media;

namespace PostMantis.Api.V1.Uploads;

internal static class UploadEndpoints
{
    public static void MapUploads(this IEndpointRouteBuilder v1)
    {
        var uploads = v1.MapGroup("/uploads").WithTags("Uploads");
        uploads.MapPost("/", StartAsync).WithName("CreateUpload").WithMetadata(new CountsAs(ApiBucket.Upload))
            .WithIdempotencyKey(_ => Permission.Draft, StartAgainAsync)
            .WithSummary("Reserve an upload, or import by URL")
            .WithDescription("201 says where to send the bytes: one request with uploadMethod, exactly the required headers "
                + "and exactly fileSize bytes to uploadUrl, no key. Then POST /uploads/complete. With url, 202: the import "
                + "runs by itself; artifact.verified or artifact.failed tells its end.")
            .Takes<CreateUploadRequest>()
            .Produces<Single<UploadTicket>>(StatusCodes.Status201Created)
            .Produces<Single<ArtifactResource>>(StatusCodes.Status202Accepted);
        uploads.MapPost("/complete", CompleteAsync).WithName("CompleteUpload").WithMetadata(new CountsAs(ApiBucket.Upload))
            .WithIdempotencyKey(_ => Permission.Draft, ReadAgainAsync)
            .WithSummary("Say that the bytes have been sent")
            .WithDescription("Reads the content and answers what it is: verified, or failed with the error. Asking again "
                + "answers the same.")
            .Takes<CreateCompletionRequest>()
            .Produces<Single<ArtifactResource>>();
        uploads.MapGet("/{id}", GetAsync).WithName("GetUpload").WithSummary("Read one artifact")
            .Produces<Single<ArtifactResource>>();
    }

    private static async Task<ApiAnswer> StartAsync(
        JsonBody body, Caller caller, Core.Media.Uploads uploads, HttpContext http, CancellationToken ct)
    {
        NoQuery(http);
        return Answer(await uploads.StartAsync(caller, body.Value, ct));
    }

    private static async Task<ApiAnswer> CompleteAsync(
        JsonBody body, Caller caller, Core.Media.Uploads uploads, HttpContext http, CancellationToken ct)
    {
        NoQuery(http);
        var artifact = await uploads.CompleteAsync(caller, body.Value, ct);
        return ApiAnswer.Of(artifact, StatusCodes.Status200OK, null, artifact.Id);
    }

    private static async Task<ApiAnswer> GetAsync(
        string id, HttpContext http, Caller caller, ArtifactReader reader, CancellationToken ct)
    {
        NoQuery(http);
        return ApiAnswer.Data(await reader.GetAsync(caller, ApiSetup.IdOf(id, "artifact"), ct));
    }

    // Signed addresses are made anew.
    private static async Task<ApiAnswer> StartAgainAsync(
        IServiceProvider services, Caller caller, IdempotencyKey first, CancellationToken ct) =>
        Answer(await services.GetRequiredService<Core.Media.Uploads>().AgainAsync(caller, first.ResourceId!.Value, ct)).AsReplay();

    private static async Task<ApiAnswer> ReadAgainAsync(
        IServiceProvider services, Caller caller, IdempotencyKey first, CancellationToken ct) =>
        ApiAnswer.Data(await services.GetRequiredService<ArtifactReader>().GetAsync(caller, first.ResourceId!.Value, ct))
            .AsReplay();

    private static ApiAnswer Answer(NewUpload upload)
    {
        var (id, at) = (upload.Artifact.Id, $"{ApiSetup.BasePath}/uploads/{upload.Artifact.Id}");
        return upload.Ticket is { } ticket
            ? ApiAnswer.Of(ticket, StatusCodes.Status201Created, at, id)
            : ApiAnswer.Of(upload.Artifact, StatusCodes.Status202Accepted, at, id);
    }

    private static void NoQuery(HttpContext http) => new QueryReader(http.Request.Query).Finish();
}
