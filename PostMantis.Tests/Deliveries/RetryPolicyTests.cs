using CsCheck;
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

    [Fact]
    public void Every_wait_is_bounded_and_never_shorter_than_asked() => Gen.Select(Gen.Enum<DeliveryErrorCode>(),
        Gen.Int[1, int.MaxValue], Gen.Long[0, TimeSpan.FromDays(2).Ticks], Gen.Double[0, 0.999999]).Sample((code, tries, ticks, sample) =>
    {
        var asked = TimeSpan.FromTicks(ticks);
        var free = RetryPolicy.Delay(_options, code, tries, null, sample);
        Assert.InRange(free, TimeSpan.Zero, _options.RetryMax);
        var held = RetryPolicy.Delay(_options, code, tries, asked, sample);
        if (ticks == 0) Assert.Equal(free, held);
        else Assert.InRange(held, asked, asked * 1.1);
        Assert.True(held <= asked + _options.RetryMax);
    });

    [Fact]
    public void A_later_try_waits_no_less_under_the_same_dice() => Gen.Select(Gen.Enum<DeliveryErrorCode>(),
        Gen.Int[1, 100], Gen.Double[0, 0.999999]).Sample((code, tries, sample) => Assert.True(
        RetryPolicy.Delay(_options, code, tries, null, sample) <= RetryPolicy.Delay(_options, code, tries + 1, null, sample)));

    private static TimeSpan Delay(int tries, TimeSpan? retryAfter, double sample) =>
        RetryPolicy.Delay(_options, DeliveryErrorCode.ProviderUnavailable, tries, retryAfter, sample);
}
