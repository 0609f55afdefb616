using System.Net;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>What the composer says of budgets.</summary>
public sealed class ComposerBudgetTests
{
    [Fact]
    public async Task Each_profile_names_every_budget_that_is_full_or_nearly_and_else_the_tightest()
    {
        await using var world = await DashboardWorld.StartAsync(new Dictionary<string, string?>
        {
            ["Budgets:sandbox:daily:Limit"] = "2", ["Budgets:sandbox:daily:Window"] = "1.00:00:00",
            ["Budgets:sandbox:weekly:Limit"] = "2", ["Budgets:sandbox:weekly:Window"] = "7.00:00:00",
            ["Budgets:sandbox:monthly:Limit"] = "100", ["Budgets:sandbox:monthly:Window"] = "30.00:00:00",
        });
        var (busy, idle) = (world.Pages[0], world.Pages[1]);
        for (var i = 0; i < 2; i++) await world.PostAsync($"goes out {i}", busy);
        await world.RunAsync();
        using var checkedPage = await world.SubmitAsync("/posts/new", "compose", ("body", "One more"), ("profiles", $"{busy.Id}"),
            ("profiles", $"{idle.Id}"), ("zone", "UTC"), ("do", "check"));
        var text = WebUtility.HtmlDecode(await checkedPage.Content.ReadAsStringAsync());

        Assert.Contains("Daily budget: 2 of 2 used by then; room again ", Of(busy), StringComparison.Ordinal);
        Assert.Contains("Weekly budget: 2 of 2 used by then; room again ", Of(busy), StringComparison.Ordinal);
        Assert.DoesNotContain("Monthly budget", Of(busy), StringComparison.Ordinal);
        Assert.Contains("Daily budget: 0 of 2 used by then<", Of(idle), StringComparison.Ordinal);
        Assert.DoesNotContain("Weekly budget", Of(idle), StringComparison.Ordinal);

        // Moments as people have them.
        Assert.Matches(@"expected to wait until \w{3} \d+ \w{3} \d{4}, \d\d:\d\d \(UTC\)", Of(busy));

        string Of(Profile profile) => text.Split("<article class=\"own\"").Single(part => part.Contains($"id=\"own-{profile.Id}\"", StringComparison.Ordinal));
    }
}
