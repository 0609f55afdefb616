using CsCheck;
using PostMantis.Core.Budgets;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Budgets;

/// <summary>Window budgets under random interleavings of reserving, giving back and time.</summary>
public sealed class BudgetUseTests
{
    private static readonly DateTimeOffset _start = new(2027, 3, 30, 21, 17, 3, 250, TimeSpan.Zero);

    private static readonly Gen<BudgetRule> _rules =
        from limit in Gen.Int[1, 8]
        from window in Gen.OneOf(Gen.Int[1_000, 20_000], Gen.Const(86_400_000), Gen.Const(3_600_000))
        from isRolling in Gen.Bool
        select new BudgetRule("test", BudgetScope.Profile, limit, TimeSpan.FromMilliseconds(window),
            isRolling ? BudgetKind.Rolling : BudgetKind.Fixed);

    // Time in thousandths of the window, so that every length of window is crossed as often; below zero: give one back.
    private static readonly Gen<int[]> _steps = Gen.Int[-150, 400].Array[1, 120];

    [Fact]
    public void No_window_ever_holds_more_than_its_limit() => Gen.Select(_rules, _steps).Sample((rule, steps) =>
    {
        List<DateTimeOffset> used = [];
        Walk(rule, steps, (use, now) =>
        {
            if (!use.TryReserve(now)) return;
            used.Add(now);
            var counted = rule.Kind == BudgetKind.Rolling
                ? used.Count(at => at > now - rule.Window)
                : used.Count(at => WindowOf(rule, at) == WindowOf(rule, now));
            Assert.InRange(counted, 1, rule.Limit);
        }, at => used.Remove(at), used);
    });

    [Fact]
    public void A_refusal_says_the_very_moment_that_room_comes_back() => Gen.Select(_rules, _steps).Sample((rule, steps) =>
    {
        List<DateTimeOffset> used = [];
        Walk(rule, steps, (use, now) =>
        {
            if (use.TryReserve(now))
            {
                used.Add(now);
                return;
            }
            var free = use.NextFreeAt(now);
            Assert.True(free > now);
            Assert.False(Again(rule, use).TryReserve(free.AddTicks(-1)));
            Assert.True(Again(rule, use).TryReserve(free));

            // At most a slot later than an exact log of every use would say.
            var exact = rule.Kind == BudgetKind.Fixed
                ? WindowOf(rule, now) + rule.Window
                : used.Count < rule.Limit ? now : used.Order().ElementAt(used.Count - rule.Limit) + rule.Window;
            Assert.True(free <= (exact > now ? exact : now) + (rule.Window / 90) + TimeSpan.FromMilliseconds(2));
        }, at => used.Remove(at), used);
    });

    [Fact]
    public void A_fixed_window_resets_exactly_at_its_end() => Gen.Select(_rules, Gen.Int[0, 999]).Sample((rule, into) =>
    {
        rule = rule with { Kind = BudgetKind.Fixed };
        var use = new BudgetUse(rule);
        var end = WindowOf(rule, _start) + rule.Window;
        var now = end - (rule.Window * ((1000 - into) / 1000.0));
        for (var i = 0; i < rule.Limit; i++) Assert.True(use.TryReserve(now));
        Assert.Equal(end, use.ResetsAt(now));
        Assert.Equal(0, use.LeftAt(end.AddTicks(-1)));
        Assert.Equal(rule.Limit, use.LeftAt(end));
    });

    [Fact]
    public void What_is_given_back_can_be_used_again_at_once() => Gen.Select(_rules, Gen.Int[0, 900]).Sample((rule, later) =>
    {
        var use = new BudgetUse(rule with { Kind = BudgetKind.Rolling });
        for (var i = 0; i < rule.Limit; i++) Assert.True(use.TryReserve(_start));
        var now = _start + (rule.Window * (later / 1000.0));
        Assert.Equal(0, use.LeftAt(now));
        use.Release(_start);
        Assert.Equal(1, use.LeftAt(now));

        // What was never reserved, or is given back twice, makes no room.
        use.Release(_start - rule.Window);
        Assert.Equal(1, use.LeftAt(now));
    });

    [Fact]
    public void Who_is_further_back_in_line_is_told_a_later_moment() => Gen.Select(_rules, Gen.Int[0, 40]).Sample((rule, ahead) =>
    {
        var use = new BudgetUse(rule);
        for (var i = 0; i < rule.Limit; i++) use.TryReserve(_start + (rule.Window * (i / 20.0)));
        var now = _start + (rule.Window / 2);
        var (mine, next) = (use.NextFreeAt(now, ahead), use.NextFreeAt(now, ahead + 1));
        Assert.True(mine >= now && next >= mine);
        var later = use.NextFreeAt(now, ahead + rule.Limit);
        Assert.Equal(rule.Window, rule.Kind == BudgetKind.Rolling ? later - mine : WindowOf(rule, later) - WindowOf(rule, mine));
    });

    [Fact]
    public void A_clock_that_jumps_up_to_a_window_ahead_and_back_forgets_nothing() =>
        Gen.Select(_rules, Gen.Int[1, 1000]).Sample((rule, jump) =>
        {
            var use = new BudgetUse(rule);
            for (var i = 0; i < rule.Limit; i++) Assert.True(use.TryReserve(_start));
            use.TryReserve(_start + (rule.Window * (jump / 1000.0)));
            use = Again(rule, use);
            Assert.False(use.TryReserve(_start.AddMilliseconds(1)));
        });

    [Fact]
    public void A_clock_that_was_years_ahead_blocks_nobody_for_longer_than_two_windows() =>
        Gen.Select(_rules, Gen.Int[2, 3650]).Sample((rule, days) =>
        {
            var use = new BudgetUse(rule);
            var wrong = _start + rule.Window + TimeSpan.FromDays(days);
            for (var i = 0; i < rule.Limit; i++) use.TryReserve(wrong);
            var taken = use.TryReserve(_start);
            use = Again(rule, use);
            Assert.True(taken || use.NextFreeAt(_start) <= _start + (rule.Window * 2.1));
            Assert.True(use.TryReserve(_start + (rule.Window * 2.1)));
        });

    // Everything goes through the form it is stored in, so that this form is tested with it.
    private static void Walk(BudgetRule rule, int[] steps, Action<BudgetUse, DateTimeOffset> look,
        Action<DateTimeOffset> given, List<DateTimeOffset> used)
    {
        var (stored, now) = ("", _start);
        foreach (var step in steps)
        {
            var use = new BudgetUse(rule, stored);
            if (step >= 0)
            {
                // Mostly short steps, so that windows fill.
                now += rule.Window * (step * step / 400.0 / 1000.0);
                look(use, now);
            }
            else if (used.Count > 0)
            {
                var at = used[-step % used.Count];
                use.Release(at);
                given(at);
            }
            stored = use.ToString();
        }
    }

    private static BudgetUse Again(BudgetRule rule, BudgetUse use) => new(rule, use.ToString());

    private static DateTimeOffset WindowOf(BudgetRule rule, DateTimeOffset at)
    {
        var window = (long)rule.Window.TotalMilliseconds;
        var moment = at.ToUnixTimeMilliseconds();
        return DateTimeOffset.FromUnixTimeMilliseconds(moment - (moment % window));
    }
}
