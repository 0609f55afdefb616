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

    public static Task<SignedIn> SignInAsync(this PostMantisHost host, string? email = Email, string? password = Password) =>
        host.AskAsync<SignIns, SignedIn>(signIns =>
            signIns.SignInAsync(email, password, Here, TestContext.Current.CancellationToken));

    public static Task<bool> HoldsAsync(this PostMantisHost host, SignedIn session) =>
        host.AskAsync<SignIns, bool>(signIns =>
            signIns.HoldsAsync(session.ToPrincipal("test"), TestContext.Current.CancellationToken));

    public static Task<T> AskAsync<TOperation, T>(this PostMantisHost host, Func<TOperation, Task<T>> ask)
        where TOperation : notnull => host.InScopeAsync(services => ask(services.GetRequiredService<TOperation>()));

    public static Task<ProblemException> RefusedAsync(Func<Task> ask) => Assert.ThrowsAsync<ProblemException>(ask);

    public static Task<List<string>> ActionsAsync(this PostMantisHost host, Guid userId) => host.InDatabaseAsync(db =>
        db.AuditEntries.Where(e => e.UserId == userId).OrderBy(e => e.Id).Select(e => e.Action).ToListAsync());
}
