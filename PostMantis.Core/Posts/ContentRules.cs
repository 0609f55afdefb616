using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using PostMantis.Core.Common;
using PostMantis.Core.Media.Conversion;
using PostMantis.Core.Media.Inspection;
using PostMantis.Core.Providers;

namespace PostMantis.Core.Posts;

/// <summary>
/// The one rule engine behind create, edit, the composer and publish: what one profile is sent, and what its network
/// has against it. A network's rules are data (<see cref="ProviderRules"/>).
/// </summary>
public static class ContentRules
{
    /// <summary>What <paramref name="profileId"/> is sent: the post with the profile's override over it.</summary>
    public static DeliveryContent Resolve(PostContent content, Guid profileId, string provider)
    {
        ArgumentNullException.ThrowIfNull(content);
        var change = content.Overrides.GetValueOrDefault(profileId);
        return new DeliveryContent(
            Blank(change?.Body ?? content.Body),
            content.Link,
            change?.Media ?? content.Media,
            content.Thread,
            content.FirstComment,
            Merge(content.ProviderOptions.GetValueOrDefault(provider), change?.Options));
    }

    /// <summary>
    /// SHA-256 of what readers see. Options are left out: a listing shows text, and the same text twice is what the
    /// duplicate guard and reconciliation ask about.
    /// </summary>
    /// <param name="bytes">Says what the bytes of an item are, so that one file counts as the same however often it was sent.</param>
    public static byte[] Hash(DeliveryContent content, Func<MediaItem, string> bytes)
    {
        ArgumentNullException.ThrowIfNull(content);
        return SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new
        {
            content.Body,
            content.Link,
            Media = Media(content.Media),
            Thread = content.Thread.Select(Part),
            FirstComment = content.FirstComment is { } comment ? Part(comment) : null,
        }, Json.Options));

        object Part(PartContent part) => new { part.Body, Media = Media(part.Media) };
        IEnumerable<object> Media(IReadOnlyList<MediaItem> items) =>
            items.Select(item => new { Bytes = bytes(item), item.Alt, item.CoverAtMs });
    }

    /// <summary>Everything the network would refuse, with pointers into the create shape.</summary>
    /// <param name="account">What the profile knows of its account's limits; without it the network's own rules hold.</param>
    /// <param name="facts">Of an artifact, or null while it is on its way; without it media are only counted.</param>
    /// <param name="tools">What this server can convert.</param>
    public static IEnumerable<Issue> Check(IProvider provider, PostContent content, Guid profileId,
        IReadOnlyDictionary<string, string>? account = null, Func<Guid, MediaFacts?>? facts = null, MediaTools? tools = null)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(content);
        var sent = Resolve(content, profileId, provider.Id);
        var rules = provider.RulesFor(sent, account is null ? provider.Rules : provider.RulesOf(account));
        var change = content.Overrides.GetValueOrDefault(profileId);
        var bodyAt = change?.Body is null ? PostInput.Pointers.Body : PostInput.Pointers.Override(profileId, "body");
        var mediaAt = change?.Media is null ? PostInput.Pointers.Media : PostInput.Pointers.Override(profileId, "media");

        Issue At(string pointer, Rule rule, string message, string? fix = null, double? limit = null,
            double? actual = null, string? unit = null) =>
            new(pointer, rule, message, Severity.Error, fix, limit, actual, unit, profileId, provider.Id);

        if (sent.Body is null && sent.Media.Count == 0)
            yield return At(bodyAt, Rule.Required, "A post needs a body or media.");
        else if (sent.Body is null && rules.BodyRequired)
            yield return At(bodyAt, Rule.Required, $"{provider.DisplayName} needs a body.");
        // A file that is not there yet may still be of any kind; it is judged again when it has come.
        HashSet<MediaKind?> kinds = facts is null ? [] : [.. sent.Media.Select(item => facts(item.ArtifactId)?.Kind)];
        var longest = rules.TextWith.Where(with => kinds.Contains(with.Kind)).Select(with => with.MaxText)
            .DefaultIfEmpty(rules.MaxText).Min();
        if (sent.Body is { } body && TooLong(body, longest) is { } length)
            yield return At(bodyAt, Rule.TooLong, $"{provider.DisplayName} takes at most {longest}.",
                "Shorten it, or give this profile a text of its own.", longest, length,
                CamelCase.Of(rules.Unit));
        if (sent.Body is not null && sent.Body.AsSpan().IndexOfAny(rules.ExcludedCharacters) >= 0)
            yield return At(bodyAt, Rule.Excluded,
                $"{provider.DisplayName} takes no {string.Join(" and no ", rules.ExcludedCharacters.ToCharArray())} in text.",
                "Leave them out, or give this profile a text of its own.");

        foreach (var (listAt, list, media) in Lists(sent, rules, mediaAt))
        {
            if (list.Count > rules.MaxMedia)
                yield return rules.MaxMedia == 0
                    ? At(listAt, Rule.Unsupported, $"{provider.DisplayName} takes no media.")
                    : At(listAt, Rule.TooMany, $"{provider.DisplayName} takes at most {rules.MaxMedia} files.", null,
                        rules.MaxMedia, list.Count, "items");
            if (!rules.AltText && list.Any(item => item.Alt is not null))
                yield return At(listAt, Rule.Unsupported, $"{provider.DisplayName} has no alternative text.");
            for (var i = 0; i < list.Count && rules.MaxAlt is { } maxAlt; i++)
            {
                if (list[i].Alt is { } alt && alt.Length > maxAlt)
                    yield return At($"{listAt}/{i}/alt", Rule.TooLong, $"{provider.DisplayName} takes at most {maxAlt}.",
                        "Shorten it.", maxAlt, alt.Length, CamelCase.Of(TextUnit.Utf16));
            }
            if (media is null || facts is null) continue;
            foreach (var issue in CheckMedia(list, media, facts, tools ?? MediaTools.None, provider.DisplayName))
                yield return issue with
                {
                    Pointer = listAt + issue.Pointer, ProfileId = profileId, Provider = provider.Id,
                };
        }

        if (!rules.Cover && sent.Media.Any(item => item.CoverAtMs is not null))
            yield return At(mediaAt, Rule.Unsupported, $"{provider.DisplayName} takes no moment of a film as its cover.");

        if (sent.Link is not null && !rules.Link)
            yield return At("/post/link", Rule.Unsupported, $"{provider.DisplayName} has no link cards.");
        else if (sent.Link is not null && !rules.LinkWithMedia && sent.Media.Count > 0)
            yield return At("/post/link", Rule.Excluded, $"{provider.DisplayName} shows either files or a link card.",
                "Write the address in the body, or leave the files out.");
        else if (sent.Link?.Url.Length > rules.MaxLink)
            yield return At("/post/link/url", Rule.TooLong, $"{provider.DisplayName} takes at most {rules.MaxLink}.", null,
                rules.MaxLink, sent.Link.Url.Length, CamelCase.Of(TextUnit.Utf16));

        if (sent.Thread.Count > rules.MaxThreadParts)
            yield return rules.MaxThreadParts == 0
                ? At("/post/thread", Rule.Unsupported, $"{provider.DisplayName} has no threads.")
                : At("/post/thread", Rule.TooMany, $"A thread has at most {rules.MaxThreadParts} further parts.", null,
                    rules.MaxThreadParts, sent.Thread.Count, "items");
        for (var i = 0; i < sent.Thread.Count; i++)
        {
            if (TooLong(sent.Thread[i].Body, rules.MaxText) is { } partLength)
                yield return At($"/post/thread/{i}/body", Rule.TooLong,
                    $"{provider.DisplayName} takes at most {rules.MaxText}.", "Split it.", rules.MaxText, partLength,
                    CamelCase.Of(rules.Unit));
        }

        if (sent.FirstComment is { } comment)
        {
            if (comment.Media.Count > 0)
                yield return At(PostInput.Pointers.CommentMedia, Rule.Unsupported, "A first comment has no media.");
            if (!rules.FirstComment)
                yield return At("/post/firstComment", Rule.Unsupported, $"{provider.DisplayName} has no comments of ours.");
            else if (TooLong(comment.Body, rules.MaxComment ?? rules.MaxText) is { } commentLength)
                yield return At("/post/firstComment/body", Rule.TooLong,
                    $"{provider.DisplayName} takes at most {rules.MaxComment ?? rules.MaxText}.", null,
                    rules.MaxComment ?? rules.MaxText, commentLength, CamelCase.Of(rules.Unit));
        }

        foreach (var issue in DetailRules.Check(provider.DisplayName, sent, rules, bodyAt, mediaAt, facts))
            yield return issue with { ProfileId = profileId, Provider = provider.Id };

        var optionsAt = change?.Options is null
            ? $"/providerOptions/{provider.Id}"
            : PostInput.Pointers.Override(profileId, "options");
        foreach (var issue in provider.CheckOptions(sent.Options))
        {
            yield return issue with
            {
                Pointer = optionsAt + issue.Pointer,
                ProfileId = profileId,
                Provider = provider.Id,
            };
        }

        foreach (var (option, values) in rules.ExcludedChoices)
            if (sent.Options.Text(option) is { } chosen && values.Contains(chosen))
                yield return At($"{optionsAt}/{option}", Rule.Excluded,
                    $"{provider.DisplayName} does not offer {option} {chosen} to this profile.", "Choose another.");

        foreach (var issue in provider.CheckContent(sent, rules, text => TextCount.Of(text, rules)))
        {
            var (start, rest) = issue.Pointer.IndexOf('/', 1) is > 0 and var at
                ? (issue.Pointer[..at], issue.Pointer[at..])
                : (issue.Pointer, "");
            yield return issue with
            {
                Pointer = start switch
                {
                    "/body" => bodyAt,
                    "/media" => mediaAt + rest,
                    "/options" => optionsAt + rest,
                    _ => "/post" + issue.Pointer,
                },
                ProfileId = profileId,
                Provider = provider.Id,
            };
        }

        int? TooLong(string text, int most)
        {
            var count = TextCount.Of(text, rules);
            return count > most ? count : null;
        }
    }

    /// <summary>
    /// What a network has against <paramref name="media"/>, pointers relative to their list. Files whose facts are not
    /// known yet are left out, and then nothing is said about all together.
    /// </summary>
    public static IEnumerable<Issue> CheckMedia(IReadOnlyList<MediaItem> media, MediaRules rules,
        Func<Guid, MediaFacts?> facts, MediaTools tools, string network)
    {
        ArgumentNullException.ThrowIfNull(media);
        ArgumentNullException.ThrowIfNull(facts);
        var known = media.Select(item => facts(item.ArtifactId)).ToArray();
        if (known.All(f => f is not null))
            return MediaPlanner.Plan([.. known.OfType<MediaFacts>()], rules, tools, network, [.. media.Select(item => item.Fit)]).Issues;
        return known.SelectMany((one, i) => one is null
            ? []
            : PlanMedia(one, rules, tools, network, media[i].Fit).Issues
                .Select(issue => issue with { Pointer = $"/{i}{issue.Pointer[2..]}" }));
    }

    /// <summary>
    /// What becomes of each media file that <paramref name="profileId"/> is sent: kept, converted (how) or refused (why).
    /// </summary>
    /// <param name="account">What the profile knows of its account's limits.</param>
    /// <param name="facts">Of an artifact, or null while it is on its way.</param>
    /// <param name="tools">What this server can convert.</param>
    public static IReadOnlyList<PlannedMedia> PlanMedia(IProvider provider, PostContent content, Guid profileId,
        IReadOnlyDictionary<string, string> account, Func<Guid, MediaFacts?> facts, MediaTools tools)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(content);
        ArgumentNullException.ThrowIfNull(facts);
        var mediaAt = content.Overrides.GetValueOrDefault(profileId)?.Media is null
            ? PostInput.Pointers.Media
            : PostInput.Pointers.Override(profileId, "media");
        var sent = Resolve(content, profileId, provider.Id);
        return [.. Lists(sent, provider.RulesFor(sent, provider.RulesOf(account)), mediaAt).SelectMany(list =>
            list.Items.Select((item, i) => Planned($"{list.At}/{i}", item, list.Rules)))];

        PlannedMedia Planned(string at, MediaItem item, MediaRules? rules)
        {
            if (facts(item.ArtifactId) is not { } known) return new PlannedMedia(at, item, null);
            var plan = PlanMedia(known, rules, tools, provider.DisplayName, item.Fit);
            return new PlannedMedia(at, item, plan with
            {
                Issues = [.. plan.Issues.Select(issue => issue with
                {
                    Pointer = at + issue.Pointer[2..], ProfileId = profileId, Provider = provider.Id,
                })],
            });
        }
    }

    /// <summary>What becomes of one file, whatever stands beside it.</summary>
    /// <param name="rules">Null: the network asks nothing.</param>
    /// <param name="fit">What its author asked for where its shape is not taken.</param>
    public static MediaPlanItem PlanMedia(
        MediaFacts facts, MediaRules? rules, MediaTools tools, string network, MediaFit? fit = null) =>
        rules is null
            ? new MediaPlanItem(MediaVerdict.Keep, null, [])
            : MediaPlanner.Plan([facts], rules, tools, network, [fit]).Items[0];

    // The post's own media, then those of each part: a part is a post of its own to a network, but needs no media.
    private static IEnumerable<(string At, IReadOnlyList<MediaItem> Items, MediaRules? Rules)> Lists(
        DeliveryContent sent, ProviderRules rules, string mediaAt)
    {
        yield return (mediaAt, sent.Media, rules.Media);
        for (var i = 0; i < sent.Thread.Count; i++)
            if (sent.Thread[i].Media.Count > 0)
                yield return (PostInput.Pointers.ThreadMedia(i), sent.Thread[i].Media,
                    rules.Media is null ? null : rules.Media with { Required = false });
    }

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;

    private static JsonObject Merge(JsonObject? under, JsonObject? over)
    {
        var merged = (JsonObject?)under?.DeepClone() ?? [];
        foreach (var (name, value) in over ?? []) merged[name] = value?.DeepClone();
        return merged;
    }
}
