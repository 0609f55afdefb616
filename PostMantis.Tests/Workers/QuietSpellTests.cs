using PostMantis.Api.Workers;

namespace PostMantis.Tests.Workers;

public sealed class QuietSpellTests
{
    private const long Start = 300 << 20;

    [Fact]
    public void What_starting_left_is_given_back_and_then_what_quiet_minutes_pile_up()
    {
        var spell = new QuietSpell();
        Assert.True(spell.IsDue(Start));
        var allocated = Start;
        List<int> due = [];
        for (var minute = 1; minute <= 8; minute++)
            if (spell.IsDue(allocated += QuietSpell.WorthIt / 4)) due.Add(minute);
        Assert.Equal([4, 8], due);
    }

    [Fact]
    public void A_busy_process_is_left_alone_until_its_first_quiet_minute()
    {
        var spell = new QuietSpell();
        Assert.True(spell.IsDue(Start));
        var allocated = Start;
        for (var minute = 0; minute < 5; minute++) Assert.False(spell.IsDue(allocated += QuietSpell.MostWhenQuiet + 1));
        Assert.True(spell.IsDue(allocated += 1 << 20));
        Assert.False(spell.IsDue(allocated += 1 << 20));
    }
}
