using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

/// <summary>What tests of sign-in say often.</summary>
internal static class People
{
    public const string Email = "anna@example.com";
    public const string Password = "correct horse battery";

    public static Origin Here { get; } = new("203.0.113.7", "a test");

    public static Task<SignedIn> SetUpAsync(this PostMantisHost host, string email = Email, string password = Password) =>
        host.AskAsync<FirstUser, SignedIn>(first =>
            first.CreateAsync(PostMantisHost.SetupToken, email, password, Here, TestContext.Current.CancellationToken));

    public static async Task<SignedIn> SignInAsync(this PostMantisHost host, string? email = Email, string? password = Password) =>
        (await host.AskAsync<SignIns, SignInAnswer>(signIns =>
            signIns.SignInAsync(email, password, Here, TestContext.Current.CancellationToken))).Person!;

    /// <summary>Whether a session that is made of <paramref name="person"/> now would hold.</summary>
    public static Task<bool> HoldsAsync(this PostMantisHost host, SignedIn person) => host.AskAsync<Sessions, bool>(async sessions =>
    {
        var ct = TestContext.Current.CancellationToken;
        try
        {
            var id = await sessions.StartAsync(person, Here, TimeSpan.FromHours(1), null, ct);
            return await sessions.CheckAsync(person.ToPrincipal("test", id), Here, ct) is not null;
        }
        catch (DbUpdateException)
        {
            // Nobody is there to start one for.
            return false;
        }
    });

    public static Task<T> AskAsync<TOperation, T>(this PostMantisHost host, Func<TOperation, Task<T>> ask)
        where TOperation : notnull => host.InScopeAsync(services => ask(services.GetRequiredService<TOperation>()));

    public static Task<ProblemException> RefusedAsync(Func<Task> ask) => Assert.ThrowsAsync<ProblemException>(ask);

    public static Task<List<string>> ActionsAsync(this PostMantisHost host, Guid userId) => host.InDatabaseAsync(db =>
        db.AuditEntries.Where(e => e.UserId == userId).OrderBy(e => e.Id).Select(e => e.Action).ToListAsync());
}
