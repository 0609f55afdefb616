using PostMantis.Tests.Support;

namespace PostMantis.Tests.Access;

/// <summary>What a process outside development refuses to start with, as a real process.</summary>
public sealed class ProductionStartTests(PostgresServer postgres)
{
    private static readonly string _key = Convert.ToBase64String(Enumerable.Repeat((byte)7, 32).ToArray());

    [Fact]
    public async Task Production_refuses_to_start_without_a_master_key()
    {
        var (code, _, errors) = await StartAsync(new() { ["PublicUrl"] = "https://social.example.com" });
        Assert.Equal(1, code);
        Assert.Contains("The vault has no master key", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Production_refuses_to_start_with_a_plain_http_address()
    {
        var (code, _, errors) = await StartAsync(new()
        {
            ["PublicUrl"] = "http://social.example.com",
            ["Vault__MasterKeys__0__Id"] = "a",
            ["Vault__MasterKeys__0__Value"] = _key,
        });
        Assert.Equal(1, code);
        Assert.Contains("must be https", errors, StringComparison.Ordinal);
        Assert.DoesNotContain(_key, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Production_refuses_to_start_with_private_ranges_open_to_outbound_calls()
    {
        var (code, _, errors) = await StartAsync(new()
        {
            ["PublicUrl"] = "https://social.example.com",
            ["Vault__MasterKeys__0__Id"] = "a",
            ["Vault__MasterKeys__0__Value"] = _key,
            ["Outbound__AllowedRanges__0"] = "10.0.0.0/8",
        });
        Assert.Equal(1, code);
        Assert.Contains("Outbound:AllowedRanges must be empty in production", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_that_is_wrong_is_said_at_once_and_no_value_with_it()
    {
        const string weak = "too-short-to-be-a-key";
        var (code, output, errors) = await StartAsync(new()
        {
            ["PublicUrl"] = "http://social.example.com",
            ["Vault__MasterKeys__0__Id"] = "a",
            ["Vault__MasterKeys__0__Value"] = weak,
            ["SetupToken"] = "short",
        });
        Assert.Equal(1, code);
        Assert.Contains("must be https", errors, StringComparison.Ordinal);
        Assert.Contains("Vault:MasterKeys:0", errors, StringComparison.Ordinal);
        Assert.Contains("SetupToken", errors, StringComparison.Ordinal);
        Assert.DoesNotContain(weak, output + errors, StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, string Output, string Errors)> StartAsync(Dictionary<string, string> settings)
    {
        settings["ConnectionStrings__postmantis"] = await postgres.CreateEmptyDatabaseAsync();
        settings["ASPNETCORE_URLS"] = $"http://127.0.0.1:{PostgresServer.FreePort()}";
        return await ApiProcess.RunAsync([], settings);
    }
}
