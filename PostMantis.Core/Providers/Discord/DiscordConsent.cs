namespace PostMantis.Core.Providers.Discord;

/// <summary>A bot's token and the id of a channel are the whole consent; the token does not run out.</summary>
internal sealed class DiscordConsent(DiscordClient client) : IConsent
{
    private const string TokenField = "botToken";
    private const string ChannelField = "channelId";

    public IReadOnlyList<ConsentField> Fields { get; } =
    [
        new(TokenField, "Bot token", "Of a bot of yours that may write in the channel: Discord's developer portal, Bot, Reset Token.", IsRequired: true, IsSecret: true),
        new(ChannelField, "Channel id", "In Discord with developer mode on: right-click the channel, Copy Channel ID.", IsRequired: true),
    ];

    public async Task<ConsentStart> StartAsync(ConsentTrip trip, CancellationToken ct)
    {
        var channel = trip.Input.GetValueOrDefault(ChannelField, "");
        if (channel.Length is < 5 or > 20 || !channel.All(char.IsAsciiDigit)) return No(ChannelField, "A channel's id is a long number.");
        if (ProviderText.Token(trip.Input.GetValueOrDefault(TokenField)) is not { } token) return No(TokenField, "That is not a bot's token.");
        var me = await client.CallAsync(HttpMethod.Get, "users/@me", token, ct);
        if (!me.IsSuccess || me.Body.Id("id") is not { } id)
            return me.Silence is null && !me.IsServerFault ? No(TokenField, "Discord does not know this token.") : new ConsentStart.Refused(DiscordClient.Errors.Of(me));
        var tokens = new GrantTokens { AccessToken = token, Secrets = new Dictionary<string, string> { [ChannelField] = channel } };
        var listed = await ListDestinationsAsync(tokens, ct);
        return listed is DestinationsOutcome.Listed
            ? new ConsentStart.Granted(tokens, new ProviderAccount($"{id}/{channel}", me.Body.Words("username") ?? id, me.Body.Words("username"), null))
            : No(ChannelField, "The bot does not see this channel.");

        static ConsentStart.Refused No(string field, string why) => new(DiscordClient.Errors.Misconfigured(null, why), field);
    }

    public Task<ConsentOutcome> ExchangeAsync(ConsentTrip trip, ConsentReturn back, CancellationToken ct) =>
        Task.FromResult<ConsentOutcome>(new ConsentOutcome.Refused(DiscordClient.Errors.Misconfigured(null, "Discord sends nobody back.")));

    public async Task<DestinationsOutcome> ListDestinationsAsync(GrantTokens tokens, CancellationToken ct)
    {
        var answer = await client.CallAsync(HttpMethod.Get, $"channels/{tokens.Secrets[ChannelField]}", tokens.AccessToken, ct);
        return answer.IsSuccess && answer.Body.Id("id") is { } id && answer.Body.Id("guild_id") is { } guild
            ? new DestinationsOutcome.Listed([new Destination(id, answer.Body.Words("name") ?? id, null, null,
                new Dictionary<string, string> { [DiscordPublisher.GuildFact] = guild })])
            : new DestinationsOutcome.Failed(DiscordClient.Errors.Of(answer));
    }

    public Task<RefreshOutcome> RefreshAsync(GrantTokens tokens, CancellationToken ct) =>
        Task.FromResult<RefreshOutcome>(new RefreshOutcome.Revoked(DiscordClient.Errors.Revoked()));

    // A bot's token belongs to its owner, who may use it elsewhere.
    public Task RevokeAsync(GrantTokens tokens, CancellationToken ct) => Task.CompletedTask;
}
