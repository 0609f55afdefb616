namespace PostMantis.Core.Providers.TikTok;

/// <summary>What TikTok's codes mean.</summary>
internal sealed class TikTokErrors() : ProviderErrors("TikTok")
{
    private const string NoMoreUsers = "reached_active_user_cap";
    private static readonly TimeSpan AMinute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Hours = TimeSpan.FromHours(2);

    public static TikTokErrors All { get; } = new();

    /// <summary>Errors come with status 200 too.</summary>
    public override bool SaysNothing(ProviderAnswer answer) =>
        answer.SaysNothing || (answer.IsSuccess && answer.Code is null) || answer.Code == "internal_error";

    protected override DeliveryError? Own(ProviderAnswer answer, bool isFile) => answer.Code switch
    {
        "access_token_invalid" => Expired(answer),
        "scope_not_authorized" or "scope_permission_missed" => Revoked(answer),
        "rate_limit_exceeded" => RateLimited(answer),
        "spam_risk_too_many_posts" or "spam_risk_too_many_pending_share" =>
            RateLimited(answer, "TikTok takes no more posts of this account for now."),
        NoMoreUsers => RateLimited(answer, "The app has reached TikTok's number of users for a day."),
        "spam_risk_user_banned_from_posting" => Restricted(answer, "TikTok does not let this account post."),
        "unaudited_client_can_only_post_to_private_accounts" => Misconfigured(answer,
            "TikTok has not audited this app: until then it posts to private accounts only, with privacyLevel selfOnly."),
        "url_ownership_unverified" => Misconfigured(answer,
            "The address of this instance is not verified in TikTok's developer portal: photos are fetched from there."),
        "privacy_level_option_mismatch" => Content(answer, "TikTok does not offer this privacyLevel to the account."),
        "invalid_param" or "invalid_params" => Content(answer),
        _ => null,
    };

    // No header says how long to wait, so the code does.
    protected override TimeSpan? WaitOf(ProviderAnswer answer) => answer.Wait ?? (UsedUp(answer) is null ? AMinute : Hours);

    protected override BudgetScope? UsedUp(ProviderAnswer answer) => answer.Code switch
    {
        "spam_risk_too_many_posts" or "spam_risk_too_many_pending_share" => BudgetScope.Profile,
        NoMoreUsers => BudgetScope.App,
        _ => null,
    };

    /// <summary>Why a post that was on its way failed.</summary>
    public PublishOutcome OfFailure(string? reason)
    {
        var error = reason switch
        {
            "internal" or "video_pull_failed" or "photo_pull_failed" => Unavailable(),
            "auth_removed" => Revoked(),
            "spam_risk_too_many_posts" or "spam_risk_user_banned_from_posting" => Restricted(),
            "spam_risk" or "spam_risk_text" or "publish_cancelled" or null => Content(),
            _ => Media(message: $"TikTok does not take the file ({reason})."),
        } with { Provider = new ProviderError(reason, null, null) };
        return error.Retryable ? new PublishOutcome.Retry(error) : new PublishOutcome.Rejected(error);
    }
}
