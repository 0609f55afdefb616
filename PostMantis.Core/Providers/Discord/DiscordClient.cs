using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Discord;

/// <summary>Speaks the API of bots.</summary>
internal sealed class DiscordClient(DiscordSettings settings, ProviderTransport transport) : ProviderClient(DiscordProvider.Name, settings, transport)
{
    public static ProviderErrors Errors { get; } = new("Discord");

    /// <summary>One call as the bot; its token never stands in an address.</summary>
    public Task<ProviderAnswer> CallAsync(HttpMethod method, string path, string token, CancellationToken ct, HttpContent? content = null)
    {
        var request = Request(method, At(path), null, content);
        request.Headers.TryAddWithoutValidation("Authorization", $"Bot {token}");
        return SendAsync(request, [token], ct);
    }

    protected override (string? Code, string? Message) ReadError(JsonNode? body) => (body.NumberId("code"), body.Text("message"));

    /// <summary>What an answer that is no yes means.</summary>
    public static DeliveryError ErrorOf(ProviderAnswer answer) => ((int?)answer.Status, answer.Code) switch
    {
        (null or >= 500 or (>= 200 and < 300), _) => Errors.Unavailable(answer),
        (429, _) or (_, "20016" or "20028") => Errors.RateLimited(answer),
        (401, _) => Errors.Revoked(answer),
        (_, "10003" or "50001" or "50013") or (403, _) => Errors.Restricted(answer, "The bot may not write in this channel."),
        (413, _) or (_, "40005") => Errors.Media(answer),
        (400, _) => Errors.Content(answer),
        _ => Errors.Misconfigured(answer),
    };
}
