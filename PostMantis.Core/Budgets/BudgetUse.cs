using System.Globalization;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Budgets;

/// <summary>
/// How much of one budget was used when: pure arithmetic on moments that are given. Uses are kept in slots (a fixed
/// window is one slot, a rolling one has 96), and a slot of a rolling window counts until its end is a whole window ago,
/// so that no window of that length ever holds more than the limit and room comes back at most a slot later than it could.
/// </summary>
internal sealed class BudgetUse
{
    private const int SlotsPerWindow = 96;
    private readonly SortedDictionary<long, int> _slots = [];
    private readonly BudgetRule _rule;
    private readonly long _window;
    private readonly long _slot;

    /// <param name="slots">As <see cref="ToString"/> wrote it; slots of another width are taken over as they are.</param>
    public BudgetUse(BudgetRule rule, string slots = "")
    {
        _rule = rule;
        _window = (long)rule.Window.TotalMilliseconds;
        _slot = rule.Kind == BudgetKind.Fixed ? _window : Math.Max(1, (_window + SlotsPerWindow - 1) / SlotsPerWindow);
        foreach (var word in slots.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = word.Split(':');
            Add(long.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
        }
    }

    /// <summary>How many uses count at <paramref name="now"/>.</summary>
    public int UsedAt(DateTimeOffset now)
    {
        var moment = Milliseconds(now);
        return _slots.Sum(slot => EndOf(Known(slot.Key, moment)) > moment ? slot.Value : 0);
    }

    /// <summary>Room at <paramref name="now"/>; from 0.</summary>
    public int LeftAt(DateTimeOffset now) => Math.Max(0, _rule.Limit - UsedAt(now));

    /// <summary>Uses one, if there is room.</summary>
    public bool TryReserve(DateTimeOffset now)
    {
        Tidy(now);
        if (LeftAt(now) == 0) return false;
        Add(SlotOf(Milliseconds(now)), 1);
        return true;
    }

    /// <summary>Gives back one use that was reserved at <paramref name="reservedAt"/>, if it is still known.</summary>
    public void Release(DateTimeOffset reservedAt)
    {
        var slot = SlotOf(Milliseconds(reservedAt));
        if (_slots.GetValueOrDefault(slot) > 0) Add(slot, -1);
    }

    /// <summary>The first moment from <paramref name="now"/> on at which there is room, if nobody else uses it.</summary>
    /// <param name="ahead">How many others will have used room by then.</param>
    public DateTimeOffset NextFreeAt(DateTimeOffset now, int ahead = 0)
    {
        // Who is further back than a whole limit waits whole windows more: those ahead are used again by then.
        var (windows, place) = Math.DivRem(ahead, _rule.Limit);
        var moment = Milliseconds(now);
        var slots = _slots.Select(slot => (End: EndOf(Known(slot.Key, moment)), Count: slot.Value))
            .Where(slot => slot.End > moment).OrderBy(slot => slot.End).ToList();
        var excess = slots.Sum(slot => slot.Count) + place + 1 - _rule.Limit;
        var free = now;
        foreach (var (end, count) in slots)
        {
            if (excess <= 0) break;
            excess -= count;
            free = At(end);
        }
        if (windows == 0) return free;
        return (_rule.Kind == BudgetKind.Fixed ? At(SlotOf(Milliseconds(free))) : free) + (_rule.Window * windows);
    }

    /// <summary>When everything used by <paramref name="now"/> has come back; null when nothing is used.</summary>
    public DateTimeOffset? ResetsAt(DateTimeOffset now)
    {
        var moment = Milliseconds(now);
        if (_rule.Kind == BudgetKind.Fixed) return At(SlotOf(moment) + _window);
        var ends = _slots.Select(slot => EndOf(Known(slot.Key, moment))).Where(end => end > moment).ToList();
        return ends.Count == 0 ? null : At(ends.Max());
    }

    /// <summary>What is kept: <c>start:count</c> in milliseconds since the epoch.</summary>
    public override string ToString() =>
        string.Join(' ', _slots.Select(slot => string.Create(CultureInfo.InvariantCulture, $"{slot.Key}:{slot.Value}")));

    /// <summary>
    /// Forgets what is long over, and corrects what cannot be, as of <paramref name="now"/>: to be called and stored at
    /// every look that may change something.
    /// </summary>
    /// <remarks>
    /// A slot is kept a window longer than it counts, so that a clock that jumped ahead and back finds it again; what a
    /// clock that was further ahead wrote is taken as used now, so that it blocks nobody for longer than a window.
    /// </remarks>
    public void Tidy(DateTimeOffset now)
    {
        var moment = Milliseconds(now);
        foreach (var (start, count) in _slots.ToList())
        {
            if (EndOf(start) + _window <= moment) _slots.Remove(start);
            else if (Known(start, moment) is var known && known != start)
            {
                _slots.Remove(start);
                Add(known, count);
            }
        }
    }

    private long Known(long start, long moment) => start > moment + _window ? SlotOf(moment) : start;

    private long EndOf(long start) => start + _slot + (_rule.Kind == BudgetKind.Fixed ? 0 : _window);

    private long SlotOf(long moment) => moment - (((moment % _slot) + _slot) % _slot);

    private void Add(long start, int count)
    {
        var sum = _slots.GetValueOrDefault(start) + count;
        if (sum > 0) _slots[start] = sum;
        else _slots.Remove(start);
    }

    private static long Milliseconds(DateTimeOffset moment) => moment.ToUnixTimeMilliseconds();

    private static DateTimeOffset At(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
