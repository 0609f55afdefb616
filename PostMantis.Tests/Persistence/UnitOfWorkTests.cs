using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using PostMantis.Core.Persistence;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Persistence;

public sealed class UnitOfWorkTests : IAsyncLifetime
{
    private PostMantisHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await PostMantisHost.StartAsync();
        await _host.InDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("CREATE TABLE notes (text text CHECK (text <> 'bad'))"));
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task The_commit_travels_with_the_last_statements()
    {
        var seen = await RunAsync(unit => unit.RunAsync(async ct =>
        {
            await using var last = Insert(unit, "one");
            last.Add("SELECT 7");
            var answer = await unit.FinishAsync(last, async rows =>
            {
                await rows.ReadAsync(ct);
                return rows.GetInt32(0);
            }, ct);
            return (answer, Stored: await NotesAsync());
        }, default));

        Assert.Equal((7, 1), (seen.answer, seen.Stored));
    }

    [Fact]
    public async Task An_operation_around_it_has_the_last_word()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(unit => unit.RunAsync<int>(async ct =>
        {
            await FinishAsync(unit, "inner");
            Assert.Equal(0, await NotesAsync());
            throw new InvalidOperationException("The outer one changed its mind.");
        }, default)));
        Assert.Equal(0, await NotesAsync());

        await RunAsync(unit => unit.RunAsync(async ct =>
        {
            await FinishAsync(unit, "inner");
            await FinishAsync(unit, "and again");
            return 0;
        }, default));
        Assert.Equal(2, await NotesAsync());
    }

    [Fact]
    public async Task A_last_statement_that_fails_leaves_nothing_and_the_next_operation_works()
    {
        await RunAsync(async unit =>
        {
            await Assert.ThrowsAsync<PostgresException>(() => unit.RunAsync(async ct =>
            {
                await using var last = Insert(unit, "good");
                last.Add("INSERT INTO notes VALUES ($1)", "bad");
                await unit.FinishAsync(last, ct);
            }, default));
            Assert.Equal(0, await NotesAsync());
            await FinishAsync(unit, "after");
            return 0;
        });
        Assert.Equal(1, await NotesAsync());
    }

    [Fact]
    public async Task What_waits_for_the_commit_runs_after_it()
    {
        var stored = -1;
        await RunAsync(async unit =>
        {
            await unit.RunAsync(async ct =>
            {
                unit.AfterCommit(() => stored = NotesAsync().GetAwaiter().GetResult());
                await using var last = Insert(unit, "one");
                await unit.FinishAsync(last, ct);
            }, default);
            return 0;
        });
        Assert.Equal(1, stored);
    }

    private static SqlBatch Insert(UnitOfWork unit, string text)
    {
        var batch = unit.Batch();
        batch.Add("INSERT INTO notes VALUES ($1)", text);
        return batch;
    }

    private static Task FinishAsync(UnitOfWork unit, string text) => unit.RunAsync(async ct =>
    {
        await using var last = Insert(unit, text);
        await unit.FinishAsync(last, ct);
    }, default);

    private Task<T> RunAsync<T>(Func<UnitOfWork, Task<T>> work) =>
        _host.InScopeAsync(services => work(services.GetRequiredService<UnitOfWork>()));

    private Task<int> NotesAsync() => _host.InDatabaseAsync(db =>
        db.Database.SqlQueryRaw<int>("""SELECT count(*)::int AS "Value" FROM notes""").SingleAsync());
}
