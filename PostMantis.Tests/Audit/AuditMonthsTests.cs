using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Audit;

/// <summary>Audit entries over months, the first of which are dropped: what is left hangs on an anchor that nobody can forge.</summary>
public sealed class AuditMonthsTests : IAsyncLifetime
{
    private const int Months = 3;
    private const int PerMonth = 4;
    private PostMantisHost _host = null!;
    private Caller _anna = null!;
    private Caller _ben = null!;
    private string _first = "";

    public async ValueTask InitializeAsync()
    {
        // After three months and a day, the first has ended longer ago than this, and the second has not.
        _host = await PostMantisHost.StartAsync(new Dictionary<string, string?> { ["Audit:KeepFor"] = "60.00:00:00" });
        (_anna, _ben) = (await Seed.UserAsync(_host), await Seed.UserAsync(_host));
        NextMonth();
        Assert.Equal(0, await DropAsync());
        await WriteAsync(_ben, 2);
        _first = (await PlacesAsync()).Single();
        for (var month = 0; month < Months; month++)
        {
            await DropAsync();
            await WriteAsync(_anna, PerMonth);
            NextMonth();
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_month_goes_once_it_is_sealed_and_the_chains_hold_on_their_anchors()
    {
        Assert.Equal(0, await DropAsync());
        await SealAsync();
        Assert.Equal(Months, (await VerifyAsync(_anna)).Seals);
        var whole = await VerifyAsync(_anna);
        Assert.Equal(PerMonth + 2, await DropAsync());
        Assert.Equal(0, await DropAsync());
        var places = await PlacesAsync();
        Assert.DoesNotContain(_first, places);
        Assert.Equal(Months - 1, places.Count);

        var left = await VerifyAsync(_anna);
        Assert.Equal((Months, (long)(Months - 1) * PerMonth, (long)PerMonth, null), (left.Seals, left.Entries, left.Dropped, left.Fault));
        Assert.Equal(whole.Head, left.Head);
        Assert.Equal(_first, $"audit_entries_{left.DroppedBefore!.Value.AddMonths(-1):yyyy_MM}");

        // Of one whose every entry went, the chain goes on all the same; and the anchor moves with the next month.
        Assert.Equal((1, 0L, 2L, null), await NumbersAsync(_ben));
        await WriteAsync(_ben, 1);
        NextMonth();
        await SealAsync();
        Assert.Equal((2, 1L, 2L, null), await NumbersAsync(_ben));
        Assert.Equal(PerMonth, await DropAsync());
        Assert.Equal((Months, PerMonth, 2L * PerMonth, null), await NumbersAsync(_anna));
        Assert.Equal(2, await _host.InDatabaseAsync(db => db.AuditAnchors.CountAsync()));
    }

    [Theory]
    [InlineData("UPDATE audit_anchors SET entries = entries - 1", "anchor")]
    [InlineData("UPDATE audit_anchors SET hash = sha256('x')", "anchor")]
    [InlineData("UPDATE audit_anchors SET before = before + interval '1 month'", "anchor")]
    [InlineData("UPDATE audit_anchors SET number = number + 1; DELETE FROM audit_seals WHERE number <= 2", "anchor")]
    [InlineData("DELETE FROM audit_anchors WHERE user_id = '{0}'; UPDATE audit_anchors SET user_id = '{0}'", "anchor")]
    [InlineData("DELETE FROM audit_anchors", "link 1")]
    [InlineData("UPDATE audit_entries SET address = '198.51.100.1' WHERE id = (SELECT min(id::text)::uuid FROM audit_entries)", "link 2")]
    [InlineData("DELETE FROM audit_entries WHERE id = (SELECT min(id::text)::uuid FROM audit_entries)", "link 2")]
    [InlineData("INSERT INTO audit_entries (id, user_id, actor_type, action, subject_type, subject_id, created_at) SELECT (left(last_id::text, 14) || '4000-8000-000000000000')::uuid, user_id, 'system', 'a', 'b', id, now() FROM audit_anchors", "among those that were dropped")]
    public async Task What_is_done_to_an_anchor_or_to_what_hangs_on_it_shows(string sql, string where)
    {
        await SealAsync();
        Assert.Equal(PerMonth + 2, await DropAsync());
        await _host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(
            sql.Replace("{0}", _anna.UserId.ToString(), StringComparison.Ordinal)));
        Assert.Contains(where, (await VerifyAsync(_anna)).Fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_tampered_with_is_not_dropped()
    {
        await SealAsync();
        await _host.InDatabaseAsync(db => db.AuditEntries.Where(e => e.UserId == _ben.UserId)
            .ExecuteUpdateAsync(e => e.SetProperty(x => x.Action, "brand.forged")));
        Assert.Equal(0, await DropAsync());
        Assert.Contains(_first, await PlacesAsync());
        Assert.NotNull((await VerifyAsync(_ben)).Fault);
        Assert.Null((await VerifyAsync(_anna)).Fault);
    }

    private async Task<(int Seals, long Entries, long Dropped, string? Fault)> NumbersAsync(Caller of)
    {
        var report = await VerifyAsync(of);
        return (report.Seals, report.Entries, report.Dropped, report.Fault);
    }

    private Task<long> DropAsync() => _host.AskAsync<AuditRetention, long>(retention => retention.RunOnceAsync(default));

    private Task<int> SealAsync() => _host.AskAsync<AuditChain, int>(async chain =>
    {
        var links = 0;
        while (await chain.SealOnceAsync(default) is > 0 and var made) links += made;
        return links;
    });

    private Task<ChainReport> VerifyAsync(Caller of) => _host.AskAsync<AuditChain, ChainReport>(async chain =>
    {
        List<ChainReport> reports = [];
        await foreach (var report in chain.VerifyAsync(null, default)) reports.Add(report);
        return Assert.Single(reports, r => r.UserId == of.UserId);
    });

    private Task<List<string>> PlacesAsync() => _host.InDatabaseAsync(db => db.Database.SqlQuery<string>(
        $"""SELECT DISTINCT tableoid::regclass::text AS "Value" FROM audit_entries ORDER BY 1""").ToListAsync());

    // To its second day: an entry of its first moments would be sealed with it, and not with the month before.
    private void NextMonth()
    {
        var now = _host.Clock.GetUtcNow();
        _host.Clock.SetUtcNow(new DateTimeOffset(now.Year, now.Month, 2, 0, 0, 0, TimeSpan.Zero).AddMonths(1));
    }

    private Task<int> WriteAsync(Caller who, int entries) => _host.InScopeAsync(services =>
    {
        var audit = services.GetRequiredService<AuditLog>();
        for (var i = 0; i < entries; i++)
            audit.Add(who, "brand.renamed", "brand", Guid.Empty, detail: new() { ["n"] = i });
        return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
    });
}
