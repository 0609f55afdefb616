using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using PostMantis.Core.Common;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Posts;
using PostMantis.Core.Providers;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Posts;

/// <summary>The composer's fields: read from a form or a post, written as the API's create shape.</summary>
internal sealed class PostForm
{
    public const string Now = "now";
    public const string At = "at";
    public const string Draft = "draft";

    /// <summary>A guid and the dash behind it.</summary>
    private const int IdLength = 36;

    public string Body { get; private set; } = "";
    public string Link { get; private set; } = "";
    public IReadOnlyList<string> Thread { get; private set; } = [];
    public string FirstComment { get; private set; } = "";
    public HashSet<Guid> Profiles { get; private set; } = [];
    public string When { get; private set; } = At;
    public string Moment { get; private set; } = "";
    public string Fold { get; private set; } = "";
    public string Zone { get; private set; } = "UTC";
    public string ExternalId { get; private set; } = "";
    public bool AllowDuplicate { get; private set; }

    /// <summary>Files in their order.</summary>
    public List<FormMedia> Media { get; private set; } = [];

    /// <summary>What is said for some profiles alone.</summary>
    public Dictionary<Guid, ProfileFields> Own { get; private set; } = [];

    /// <summary>What is said for one profile alone; nothing, if nothing is.</summary>
    public ProfileFields Of(Guid profileId) => Own.GetValueOrDefault(profileId) ?? new ProfileFields();

    /// <summary>An empty form in a time zone.</summary>
    public static PostForm Empty(string zone, string moment) => new() { Zone = zone, Moment = moment };

    /// <summary>As it would be sent now, for a look at it: at its moment if it has one, otherwise at once.</summary>
    public void LookAt() => When = Moment.Length > 0 ? At : Now;

    /// <summary>As a draft, whatever was pressed, without moments that are not clear yet.</summary>
    public void Keep(DateTimeOffset now)
    {
        When = Draft;
        if (LocalMoment.Read(Moment, Zone, Fold, now).At is null) Moment = "";
        foreach (var own in Own.Values)
            if (LocalMoment.Read(own.Moment, Zone, own.Fold, now).At is null) own.Moment = "";
    }

    /// <summary>The fields as a browser sent them.</summary>
    public static PostForm Read(IFormCollection form)
    {
        var read = new PostForm
        {
            Body = Lines(form["body"].ToString()),
            Link = form["link"].ToString().Trim(),
            Thread = [.. form["thread"].Select(part => Lines(part ?? "")).Where(part => part.Trim().Length > 0)],
            FirstComment = Lines(form["firstComment"].ToString()),
            When = form["when"].ToString() is Now or Draft ? form["when"].ToString() : At,
            Moment = form["moment"].ToString(),
            Fold = form["fold"].ToString(),
            Zone = form["zone"].ToString() is { Length: > 0 } zone ? zone : "UTC",
            ExternalId = form["externalId"].ToString().Trim(),
            AllowDuplicate = form["allowDuplicate"] == "true",
        };
        foreach (var text in form["profiles"])
            if (Guid.TryParseExact(text, "D", out var id)) read.Profiles.Add(id);
        var (dropped, kept, padded) = (form["drop"].ToHashSet(), form["everywhere"].ToHashSet(), form["pad"].ToHashSet());
        // A file just sent has not been asked about yet: it goes everywhere.
        var placed = form["placed"].ToHashSet();
        foreach (var text in form["media"].Where(text => !dropped.Contains(text)))
        {
            if (!Guid.TryParseExact(text, "D", out var id)) continue;
            read.Media.Add(new FormMedia(id, Lines(form[$"alt-{text}"].ToString()).Trim(), form[$"cover-{text}"].ToString().Trim(),
                !placed.Contains(text) || kept.Contains(text), padded.Contains(text)));
        }
        foreach (var (name, texts) in form)
        {
            if (Named("override-", name) is { } body) read.For(body.Id).Body = Lines(texts.ToString());
            else if (Named("moment-", name) is { } moment) read.For(moment.Id).Moment = texts.ToString();
            else if (Named("fold-", name) is { } fold) read.For(fold.Id).Fold = texts.ToString();
            else if (Named("own-files-", name) is { } own) read.For(own.Id).OwnFiles = texts == "true";
            else if (Named("no-alt-", name) is { } bare) read.For(bare.Id).WithoutAlt = texts == "true";
            else if (Named("file-", name) is { } file)
                read.For(file.Id).Files.UnionWith(texts.Select(text => Guid.TryParse(text, out var id) ? id : Guid.Empty));
            else if (Named("option-", name) is { After.Length: > 1 } option)
                read.For(option.Id).Options[option.After[1..]] = [.. texts.OfType<string>()];
        }
        return read;
    }

