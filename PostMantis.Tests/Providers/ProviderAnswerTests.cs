using System.Net;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Providers;

/// <summary>What the headers of an answer say, in every dress they come in.</summary>
public sealed class ProviderAnswerTests
{
    private static readonly DateTimeOffset _now = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("X-RateLimit-", "90", 90.0)]
    [InlineData("x-rate-limit-", "1795867290", 90.0)]
    [InlineData("X-RateLimit-", "1795867290.5", 90.5)]
    [InlineData("X-RateLimit-", "2026-11-28T12:01:30.000000Z", 90.0)]
    [InlineData("RateLimit-", "999999999999999999999", null)]
    [InlineData("RateLimit-", "soon", null)]
    public void An_allowance_that_is_used_up_says_when_it_comes_back(string prefix, string reset, double? seconds)
    {
        using var response = new HttpResponseMessage(HttpStatusCode.TooManyRequests);
        response.Headers.TryAddWithoutValidation(prefix + "Remaining", "0");
        response.Headers.TryAddWithoutValidation(prefix + "Reset", reset);
        var answer = new ProviderAnswer(response, [], _ => (null, null), [], _now);
        Assert.Equal(seconds, answer.Wait?.TotalSeconds);
    }
}
