using System.Globalization;

namespace PostMantis.Core.Providers.Meta;

/// <summary>How many posts a day an account has left, read each time: the documented numbers contradict each other.</summary>
/// <param name="network">What people call it.</param>
/// <param name="edge">Below the account.</param>
internal sealed class MetaQuota(MetaClient client, string network, string edge, TimeProvider time)
{
    // The quota frees piece by piece: how soon it is worth asking again.
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(15);

    /// <summary>Tells the budget what is left.</summary>
    /// <returns>Why nothing can be published now; null when something can, or when the network does not say.</returns>
    public async Task<PublishOutcome?> FullAsync(PublishWork work, CancellationToken ct)
    {
        var answer = await client.ReadAsync($"{MetaClient.Edge(work.Target, edge)}?fields=quota_usage,config", work.Tokens, ct);
        if (!answer.IsSuccess || answer.Body.Objects("data") is not [var quota, ..]
            || quota.Number("quota_usage") is not { } used || quota.Number("config", "quota_total") is not { } total)
            return null;
        var left = (int)Math.Clamp(total - used, 0, int.MaxValue);
        work.Learn(new LearnedBudget(left, time.GetUtcNow() + Again));
        return left > 0
            ? null
            : new PublishOutcome.Deferred(new DeliveryError(DeliveryErrorCode.BudgetExhausted, string.Create(
                CultureInfo.InvariantCulture, $"{network} takes {total} posts of this account in 24 hours, and they are used up."),
                NextStep.Wait, Retryable: true), Again);
    }
}
