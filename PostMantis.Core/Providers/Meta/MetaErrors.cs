using System.Net;
using static PostMantis.Core.Providers.DeliveryErrorCode;

namespace PostMantis.Core.Providers.Meta;

/// <summary>What a Graph error means to us.</summary>
internal enum MetaMeaning
{
    /// <summary>It passes by itself.</summary>
    Transient,

    /// <summary>A budget is used up for minutes.</summary>
    Throttled,

    /// <summary>The number of posts a day is used up.</summary>
    Quota,

    /// <summary>Posting is blocked for hours because it looks like abuse.</summary>
    Blocked,

    /// <summary>The grant is over.</summary>
    Revoked,

    /// <summary>A permission is missing or was taken back.</summary>
    Permission,

    /// <summary>The text, link or an option is refused.</summary>
    Content,

    /// <summary>A file is refused.</summary>
    Media,

    /// <summary>A file could not be fetched from us.</summary>
    Unfetched,

    /// <summary>The same was posted a moment ago.</summary>
    Duplicate,

    /// <summary>The account's owner has to do something at the network.</summary>
    Owner,

    /// <summary>The object is not there, or not for this token.</summary>
    Missing,

    /// <summary>The container is not ready yet; nothing was published.</summary>
    NotReady,

    /// <summary>The container is unknown or too old.</summary>
    Gone,

    /// <summary>We asked for something the API does not know.</summary>
    Misconfigured,
}

/// <summary>What some codes of one network mean.</summary>
internal sealed record MetaCodes(MetaMeaning Meaning)
{
    /// <summary>Codes, whatever their subcode.</summary>
    public IReadOnlyList<long> Codes { get; init; } = [];

    /// <summary>Subcodes, whatever their code.</summary>
    public IReadOnlyList<long> Subcodes { get; init; } = [];

    /// <summary>Subcodes of one code.</summary>
    public IReadOnlyList<(long Code, long Subcode)> Pairs { get; init; } = [];

    /// <summary>A code or subcode of 0 is any.</summary>
    internal IEnumerable<(long Code, long Subcode)> All =>
        [.. Pairs, .. Codes.Select(code => (code, 0L)), .. Subcodes.Select(subcode => (0L, subcode))];
}

/// <summary>Reads errors of one network of Meta: by code and subcode, never by status or type.</summary>
/// <param name="network">What people call it.</param>
/// <param name="own">What codes mean there.</param>
internal sealed class MetaErrors(string network, params MetaCodes[] own) : ProviderErrors(network)
{
    private const int FetchTries = 3;
    private static readonly TimeSpan Hours = TimeSpan.FromHours(1);
    private readonly Dictionary<(long Code, long Subcode), MetaMeaning> _own =
        own.SelectMany(codes => codes.All.Select(code => (code, codes.Meaning))).ToDictionary();

    public DeliveryError Unfetched(ProviderAnswer? answer = null, bool retryable = true) => new(MediaUnavailable,
        $"{Network} could not fetch a file from this server.", retryable ? NextStep.Wait : NextStep.AskOperator, retryable,
        answer?.Error);

    /// <summary>What an error means; null when the answer is no error.</summary>
    public MetaMeaning? MeaningOf(ProviderAnswer answer)
    {
        if (answer.Silence is not null) return MetaMeaning.Transient;

        // Uploads say it their own way, with any status.
        if (answer.Body.Flag("debug_info", "retriable") is { } again) return again ? MetaMeaning.Unfetched : MetaMeaning.Media;
        if (answer.IsSuccess) return null;
        if (MetaClient.CodeOf(answer) is not { } error) return ByStatus(answer);
        if (_own.TryGetValue(error, out var known) || _own.TryGetValue((0, error.Subcode), out known)
            || _own.TryGetValue((error.Code, 0), out known))
            return known;
        return error switch
        {
            (4 or 17 or 32 or 341 or 613 or 80001 or 80002, _) => MetaMeaning.Throttled,
            (368, _) => MetaMeaning.Blocked,
            (102 or 190, _) => MetaMeaning.Revoked,
            (3 or 10 or (>= 200 and <= 299), _) => MetaMeaning.Permission,
            (506, _) => MetaMeaning.Duplicate,
            (100, 33) => MetaMeaning.Missing,
            (1 or 2, _) => MetaMeaning.Transient,
            _ when answer.IsServerFault || answer.Body.Flag("error", "is_transient") is true => MetaMeaning.Transient,
            (100 or 1609005, _) => MetaMeaning.Content,
            _ => ByStatus(answer),
        };
    }

    /// <summary>What an answer that is not a yes means for a delivery.</summary>
    public override DeliveryError Of(ProviderAnswer answer, bool isFile = false) =>
        Of(MeaningOf(answer) ?? MetaMeaning.Transient, answer);

