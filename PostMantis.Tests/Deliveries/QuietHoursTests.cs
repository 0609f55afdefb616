using CsCheck;
using PostMantis.Core.Access;
using PostMantis.Core.Deliveries;

namespace PostMantis.Tests.Deliveries;

public sealed class QuietHoursTests
{
    private static readonly Gen<TimeOnly> _hours = Gen.Int[0, (24 * 60) - 1].Select(m => TimeOnly.FromTimeSpan(TimeSpan.FromMinutes(m)));

    private static readonly Gen<DateTimeOffset> _moments = Gen.Long[0, TimeSpan.FromDays(800).Ticks]
        .Select(ticks => new DateTimeOffset(2027, 1, 1, 0, 0, 0, TimeSpan.Zero).AddTicks(ticks));

    [Fact]
    public void What_waits_for_their_end_waits_less_than_a_day_and_is_then_outside_them() =>
        Gen.Select(_hours, _hours, _moments).Sample((from, until, moment) =>
        {
            var rules = new KeyRules(QuietFrom: from, QuietUntil: until);
            if (QuietHours.EndAfter(rules, moment) is not { } end) return;
            Assert.True(end > moment && end - moment <= TimeSpan.FromDays(1));
            Assert.Equal(until, TimeOnly.FromTimeSpan(end.TimeOfDay));
            Assert.Null(QuietHours.EndAfter(rules, end));
            Assert.NotNull(QuietHours.EndAfter(rules, end.AddTicks(-1)));
        });

    [Fact]
    public void Every_moment_of_a_day_is_either_quiet_or_not_as_the_clock_on_the_wall_says() =>
        Gen.Select(_hours, _hours, _moments).Sample((from, until, moment) =>
        {
            var at = TimeOnly.FromTimeSpan(moment.TimeOfDay);
            var isQuiet = from < until ? at >= from && at < until : from > until && (at >= from || at < until);
            Assert.Equal(isQuiet, QuietHours.EndAfter(new KeyRules(QuietFrom: from, QuietUntil: until), moment) is not null);
        });

    [Fact]
    public void A_key_without_them_never_waits() => _moments.Sample(moment =>
        Assert.Null(QuietHours.EndAfter(new KeyRules(), moment)));
}
