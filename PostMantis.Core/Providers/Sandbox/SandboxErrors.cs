using System.Net;

namespace PostMantis.Core.Providers.Sandbox;

/// <summary>What the network's refusals mean.</summary>
internal sealed class SandboxErrors() : ProviderErrors("The sandbox network")
{
    public static SandboxErrors All { get; } = new();

    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => (answer.Status, answer.Code) switch
    {
        (HttpStatusCode.Unauthorized, "token_expired") => Expired(answer),
        (HttpStatusCode.Unauthorized, _) => Revoked(answer),
        (HttpStatusCode.UnprocessableEntity, "media_rejected") => Media(answer),
        (HttpStatusCode.NotFound, _) => Restricted(answer),
        (HttpStatusCode.BadRequest or HttpStatusCode.Conflict, _) => Misconfigured(answer),
        _ => null,
    };
}
