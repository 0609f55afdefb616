using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Webhooks;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>What a person sees first.</summary>
public sealed partial class OverviewTests : IAsyncLifetime
{
    private DashboardWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await DashboardWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task The_overview_counts_plots_and_says_what_needs_a_person()
    {
        await ApiClient.WithKeyAsync(_world.Host, _world.Person);
        var midnight = new DateTimeOffset(_world.Host.Clock.GetUtcNow().UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
        await _world.PostAsync("went out", _world.Pages[0]);
        await _world.PostAsync("was refused", _world.Pages[1], "publish=rejected");
        await _world.PostAsync("nobody knows", _world.Pages[3], "publish=timeoutAfterAccept");
        await _world.RunAsync();
        await _world.PostAsync("still today", _world.Pages[0], at: midnight.AddMilliseconds(-1));
        await _world.PostAsync("tomorrow", _world.Pages[0], at: midnight);
        await _world.PostAsync("in two weeks", _world.Pages[0], at: midnight.AddDays(14));
        await _world.Host.InScopeAsync(s => s.GetRequiredService<WebhookEndpoints>().CreateAsync(_world.Person,
            new WebhookSettings("CMS", "http://127.0.0.1:8999/hook", WebhookMode.Both, [], [], []), default));

        var ends = midnight.AddDays(3);
        await _world.Host.InDatabaseAsync(db => db.Connections.ExecuteUpdateAsync(c => c.SetProperty(x => x.RefreshTokenExpiresAt, ends)));

        var read = await ReadAsync(OverviewRange.Day);
        Assert.Equal((1, 1, 1), (read.DueToday, read.PublishedLastDay, read.FailedLastWeek));
        Assert.Equal((24, 1, 1), (read.Slots.Count, read.Slots.Sum(s => s.Published), read.Slots.Sum(s => s.Failed)));
        Assert.Equal(1, read.Slots[^1].Published);
        Assert.NotNull(read.Slots[^1].Lateness);
        Assert.Equal([1, 0, 0, 0], read.Ending.Select(e => e.AtRisk).OrderDescending());
        Assert.Equal(ends, read.Ending[0].EndsAt);
        Assert.Equal((28, 30), ((await ReadAsync(OverviewRange.Week)).Slots.Count, (await ReadAsync(OverviewRange.Month)).Slots.Count));
        Assert.Equal(1, (await ReadAsync(OverviewRange.Month)).Slots[^1].Failed);

        // A day later the slots have moved on.
        _world.Host.Clock.Advance(TimeSpan.FromHours(5));
        Assert.Equal(1, (await ReadAsync(OverviewRange.Day)).Slots[^6].Published);

        var page = await _world.TextAsync("/?range=week");
        foreach (var words in (string[])
            ["What needs a person", "was refused", "1 delivery published, 1 failed.", "role=\"img\"", "As a table", "Consent that ends", "1 post at risk", "href=\"/webhooks/"])
            Assert.Contains(words, page, StringComparison.Ordinal);
        Assert.Equal(2, Table().Count(page));
        Assert.DoesNotContain("style=", page, StringComparison.Ordinal);
    }

    private Task<Overview> ReadAsync(OverviewRange range) =>
        _world.Host.InScopeAsync(s => s.GetRequiredService<OverviewReader>().GetAsync(_world.Person, range, null, default));

    [GeneratedRegex("<table class=\"numbers\">")]
    private static partial Regex Table();
}
