using PostMantis.Core.Deliveries;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Deliveries;

public sealed class RetryPolicyTests
{
    private static readonly DeliveryOptions _options = new();

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 10)]
    [InlineData(3, 20)]
    [InlineData(8, 640)]
    [InlineData(9, 1280)]
    [InlineData(10, 1800)]
    [InlineData(500, 1800)]
    public void The_wait_doubles_up_to_a_ceiling(int tries, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Delay(tries, null, 1));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.5, 10)]
    [InlineData(0.25, 5)]
    public void The_jitter_is_full(double sample, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Delay(3, null, sample));

    [Theory]
    [InlineData(0, 60)]
    [InlineData(1, 65)]
    public void Nobody_comes_back_sooner_than_asked(double sample, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Delay(1, TimeSpan.FromSeconds(60), sample));

    [Fact]
    public void A_wait_of_nothing_asked_is_nothing_asked() =>
        Assert.Equal(TimeSpan.FromSeconds(5), Delay(1, TimeSpan.Zero, 1));

    private static TimeSpan Delay(int tries, TimeSpan? retryAfter, double sample) =>
        RetryPolicy.Delay(_options, DeliveryErrorCode.ProviderUnavailable, tries, retryAfter, sample);
}
