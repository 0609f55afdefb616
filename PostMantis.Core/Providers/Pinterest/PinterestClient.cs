using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Pinterest;

/// <summary>Speaks Pinterest's API of version 5.</summary>
internal sealed class PinterestClient(PinterestSettings settings, ProviderTransport transport)
    : ProviderClient(PinterestProvider.Name, settings, transport)
{
    public static ProviderErrors Errors { get; } = new PinterestErrors();

    public Task<ProviderAnswer> GetAsync(string path, string token, CancellationToken ct) => GetAsync(At(path), token, ct);

    public Task<ProviderAnswer> PostAsync(string path, JsonObject body, string token, CancellationToken ct) =>
        PostJsonAsync(At(path), body, token, ct);

    protected override (string? Code, string? Message) ReadError(JsonNode? body) => (
        body.Number("code")?.ToString(CultureInfo.InvariantCulture) ?? body.Text("code"), body.Text("message"));
}

/// <summary>What Pinterest's refusals mean: by the status first, then by its own code.</summary>
internal sealed class PinterestErrors() : ProviderErrors("Pinterest")
{
    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => (answer.Status, answer.Code) switch
    {
        (HttpStatusCode.Unauthorized, "3") => Revoked(answer),
        (HttpStatusCode.NotFound, "2031") => Content(answer, "The board has no such section."),
        (HttpStatusCode.NotFound, _) => Restricted(answer, "Pinterest no longer shows that board to this account."),
        (HttpStatusCode.Conflict, _) => Unavailable(answer),
        _ => null,
    };

    // Of its own header only the first number is sure.
    protected override TimeSpan? WaitOf(ProviderAnswer answer)
    {
        var digits = string.Concat((answer.Header("x-ratelimit-reset") ?? "").SkipWhile(c => !char.IsAsciiDigit(c)).TakeWhile(char.IsAsciiDigit));
        return answer.Wait ?? (int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(Math.Min(seconds, 86_400)) : null);
    }
}
