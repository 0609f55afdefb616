using Npgsql;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Profiles;

/// <summary>Profiles as rows, for the way of every post: only to look at, never to be saved.</summary>
internal static class ProfileRow
{
    public const string Columns = """
        id, user_id, connection_id, provider, provider_profile_id, name, handle, picture_url, status, brand_id, external_id,
        test_mode, facts, paused_at, created_at, updated_at
        """;

    public static Profile Read(NpgsqlDataReader row) => new Profile
    {
        Id = row.GetGuid(0),
        UserId = row.GetGuid(1),
        ConnectionId = row.GetGuid(2),
        Provider = row.GetString(3),
        ProviderProfileId = row.GetString(4),
        Name = row.GetString(5),
        Handle = row.Text(6),
        PictureUrl = row.Text(7),
        BrandId = row.IsDBNull(9) ? null : row.GetGuid(9),
        ExternalId = row.Text(10),
        TestMode = row.GetBoolean(11),
        Facts = row.Document<Dictionary<string, string>>(12),
        PausedAt = row.TimeOrNull(13),
        CreatedAt = row.Time(14),
        UpdatedAt = row.Time(15),
    }.Standing(row.Enum<ProfileStatus>(8));
}
