using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Connections;
using PostMantis.Core.Vault;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Vault;

/// <summary>What the vault keeps in the database: Data Protection keys, and values that wait for a newer master key.</summary>
public sealed class SealedRowsTests
{
    private const string Secret = "planted-token-7Yq2";

    [Fact]
    public async Task Data_Protection_keys_are_sealed_in_their_table_and_shared_by_replicas()
    {
        await using var first = await PostMantisHost.StartAsync();
        var protectedText = ProtectorOf(first).Protect(Secret);
        var row = Assert.Single(await KeysAsync(first));
        Assert.StartsWith("<sealed>", row.Xml, StringComparison.Ordinal);
        Assert.DoesNotContain("masterKey", row.Xml, StringComparison.OrdinalIgnoreCase);
        await using var second = await PostMantisHost.StartAsync(connectionString: first.ConnectionString);
        Assert.Equal(Secret, ProtectorOf(second).Unprotect(protectedText));
    }

    [Fact]
    public async Task A_planted_a_swapped_and_a_changed_key_are_left_out_and_named()
    {
        await using var first = await PostMantisHost.StartAsync();
        ProtectorOf(first).Protect(Secret);
        var good = Assert.Single(await KeysAsync(first));
        await first.InDatabaseAsync(async db =>
        {
            db.DataProtectionKeys.AddRange(
                new DataProtectionKey { FriendlyName = "key-planted", Xml = "<key id='x' version='1'/>" },
                new DataProtectionKey { FriendlyName = "key-3f0f5c1e-0000-4000-8000-000000000001", Xml = good.Xml },
                new DataProtectionKey { FriendlyName = good.FriendlyName, Xml = Flip(good.Xml!) });
            return await db.SaveChangesAsync();
        });
        var log = new LogLines();
        await using var second = await PostMantisHost.StartAsync(connectionString: first.ConnectionString,
            configure: builder => builder.Logging.AddProvider(log));
        ProtectorOf(second).Protect(Secret);
        var errors = log.Of(LogLevel.Error);
        Assert.Contains(errors, line => line.Contains("is not sealed", StringComparison.Ordinal));
        Assert.Contains(errors, line => line.Contains("3f0f5c1e-0000-4000-8000-000000000001", StringComparison.Ordinal));
        Assert.Contains(errors, line => line.Contains(good.FriendlyName!["key-".Length..], StringComparison.Ordinal));
        Assert.Equal(4, (await KeysAsync(second)).Count);
    }

    [Fact]
    public async Task After_the_reseal_pass_the_old_master_key_can_be_taken_away()
    {
        await using var before = await PostMantisHost.StartAsync(Keys("old"));
        var caller = await Seed.UserAsync(before);
        var (profile, other) = (await Seed.ProfileAsync(before, caller), await Seed.ProfileAsync(before, caller));
        var protectedText = ProtectorOf(before).Protect(Secret);
        await StoreAsync(before, profile.ConnectionId, Vault(before).SealText(PlaceOf(profile.ConnectionId, caller.UserId), Secret));

        await using var rotated = await PostMantisHost.StartAsync(Keys("new", "old"), connectionString: before.ConnectionString);
        Assert.Equal(2, await ResealAsync(rotated));
        Assert.Equal(0, await ResealAsync(rotated));

        await using var after = await PostMantisHost.StartAsync(Keys("new"), connectionString: before.ConnectionString);
        using var opened = Vault(after).Open(PlaceOf(profile.ConnectionId, caller.UserId),
            await CredentialAsync(after, profile.ConnectionId));
        Assert.Equal(Secret, opened.ReadText());
        Assert.Equal(Secret, ProtectorOf(after).Unprotect(protectedText));

        // What does not open is left as it is.
        Assert.Equal([1], await CredentialAsync(after, other.ConnectionId));
    }

    [Fact]
    public async Task The_reseal_pass_goes_on_from_batch_to_batch()
    {
        await using var before = await PostMantisHost.StartAsync(Keys("old"));
        var caller = await Seed.UserAsync(before);
        for (var i = 0; i < 7; i++)
        {
            var profile = await Seed.ProfileAsync(before, caller);
            if (i == 2) continue;
            await StoreAsync(before, profile.ConnectionId,
                Vault(before).SealText(PlaceOf(profile.ConnectionId, caller.UserId), $"{Secret}{i}"));
        }
        var settings = Keys("new", "old");
        settings["Vault:ResealBatch"] = "2";
        await using var rotated = await PostMantisHost.StartAsync(settings, connectionString: before.ConnectionString);
        await rotated.InDatabaseAsync(db => db.DataProtectionKeys.ExecuteDeleteAsync());
        Assert.Equal(6, await ResealAsync(rotated));
    }

    private static Dictionary<string, string?> Keys(params string[] ids)
    {
        var settings = new Dictionary<string, string?>();
        foreach (var (id, index) in ids.Select((id, index) => (id, index)))
        {
            settings[$"Vault:MasterKeys:{index}:Id"] = id;
            settings[$"Vault:MasterKeys:{index}:Value"] =
                Convert.ToBase64String(Enumerable.Repeat((byte)id.Length, 31).Append((byte)id[0]).ToArray());
        }
        return settings;
    }

    private static SealedPlace PlaceOf(Guid connectionId, Guid userId) =>
        Connection.SealedCredential.Of(connectionId, userId);

    private static SecretVault Vault(PostMantisHost host) => host.Services.GetRequiredService<SecretVault>();

    private static IDataProtector ProtectorOf(PostMantisHost host) =>
        host.Services.GetRequiredService<IDataProtectionProvider>().CreateProtector("test");

    private static Task<List<DataProtectionKey>> KeysAsync(PostMantisHost host) =>
        host.InDatabaseAsync(db => db.DataProtectionKeys.AsNoTracking().OrderBy(k => k.Id).ToListAsync());

    private static Task<int> ResealAsync(PostMantisHost host) => host.InScopeAsync(services =>
        services.GetRequiredService<Resealer>().RunOnceAsync(TestContext.Current.CancellationToken));

    private static Task<int> StoreAsync(PostMantisHost host, Guid connectionId, byte[] envelope) =>
        host.InDatabaseAsync(db => db.Connections.Where(c => c.Id == connectionId)
            .ExecuteUpdateAsync(c => c.SetProperty(x => x.Credential, envelope)));

    private static Task<byte[]> CredentialAsync(PostMantisHost host, Guid connectionId) =>
        host.InDatabaseAsync(db => db.Connections.Where(c => c.Id == connectionId).Select(c => c.Credential!).SingleAsync());

    private static string Flip(string xml)
    {
        var letters = xml.ToCharArray();
        var middle = letters.Length / 2;
        letters[middle] = letters[middle] == 'A' ? 'B' : 'A';
        return new string(letters);
    }
}
