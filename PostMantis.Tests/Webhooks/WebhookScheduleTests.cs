using PostMantis.Core.Webhooks;

namespace PostMantis.Tests.Webhooks;

public sealed class WebhookScheduleTests
{
    [Fact]
    public void The_schedule_is_the_contracts_with_a_fifth_of_jitter()
    {
        int[] seconds = [5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
        for (var failures = 1; failures <= seconds.Length; failures++)
        {
            var step = TimeSpan.FromSeconds(seconds[failures - 1]);
            Assert.Equal(step * 0.8, WebhookSchedule.Delay(failures, null, 0));
            Assert.Equal(step, WebhookSchedule.Delay(failures, null, 0.5));
            Assert.InRange(WebhookSchedule.Delay(failures, null, 0.999)!.Value, step * 1.19, step * 1.2);
        }
        Assert.Null(WebhookSchedule.Delay(seconds.Length + 1, null, 0.5));
        Assert.Null(WebhookSchedule.Delay(seconds.Length + 1, TimeSpan.FromSeconds(1), 0.5));
    }

    [Theory]
    [InlineData(1, 0, 5)]
    [InlineData(1, 7, 7)]
    [InlineData(1, 3600, 10)]
    [InlineData(2, 1, 60)]
    [InlineData(2, 90, 90)]
    [InlineData(10, 1_000_000, 172_800)]
    public void Retry_after_is_honoured_between_once_and_twice_the_step(int failures, int asked, int expected) =>
        Assert.Equal(TimeSpan.FromSeconds(expected), WebhookSchedule.Delay(failures, TimeSpan.FromSeconds(asked), 0.9));
}
