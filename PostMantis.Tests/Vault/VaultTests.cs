using System.Diagnostics.Metrics;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Vault;

namespace PostMantis.Tests.Vault;

public sealed class VaultTests
{
    private const string Secret = "planted-token-7Yq2";
    private static readonly DateTimeOffset _now = new(2027, 3, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly SealedColumn _column = new("connections", "credential");
    private readonly Guid _user = Ids.New(_now);
    private readonly Guid _row = Ids.New(_now);

    private SealedPlace Place => _column.Of(_row, _user);

    [Fact]
    public void A_sealed_value_opens_again_in_its_place_and_does_not_show_itself()
    {
        var vault = Open(Key("a", 1));
        var envelope = vault.SealText(Place, Secret);
        Assert.DoesNotContain(Secret, Encoding.Latin1.GetString(envelope), StringComparison.Ordinal);
        using var opened = vault.Open(Place, envelope);
        Assert.Equal(Secret, opened.ReadText());
    }

    [Fact]
    public void The_same_secret_never_seals_alike()
    {
        var vault = Open(Key("a", 1));
        Assert.NotEqual(vault.SealText(Place, Secret), vault.SealText(Place, Secret));
    }

    [Fact]
    public void A_value_moved_to_another_row_column_table_or_user_does_not_open_and_says_where()
    {
        var vault = Open(Key("a", 1));
        var envelope = vault.SealText(Place, Secret);
        SealedPlace[] others =
        [
            Place with { RowId = Ids.New(_now) },
            Place with { Column = "other" },
            Place with { Table = "connection_sessions" },
            Place with { UserId = Ids.New(_now) },
            Place with { Table = "connectionsc", Column = "redential" },
        ];
        foreach (var place in others)
        {
            var error = Assert.Throws<VaultException>(() => vault.Open(place, envelope));
            Assert.Equal(VaultFailure.Tampered, error.Failure);
            Assert.Contains($"{place.Table}.{place.Column} of {place.RowId}", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_single_changed_byte_is_found()
    {
        var vault = Open(Key("a", 1));
        var envelope = vault.SealText(Place, Secret);
        for (var i = 0; i < envelope.Length; i++)
        {
            foreach (var flip in (byte[])[0x01, 0x80])
            {
                var changed = envelope.ToArray();
                changed[i] ^= flip;
                var error = Assert.Throws<VaultException>(() => vault.Open(Place, changed));
                Assert.Equal(Place, error.Place);
            }
        }
        for (var length = 0; length < envelope.Length; length++)
            Assert.Throws<VaultException>(() => vault.Open(Place, envelope.AsSpan(0, length)));
        Assert.Throws<VaultException>(() => vault.Open(Place, [.. envelope, 0]));
    }

    [Fact]
    public void A_missing_master_key_is_named_and_the_record_with_it()
    {
        var envelope = Open(Key("old", 1)).SealText(Place, Secret);
        var error = Assert.Throws<VaultException>(() => Open(Key("new", 2)).Open(Place, envelope));
        Assert.Equal(VaultFailure.KeyMissing, error.Failure);
        Assert.Contains("'old'", error.Message, StringComparison.Ordinal);
        Assert.Contains(_row.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_rotation_old_values_open_and_new_ones_use_the_new_key()
    {
        var before = Open(Key("old", 1)).SealText(Place, Secret);
        var rotated = Open(Key("new", 2), Key("old", 1));
        using (var opened = rotated.Open(Place, before)) Assert.Equal(Secret, opened.ReadText());
        var after = rotated.SealText(Place, Secret);
        using (var opened = Open(Key("new", 2)).Open(Place, after)) Assert.Equal(Secret, opened.ReadText());
    }

    [Fact]
    public void An_opened_secret_neither_prints_nor_serialises_and_is_gone_after_use()
    {
        var vault = Open(Key("a", 1));
        var opened = vault.Open(Place, vault.SealText(Place, Secret));
        Assert.DoesNotContain(Secret, opened.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, $"{opened}", StringComparison.Ordinal);
        Assert.Equal("{}", JsonSerializer.Serialize(opened));
        opened.Dispose();
        Assert.Throws<ObjectDisposedException>(() => opened.ReadText());
    }

    [Fact]
    public void Two_keys_of_one_id_are_refused_unless_they_are_the_same()
    {
        Assert.Throws<MasterKeyException>(() => Open(Key("a", 1), Key("a", 2)));
        Open(Key("a", 1), Key("a", 1));
    }

    [Theory]
    [InlineData("", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("a b", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("short", "only-forty-three-characters-are-not-enough-x")]
    [InlineData("empty", "")]
    public void A_key_without_a_good_id_or_value_is_refused_without_showing_it(string id, string value)
    {
        value = id == "short" ? value[..43] : value;
        var error = Assert.Throws<MasterKeyException>(
            () => Open(new MasterKeyOptions { Id = id, Value = value }));
        if (value.Length > 0) Assert.DoesNotContain(value, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_enough_secret_that_is_not_base64_becomes_a_key()
    {
        var key = new MasterKeyOptions { Id = "a", Value = "generated-by-some-tool-and-kept-as-a-secret!!" };
        var envelope = Open(key).SealText(Place, Secret);
        using var opened = Open(key).Open(Place, envelope);
        Assert.Equal(Secret, opened.ReadText());
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public void Development_makes_one_key_that_only_its_owner_can_read_and_keeps_it()
    {
        var folder = Directory.CreateTempSubdirectory("pm-vault-").FullName;
        try
        {
            var data = Path.Combine(folder, "data");
            var envelope = Open(data, "Development").SealText(Place, Secret);
            var file = Path.Combine(data, "keys", "local.key");
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.Combine(data, "keys")));
            using (var opened = Open(data, "Development").Open(Place, envelope)) Assert.Equal(Secret, opened.ReadText());

            File.SetUnixFileMode(file, (UnixFileMode)0b110_100_100);
            Open(data, "Development");
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Many_processes_that_start_at_once_end_up_with_one_key()
    {
        var folder = Directory.CreateTempSubdirectory("pm-vault-").FullName;
        try
        {
            var vaults = new SecretVault[8];
            Parallel.For(0, vaults.Length, i => vaults[i] = Open(folder, "Development"));
            var envelope = vaults[0].SealText(Place, Secret);
            foreach (var vault in vaults)
                using (var opened = vault.Open(Place, envelope)) Assert.Equal(Secret, opened.ReadText());
            Assert.Single(Directory.GetFiles(Path.Combine(folder, "keys"), "*.key"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Production_without_a_key_is_refused_and_makes_none()
    {
        var folder = Directory.CreateTempSubdirectory("pm-vault-").FullName;
        try
        {
            Assert.Throws<MasterKeyException>(() => Open(folder, "Production"));
            Assert.Empty(Directory.GetFileSystemEntries(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Of_key_files_the_name_that_sorts_last_is_current()
    {
        var folder = Directory.CreateTempSubdirectory("pm-vault-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "2026-01.key"), Key("x", 1).Value + "\n");
            var before = Open(folder, "Production", folder).SealText(Place, Secret);
            File.WriteAllText(Path.Combine(folder, "2027-01.key"), Key("x", 2).Value + "\n");
            var vault = Open(folder, "Production", folder);
            using (var opened = vault.Open(Place, before)) Assert.Equal(Secret, opened.ReadText());
            var after = vault.SealText(Place, Secret);
            Assert.Contains("2027-01", Encoding.Latin1.GetString(after), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_named_key_seals_wherever_it_stands_and_must_exist()
    {
        var options = new VaultOptions { CurrentKeyId = "b" };
        options.MasterKeys.Add(Key("a", 1));
        options.MasterKeys.Add(Key("b", 2));
        var envelope = Open(options, Path.GetTempPath(), "Production").SealText(Place, Secret);
        using (var opened = Open(Key("b", 2)).Open(Place, envelope)) Assert.Equal(Secret, opened.ReadText());
        options.CurrentKeyId = "c";
        Assert.Throws<MasterKeyException>(() => Open(options, Path.GetTempPath(), "Production"));
    }

    private static MasterKeyOptions Key(string id, byte fill) =>
        new() { Id = id, Value = Convert.ToBase64String(Enumerable.Repeat(fill, 32).ToArray()) };

    private static SecretVault Open(params MasterKeyOptions[] keys)
    {
        var options = new VaultOptions();
        foreach (var key in keys) options.MasterKeys.Add(key);
        return Open(options, Path.GetTempPath(), "Production");
    }

    private static SecretVault Open(string dataDirectory, string environment, string? keyDirectory = null) =>
        Open(new VaultOptions { KeyDirectory = keyDirectory }, dataDirectory, environment);

    private static SecretVault Open(VaultOptions options, string dataDirectory, string environment)
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        return new SecretVault(
            new MasterKeys(Options.Create(options),
                Options.Create(new InstanceOptions { DataDirectory = dataDirectory }),
                new HostingEnvironment { EnvironmentName = environment }),
            new VaultTelemetry(services.GetRequiredService<IMeterFactory>()));
    }
}
