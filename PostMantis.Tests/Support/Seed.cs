using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Connections;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;

namespace PostMantis.Tests.Support;

/// <summary>Rows that tests need before what they are about: users and profiles, stored as the real ones are.</summary>
internal static class Seed
{
    /// <summary>A user without a password.</summary>
    public static async Task<Caller> UserAsync(PostMantisHost host, string? name = null)
    {
        await using var scope = host.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        var now = host.Clock?.GetUtcNow() ?? TimeProvider.System.GetUtcNow();
        var id = Ids.New(now);
        var email = $"{name ?? "user"}-{id:N}@example.com";
        db.Users.Add(new User
        {
            Id = id,
            UserName = email,
            NormalizedUserName = email.ToUpperInvariant(),
            Email = email,
            NormalizedEmail = email.ToUpperInvariant(),
            SecurityStamp = Ids.New(now).ToString("N"),
            CreatedAt = now,
        });
        await db.SaveChangesAsync();
        return Caller.Person(id, "127.0.0.1");
    }

    /// <summary>A profile of the sandbox with a connection that holds no usable tokens.</summary>
    public static async Task<Profile> ProfileAsync(PostMantisHost host, Caller caller, string name = "Page",
        string provider = ProviderCatalog.SandboxId, bool testMode = true, Action<Profile>? change = null)
    {
        await using var scope = host.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        var now = host.Clock?.GetUtcNow() ?? TimeProvider.System.GetUtcNow();
        var connection = new Connection
        {
            Id = Ids.New(now),
            UserId = caller.UserId,
            Provider = provider,
            ProviderAccountId = Ids.New(now).ToString("N"),
            AccountName = name,
            Credential = [1],
            CreatedAt = now,
            UpdatedAt = now,
        };
        var profile = new Profile
        {
            Id = Ids.New(now),
            UserId = caller.UserId,
            ConnectionId = connection.Id,
            Provider = provider,
            ProviderProfileId = Ids.New(now).ToString("N"),
            Name = name,
            TestMode = testMode,
            CreatedAt = now,
            UpdatedAt = now,
        };
        change?.Invoke(profile);
        db.AddRange(connection, profile);
        await db.SaveChangesAsync();
        return profile;
    }
}