    public override DeliveryError OfTrade(ProviderAnswer answer) => Of(answer);

    /// <summary>What a call that makes nothing public came to, when it was no yes.</summary>
    public override PublishOutcome BeforePublic(PublishWork work, ProviderAnswer answer, bool isFile = false)
    {
        var meaning = MeaningOf(answer) ?? MetaMeaning.Transient;
        return meaning switch
        {
            MetaMeaning.Transient or MetaMeaning.NotReady or MetaMeaning.Gone =>
                new PublishOutcome.Retry(Unavailable(answer), WaitOf(answer, meaning)),
            MetaMeaning.Unfetched when work.AttemptNumber < FetchTries => new PublishOutcome.Retry(Unfetched(answer)),
            _ => Refusal(answer, meaning),
        };
    }

    /// <summary>What the call that makes it public came to, when it was no yes that can be read.</summary>
    public override PublishOutcome OfPublicCall(PublishWork work, ProviderAnswer answer) => MeaningOf(answer) switch
    {
        _ when answer.Silence == ProviderSilence.NotSent => new PublishOutcome.Retry(Unavailable(answer)),
        _ when answer.Silence is not null => new PublishOutcome.Unconfirmed("connection_lost"),
        null => new PublishOutcome.Unconfirmed("unreadable_answer", answer.Error),
        MetaMeaning.Transient => new PublishOutcome.Unconfirmed("server_error", answer.Error),
        { } meaning => Refusal(answer, meaning),
    };

    /// <summary>What a refusal to renew means.</summary>
    public RefreshOutcome OfRenewal(ProviderAnswer answer) => MeaningOf(answer) is MetaMeaning.Revoked or MetaMeaning.Permission
        ? new RefreshOutcome.Revoked(Revoked(answer))
        : new RefreshOutcome.Transient(Unavailable(answer), WaitOf(answer, null));

    /// <summary>Why a lost call cannot be settled now.</summary>
    public static ReconcileOutcome.Inconclusive Undecided(ProviderAnswer answer) =>
        new(answer.Code ?? "no_answer", WaitOf(answer, null));

    /// <summary>How long to wait when a budget is used up.</summary>
    public static TimeSpan? WaitOf(ProviderAnswer answer, MetaMeaning? meaning) =>
        answer.Wait ?? MetaClient.RegainIn(answer)
        ?? (meaning is MetaMeaning.Blocked or MetaMeaning.Quota ? Hours : null);

    private PublishOutcome Refusal(ProviderAnswer answer, MetaMeaning meaning)
    {
        var error = Of(meaning, answer);
        return meaning is MetaMeaning.Throttled or MetaMeaning.Quota or MetaMeaning.Blocked
            ? new PublishOutcome.Deferred(error, WaitOf(answer, meaning))
            : new PublishOutcome.Rejected(error with { Retryable = false });
    }

    private static MetaMeaning ByStatus(ProviderAnswer answer) => answer.Status switch
    {
        _ when answer.IsServerFault => MetaMeaning.Transient,
        HttpStatusCode.TooManyRequests => MetaMeaning.Throttled,
        HttpStatusCode.Unauthorized => MetaMeaning.Revoked,
        HttpStatusCode.Forbidden => MetaMeaning.Permission,
        HttpStatusCode.NotFound => MetaMeaning.Missing,
        _ => MetaMeaning.Misconfigured,
    };

    private DeliveryError Of(MetaMeaning meaning, ProviderAnswer answer) => meaning switch
    {
        MetaMeaning.Throttled => RateLimited(answer),
        MetaMeaning.Quota => new(BudgetExhausted, $"{Network} takes no more posts of this account today.", NextStep.Wait,
            Retryable: true, answer.Error),
        MetaMeaning.Blocked => RateLimited(answer,
            $"{Network} has blocked posting for a while because it looks like spam; the owner can look into it there."),
        MetaMeaning.Revoked => Revoked(answer),
        MetaMeaning.Permission => new(AccountRestricted,
            $"{Network} misses a permission; connect the account again and leave every permission ticked.",
            NextStep.Reconnect, Retryable: false, answer.Error),
        MetaMeaning.Content => Content(answer),
        MetaMeaning.Media => Media(answer),
        MetaMeaning.Unfetched => Unfetched(answer, retryable: false),
        MetaMeaning.Duplicate => Duplicate(answer),
        MetaMeaning.Owner => Restricted(answer,
            $"{Network} asks the owner of the account for something first; they see it when they sign in there."),
        MetaMeaning.Missing => Restricted(answer),
        MetaMeaning.Misconfigured => Misconfigured(answer),
        _ => Unavailable(answer),
    };
}