    /// <summary>The fields of a post that is edited, its times in <paramref name="zone"/>.</summary>
    public static PostForm Of(PostResource post, IReadOnlyList<ComposerProfile> profiles, string zone)
    {
        var (moment, fold) = LocalMoment.Write(post.ScheduledAt, zone);
        var form = new PostForm
        {
            Body = post.Body ?? "",
            Link = post.Link?.Url ?? "",
            Thread = [.. post.Thread.Select(part => part.Body)],
            FirstComment = post.FirstComment?.Body ?? "",
            Profiles = [.. post.Deliveries.Select(d => d.ProfileId)],
            When = post.Status == PostStatus.Draft ? Draft : At,
            Zone = zone,
            Moment = moment,
            Fold = fold,
            ExternalId = post.ExternalId ?? "",
            Media = [.. post.Media.Select(item => Shown(item, everywhere: true))],
        };
        foreach (var item in post.Overrides.Values.SelectMany(change => change.Media ?? []))
            if (form.Media.TrueForAll(known => known.Id != item.ArtifactId)) form.Media.Add(Shown(item, everywhere: false));
        foreach (var id in form.Profiles)
        {
            var change = post.Overrides.GetValueOrDefault(id);
            var profile = profiles.FirstOrDefault(p => p.Id == id);
            var options = Effective(post, id, profile?.Profile.Provider);
            var own = form.For(id);
            own.Body = change?.Body ?? "";
            (own.Moment, own.Fold) = LocalMoment.Write(change?.ScheduledAt, zone);
            foreach (var field in profile is null ? [] : OptionField.Of(profile.OptionsSchema, profile.Choices))
                if (options[field.Name] is { } value) own.Options[field.Name] = [OptionField.Write(value)];
            if (change?.Media is not { } media) continue;
            own.OwnFiles = !media.Select(item => item.ArtifactId).SequenceEqual(post.Media.Select(item => item.ArtifactId));
            own.WithoutAlt = media.All(item => item.Alt is null) && form.Media.Exists(item => item.Alt.Length > 0);
            own.Files.UnionWith(media.Select(item => item.ArtifactId));
        }
        return form;
    }

    /// <summary>The create body; what cannot be said in it goes to <paramref name="errors"/>.</summary>
    public JsonObject ToBody(IReadOnlyList<ComposerProfile> profiles, FormErrors errors, DateTimeOffset now)
    {
        var overrides = new JsonObject();
        foreach (var profile in profiles.Where(p => Profiles.Contains(p.Id)))
        {
            var own = Of(profile.Id);
            var change = new JsonObject();
            if (own.Body.Length > 0) change["body"] = own.Body;
            if (OwnMedia(own) is { } media) change["media"] = media;
            if (OwnMoment(profile.Id, own, errors, now) is { } moment) change["scheduledAt"] = UtcMillisecondsConverter.Format(moment);
            if (Options(profile, own) is { Count: > 0 } options) change["options"] = options;
            if (change.Count > 0) overrides[profile.Id.ToString()] = change;
        }
        return new JsonObject
        {
            ["post"] = new JsonObject
            {
                ["body"] = Body.Length > 0 ? Body : null,
                ["draft"] = When == Draft,
                ["scheduledAt"] = Scheduled(errors, now) is { } at ? UtcMillisecondsConverter.Format(at) : null,
                ["link"] = Link.Length > 0 ? new JsonObject { ["url"] = Link } : null,
                ["thread"] = Parts([]),
                ["firstComment"] = Comment(),
                ["externalId"] = ExternalId.Length > 0 ? ExternalId : null,
            },
            ["profiles"] = ProfileArray(),
            ["media"] = MediaArray(Media.Where(item => item.Everywhere)),
            ["overrides"] = overrides,
            ["allowDuplicate"] = AllowDuplicate,
        };
    }

