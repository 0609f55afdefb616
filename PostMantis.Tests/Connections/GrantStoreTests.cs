using PostMantis.Core.Connections;

namespace PostMantis.Tests.Connections;

public sealed class GrantStoreTests
{
    private static readonly DateTimeOffset _now = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(15, 10)]
    [InlineData(6, 3)]
    [InlineData(120, 108)]
    [InlineData(60 * 24 * 60, 54 * 24 * 60)]
    [InlineData(0, 0)]
    public void Tokens_are_renewed_well_before_their_end_and_not_before_half_of_it(int life, int minutes)
    {
        var connection = new Connection { Provider = "x", ProviderAccountId = "1", AccountName = "A", AccessTokenExpiresAt = _now.AddMinutes(life) };
        Assert.Equal(_now.AddMinutes(minutes), GrantStore.RefreshAt(connection, new ConnectionOptions(), _now));
    }
}
