using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;

namespace PostMantis.Core.Deliveries;

/// <summary>Makes a draft that says what another post says.</summary>
public sealed class PostCopier(PostMantisDb db, PostReader posts, PostAcceptor acceptor)
{
    /// <summary>
    /// A draft with the content, options and metadata of a post, for the same profiles. It has no moment, and no
    /// <c>externalId</c>, which is the other one's; profiles that were disconnected since are left out.
    /// </summary>
    /// <exception cref="ProblemException">notFound: the post is absent, or out of scope; what creating a draft refuses.</exception>
    public async Task<PostResource> CopyAsync(Caller caller, Guid postId, CancellationToken ct)
    {
        var post = await posts.GetAsync(caller, postId, ct);
        var ids = post.Deliveries.Select(d => d.ProfileId).ToList();
        var there = await db.Profiles.InScope(caller).Where(p => ids.Contains(p.Id) && p.Status != ProfileStatus.Disconnected)
            .Select(p => p.Id).ToListAsync(ct);
        var body = BodyOf(post with { ScheduledAt = null, ExternalId = null }, [.. ids.Where(there.Contains)]);
        body["post"]!["draft"] = true;
        return (await acceptor.CreateAsync(caller, body, ct)).Post;
    }

    /// <summary>The body with which a post like this one is created; what is empty is left out.</summary>
    public static JsonObject BodyOf(PostResource post, IReadOnlyList<Guid> profiles)
    {
        ArgumentNullException.ThrowIfNull(post);
        ArgumentNullException.ThrowIfNull(profiles);
        var overrides = new JsonObject();
        foreach (var (profileId, change) in post.Overrides.Where(o => profiles.Contains(o.Key)))
        {
            // Null inherits, as what is missing does; empty clears.
            var said = (JsonObject)Json(change with { ScheduledAt = post.ScheduledAt is null ? null : change.ScheduledAt })!;
            foreach (var name in said.Where(member => member.Value is null).Select(member => member.Key).ToList()) said.Remove(name);
            overrides[profileId.ToString()] = said;
        }
        return Said(
            ("post", Said(
                ("body", post.Body),
                ("scheduledAt", post.ScheduledAt is { } at ? UtcMillisecondsConverter.Format(at) : null),
                ("link", Json(post.Link)),
                ("thread", Json(post.Thread)),
                ("firstComment", Json(post.FirstComment)),
                ("maxLatenessSeconds", post.MaxLatenessSeconds),
                ("externalId", post.ExternalId),
                ("metadata", Json(post.Metadata)))),
            ("profiles", Json(profiles)),
            ("media", Json(post.Media)),
            ("providerOptions", Json(post.ProviderOptions)),
            ("overrides", overrides));
    }

    private static JsonObject Said(params ReadOnlySpan<(string Name, JsonNode? Value)> members)
    {
        var said = new JsonObject();
        foreach (var (name, value) in members)
            if (value is not (null or JsonArray { Count: 0 } or JsonObject { Count: 0 }) || name is "post") said[name] = value;
        return said;
    }

    private static JsonNode? Json<T>(T value) => JsonSerializer.SerializeToNode(value, Common.Json.Options);
}