    /// <summary>
    /// A merge patch with what the form changed of <paramref name="before"/>; everything else, also what the form has no
    /// field for, stays as it was.
    /// </summary>
    public JsonObject ToPatch(
        PostResource before, IReadOnlyList<ComposerProfile> profiles, FormErrors errors, DateTimeOffset now)
    {
        var was = Of(before, profiles, Zone);
        var (post, patch) = (new JsonObject(), new JsonObject());
        if (Body != was.Body) post["body"] = Body.Length > 0 ? Body : null;
        if (Link != was.Link) post["link"] = Link.Length > 0 ? new JsonObject { ["url"] = Link } : null;
        if (!Thread.SequenceEqual(was.Thread)) post["thread"] = Parts(before.Thread);
        if (FirstComment != was.FirstComment) post["firstComment"] = Comment();
        if (ExternalId != was.ExternalId) post["externalId"] = ExternalId.Length > 0 ? ExternalId : null;
        // To publish now says nothing of the moment it was planned for.
        if ((Moment, Fold) != (was.Moment, was.Fold) && When != Now)
            post["scheduledAt"] = Scheduled(errors, now) is { } at ? UtcMillisecondsConverter.Format(at) : null;
        else if (When == At && Moment.Length == 0)
            errors.Add("moment", "Choose a day and a time.");
        if (!Profiles.SetEquals(was.Profiles)) patch["profiles"] = ProfileArray();
        var isMediaNew = !Media.SequenceEqual(was.Media);
        if (isMediaNew) patch["media"] = MediaArray(Media.Where(item => item.Everywhere));

        var overrides = new JsonObject();
        foreach (var id in before.Overrides.Keys.Where(id => !Profiles.Contains(id))) overrides[id.ToString()] = null;
        foreach (var profile in profiles.Where(p => Profiles.Contains(p.Id)))
        {
            var (own, old) = (Of(profile.Id), was.Of(profile.Id));
            var change = new JsonObject();
            if (own.Body != old.Body) change["body"] = own.Body.Length > 0 ? own.Body : null;
            if ((own.Moment, own.Fold) != (old.Moment, old.Fold))
                change["scheduledAt"] = OwnMoment(profile.Id, own, errors, now) is { } moment ? UtcMillisecondsConverter.Format(moment) : null;
            var media = (OwnMedia(own), was.OwnMedia(old));
            if (media.Item1?.ToJsonString() != media.Item2?.ToJsonString()) change["media"] = media.Item1;
            if (Options(profile, own) is var options && !JsonNode.DeepEquals(options, Options(profile, old)))
                change["options"] = Changed(options, before, profile);
            if (change.Count > 0) overrides[profile.Id.ToString()] = change;
        }
        if (overrides.Count > 0) patch["overrides"] = overrides;
        if (post.Count > 0) patch["post"] = post;
        if (AllowDuplicate) patch["allowDuplicate"] = true;
        return patch;
    }

    /// <summary>When it goes out as the form says; null with a message in <paramref name="errors"/> where that is not clear.</summary>
    public DateTimeOffset? Scheduled(FormErrors errors, DateTimeOffset now)
    {
        if (When == Now || (When == Draft && Moment.Length == 0)) return null;
        var moment = LocalMoment.Read(Moment, Zone, Fold, now);
        if (moment.Problem is { } problem) errors.Add("moment", problem);
        return moment.At;
    }

    /// <summary>The field that shows an issue; empty: it belongs to the whole form.</summary>
    public static string FieldOf(Issue issue)
    {
        var words = issue.Pointer.Split('/');
        return words switch
        {
            ["", "overrides", var id, "options", var name, ..] => $"option-{id}-{name}",
            ["", "overrides", var id, "options"] => $"override-{id}",
            ["", "overrides", var id, "media", ..] => $"files-{id}",
            ["", "overrides", var id, "scheduledAt"] => $"moment-{id}",
            ["", "overrides", var id, ..] => $"override-{id}",
            ["", "providerOptions", _, var name, ..] when issue.ProfileId is { } id => $"option-{id}-{name}",
            ["", "providerOptions", ..] when issue.ProfileId is { } id => $"override-{id}",
            ["", "post", "body"] => "body",
            ["", "post", "scheduledAt"] => "moment",
            ["", "post", "link", ..] => "link",
            ["", "post", "thread", ..] => "thread",
            ["", "post", "firstComment", ..] => "firstComment",
            ["", "post", "externalId"] => "externalId",
            ["", "profiles", ..] => "profiles",
            ["", "media", ..] => "media",
            _ => "",
        };
    }

    /// <summary>Each issue of a refused operation beside the field it is about.</summary>
    public FormErrors ErrorsOf(ProblemException problem)
    {
        var errors = new FormErrors();
        foreach (var issue in problem.Issues.Where(issue => issue.Severity == Severity.Error))
            errors.Add(FieldOf(issue), IssueWords.Of(issue, Zone));
        return errors.Any ? errors : errors.Add("", problem.Message);
    }

    private static DateTimeOffset? OwnMoment(Guid id, ProfileFields own, FormErrors errors, DateTimeOffset now, string zone)
    {
        if (own.Moment.Length == 0) return null;
        var moment = LocalMoment.Read(own.Moment, zone, own.Fold, now);
        if (moment.Problem is { } problem) errors.Add($"moment-{id}", problem);
        return moment.At;
    }

