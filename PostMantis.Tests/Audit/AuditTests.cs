using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Audit;

public sealed class AuditTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;
    private Caller _anna = null!;
    private Caller _ben = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        (_anna, _ben) = (await Seed.UserAsync(_host), await Seed.UserAsync(_host));
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task An_entry_lives_and_dies_with_the_change_it_tells_of()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => _host.InScopeAsync<int>(async services =>
        {
            var unit = services.GetRequiredService<UnitOfWork>();
            await unit.RunAsync(async ct =>
            {
                services.GetRequiredService<AuditLog>().Add(_anna, "brand.created", "brand", Ids.New(_host.Clock.GetUtcNow()));
                await unit.Db.SaveChangesAsync(ct);
                throw new InvalidOperationException("the change failed");
            }, CancellationToken.None);
            return 0;
        }));
        Assert.Empty((await ListAsync(_anna, new PageRequest())).Items);
    }

    [Fact]
    public async Task An_entry_tells_who_did_what_from_where()
    {
        var subject = Ids.New(_host.Clock.GetUtcNow());
        await WriteAsync((log, _) => log.Add(_anna with { UserAgent = "a browser" }, "brand.created", "brand", subject,
            detail: new JsonObject { ["name"] = "Acme" }));
        var entry = Assert.Single((await ListAsync(_anna, new PageRequest())).Items);
        Assert.Equal((_anna.UserId, ActorType.User, "127.0.0.1", "a browser", "brand.created", "brand", subject),
            (entry.ActorId!.Value, entry.ActorType, entry.Address, entry.UserAgent, entry.Action, entry.SubjectType,
                entry.SubjectId));
        Assert.Equal("Acme", (string?)entry.Detail?["name"]);
        Assert.Equal(_host.Clock.GetUtcNow(), entry.CreatedAt, TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public async Task Pages_go_newest_first_and_stay_stable_while_entries_come_in()
    {
        for (var i = 0; i < 7; i++) await WriteAsync((log, id) => log.Add(_anna, $"test.{id}", "test", id));
        List<AuditEntry> read = [];
        string? cursor = null;
        do
        {
            var page = await ListAsync(_anna, new PageRequest(3, cursor));
            read.AddRange(page.Items);
            cursor = page.NextCursor;
            Assert.Equal(cursor is not null, page.HasMore);
            await WriteAsync((log, id) => log.Add(_anna, "test.late", "test", id));
        }
        while (cursor is not null);
        Assert.Equal(7, read.Count);
        Assert.Equal(read.OrderByDescending(e => e.Id), read);
        Assert.DoesNotContain(read, e => e.Action == "test.late");

        var numbered = await ListAsync(_anna, new PageRequest(Page: 1, PerPage: 4));
        Assert.Equal((4, 10, false, true), (numbered.Items.Count, numbered.Total, numbered.TotalIsCapped, numbered.HasMore));
    }

    [Fact]
    public async Task Nobody_reads_the_entries_of_another_even_about_the_same_post()
    {
        var post = Ids.New(_host.Clock.GetUtcNow());
        await WriteAsync((log, id) => log.Add(_anna, "post.created", "post", id, post));
        await WriteAsync((log, id) => log.Add(_anna, "brand.created", "brand", id));
        Assert.Equal(2, (await ListAsync(_anna, new PageRequest())).Items.Count);
        Assert.Equal("post.created",
            Assert.Single((await ListAsync(_anna, new PageRequest(), new AuditQuery(post))).Items).Action);
        Assert.Empty((await ListAsync(_ben, new PageRequest())).Items);
        Assert.Empty((await ListAsync(_ben, new PageRequest(), new AuditQuery(post))).Items);
    }

    [Fact]
    public async Task A_program_that_calls_itself_something_odd_is_still_audited()
    {
        await WriteAsync((log, id) => log.AddStranger(_anna.UserId, new Origin("::1", new string('x', 5_000)), "a", "b", id));
        await WriteAsync((log, id) => log.AddStranger(_anna.UserId, new Origin("::1", "nul\0"), "a", "b", id));
        var entries = (await ListAsync(_anna, new PageRequest())).Items;
        Assert.Equal([null, 300], entries.Select(e => e.UserAgent?.Length));
    }

    private async Task WriteAsync(Action<AuditLog, Guid> write) => await _host.InScopeAsync(services =>
    {
        write(services.GetRequiredService<AuditLog>(), Ids.New(_host.Clock.GetUtcNow()));
        return services.GetRequiredService<PostMantisDb>().SaveChangesAsync();
    });

    private Task<Page<AuditEntry>> ListAsync(Caller caller, PageRequest slice, AuditQuery? query = null) =>
        _host.InScopeAsync(services => services.GetRequiredService<AuditReader>()
            .ListAsync(caller, query ?? new AuditQuery(), slice, TestContext.Current.CancellationToken));
}
