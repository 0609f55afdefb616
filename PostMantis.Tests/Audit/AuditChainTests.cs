using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Audit;

/// <summary>The chain of a user's audit entries, and what somebody with the database alone can do to it: be found out.</summary>
public sealed class AuditChainTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _person = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        _person = await Seed.UserAsync(_host);
        for (var link = 0; link < 3; link++)
        {
            await WriteAsync(4);
            _host.Clock.Advance(TimeSpan.FromMinutes(11));
            Assert.Equal(1, await SealAsync());
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Entries_are_linked_once_they_are_old_enough_and_the_chain_holds()
    {
        await WriteAsync(1);
        Assert.Equal(0, await SealAsync());
        var report = await VerifyAsync();
        Assert.Equal((3, 12L, null), (report.Seals, report.Entries, report.Fault));
        Assert.Equal(32, report.Head.Length);
    }

    [Theory]
    [InlineData("UPDATE audit_entries SET detail = jsonb_build_object('n', 9) WHERE id = (SELECT max(id::text)::uuid FROM audit_entries)", "link 3")]
    [InlineData("UPDATE audit_entries SET address = '198.51.100.1' WHERE id = (SELECT min(id::text)::uuid FROM audit_entries)", "link 1")]
    [InlineData("DELETE FROM audit_entries WHERE id = (SELECT min(id::text)::uuid FROM audit_entries)", "link 1")]
    [InlineData("DELETE FROM audit_seals WHERE number = 2", "link 2")]
    [InlineData("UPDATE audit_seals SET number = number + 1 WHERE number = 3", "link 3")]
    [InlineData("UPDATE audit_seals SET hash = sha256('x') WHERE number = 3", "link 3")]
    [InlineData("UPDATE audit_seals SET seal = (SELECT seal FROM audit_seals WHERE number = 1) WHERE number = 3", "link 3")]
    public async Task What_is_changed_afterwards_shows(string sql, string where)
    {
        await _host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(sql));
        var report = await VerifyAsync();
        Assert.Contains(where, report.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_entry_slipped_in_between_shows()
    {
        await _host.InDatabaseAsync(async db =>
        {
            var first = await db.AuditEntries.OrderBy(e => e.Id).Select(e => e.CreatedAt).FirstAsync();
            db.AuditEntries.Add(new AuditEntry
            {
                Id = Core.Common.Ids.New(first.AddSeconds(1)), UserId = _person.UserId, ActorType = ActorType.User,
                Action = "apiKey.created", SubjectType = "apiKey", SubjectId = Guid.Empty, CreatedAt = first,
            });
            return await db.SaveChangesAsync();
        });
        Assert.NotNull((await VerifyAsync()).Fault);
    }

    private Task<int> SealAsync() => _host.AskAsync<AuditChain, int>(chain => chain.SealOnceAsync(default));

    private Task<ChainReport> VerifyAsync() => _host.AskAsync<AuditChain, ChainReport>(async chain =>
    {
        List<ChainReport> reports = [];
        await foreach (var report in chain.VerifyAsync(null, default)) reports.Add(report);
        return Assert.Single(reports);
    });

    private Task<int> WriteAsync(int entries) => _host.InScopeAsync(services =>
    {
        var audit = services.GetRequiredService<AuditLog>();
        for (var i = 0; i < entries; i++)
            audit.Add(_person, "brand.renamed", "brand", Guid.Empty, detail: new() { ["n"] = i });
        return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
    });
}