    private DateTimeOffset? OwnMoment(Guid id, ProfileFields own, FormErrors errors, DateTimeOffset now) =>
        OwnMoment(id, own, errors, now, Zone);

    // Null: as the post.
    private JsonArray? OwnMedia(ProfileFields own)
    {
        if (!own.OwnFiles && !own.WithoutAlt) return null;
        var files = Media.Where(item => own.OwnFiles ? own.Files.Contains(item.Id) : item.Everywhere);
        return MediaArray(own.WithoutAlt ? files.Select(item => item with { Alt = "" }) : files);
    }

    private static JsonObject Options(ComposerProfile profile, ProfileFields own)
    {
        var options = new JsonObject();
        foreach (var field in OptionField.Of(profile.OptionsSchema, profile.Choices))
            if (own.Options.TryGetValue(field.Name, out var texts) && field.Read(texts) is { } value) options[field.Name] = value;
        return options;
    }

    // A patch that leaves exactly these of the options that forms know.
    private static JsonObject Changed(JsonObject options, PostResource before, ComposerProfile profile)
    {
        var patch = new JsonObject();
        var shared = before.ProviderOptions.GetValueOrDefault(profile.Profile.Provider);
        var own = before.Overrides.GetValueOrDefault(profile.Id)?.Options;
        foreach (var field in OptionField.Of(profile.OptionsSchema, profile.Choices))
        {
            var wanted = options[field.Name]?.DeepClone();
            // What all profiles of the network share is overruled by its default, as nothing can be taken away from it.
            if (wanted is null && shared?[field.Name] is not null && field.Default is { } fallback)
                wanted = field.Input == OptionInput.Switch ? fallback == "true" : field.Input == OptionInput.Number
                    ? long.Parse(fallback, CultureInfo.InvariantCulture) : fallback;
            if (wanted is not null || own?[field.Name] is not null) patch[field.Name] = wanted;
        }
        return patch;
    }

    private static JsonObject Effective(PostResource post, Guid profileId, string? provider)
    {
        var options = provider is null ? [] : (JsonObject?)post.ProviderOptions.GetValueOrDefault(provider)?.DeepClone() ?? [];
        foreach (var (name, value) in post.Overrides.GetValueOrDefault(profileId)?.Options ?? []) options[name] = value?.DeepClone();
        return options;
    }

    private static FormMedia Shown(MediaItem item, bool everywhere) => new(item.ArtifactId, item.Alt ?? "",
        item.CoverAtMs is { } ms ? (ms / 1000m).ToString("0.###", CultureInfo.InvariantCulture) : "", everywhere,
        item.Fit == MediaFit.Pad);

    private static (Guid Id, string After)? Named(string prefix, string name) =>
        name.StartsWith(prefix, StringComparison.Ordinal) && name.Length >= prefix.Length + IdLength
        && Guid.TryParseExact(name.AsSpan(prefix.Length, IdLength), "D", out var id)
            ? (id, name[(prefix.Length + IdLength)..])
            : null;

    private ProfileFields For(Guid id)
    {
        if (!Own.TryGetValue(id, out var own)) Own[id] = own = new ProfileFields();
        return own;
    }

    private JsonArray ProfileArray() => new([.. Profiles.Select(id => (JsonNode)id.ToString())]);

    private static JsonArray MediaArray(IEnumerable<FormMedia> items) => new([.. items.Select(item => (JsonNode)new JsonObject
    {
        ["artifactId"] = item.Id.ToString(),
        ["alt"] = item.Alt.Length > 0 ? item.Alt : null,
        ["fit"] = item.Pads ? CamelCase.Of(MediaFit.Pad) : null,
        ["coverAtMs"] = decimal.TryParse(item.Cover, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds < int.MaxValue / 1000 ? (long)(seconds * 1000) : null,
    })]);

    // Files of parts, which the form does not show, stay with the part at their place.
    private JsonArray Parts(IReadOnlyList<PartContent> before) => new([.. Thread.Select((text, i) => (JsonNode)new JsonObject
    {
        ["body"] = text,
        ["media"] = i < before.Count ? System.Text.Json.JsonSerializer.SerializeToNode(before[i].Media, Json.Options) : new JsonArray(),
    })]);

    private JsonObject? Comment() => FirstComment.Length > 0 ? new JsonObject { ["body"] = FirstComment } : null;

    // Browsers send line ends as CRLF; networks count them, people do not.
    private static string Lines(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal);
}
