using System.Text.Json.Nodes;

namespace PostMantis.Core.Providers.Discord;

/// <summary>Speaks the API of bots.</summary>
internal sealed class DiscordClient(DiscordSettings settings, ProviderTransport transport) : ProviderClient(DiscordProvider.Name, settings, transport)
{
    public static ProviderErrors Errors { get; } = new DiscordErrors();

    /// <summary>One call as the bot; its token never stands in an address.</summary>
    public Task<ProviderAnswer> CallAsync(HttpMethod method, string path, string token, CancellationToken ct, HttpContent? content = null)
    {
        var request = Request(method, At(path), null, content);
        request.Headers.TryAddWithoutValidation("Authorization", $"Bot {token}");
        return SendAsync(request, [token], ct);
    }

    protected override (string? Code, string? Message) ReadError(JsonNode? body) => (body.NumberId("code"), body.Text("message"));
}

/// <summary>What Discord's codes mean.</summary>
internal sealed class DiscordErrors() : ProviderErrors("Discord")
{
    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => ((int?)answer.Status, answer.Code) switch
    {
        (429, _) or (_, "20016" or "20028") => RateLimited(answer),
        (401, _) => Revoked(answer),
        (_, "10003" or "50001" or "50013") or (403, _) => Restricted(answer, "The bot may not write in this channel."),
        (_, "40005") => Media(answer),
        (404 or 409 or 422, _) => Misconfigured(answer),
        _ => null,
    };
}
