using System.Globalization;
using System.Text.RegularExpressions;
using PostMantis.Core.Deliveries;
using PostMantis.Core.Webhooks;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages.Posts;

/// <summary>
/// The way of a post from its acceptance to its last webhook, from durable rows alone: what took how long, one after the
/// other. Waits are drawn shorter than they were, so that seconds of work stay visible beside days until the moment.
/// </summary>
public sealed partial class Timeline
{
    /// <summary>How wide the whole is.</summary>
    public const double Scale = 1000;

    private const double Thinnest = 4;
    private const double MostOfWait = 0.12;
    private static readonly TimeSpan _leastOfWait = TimeSpan.FromMilliseconds(20);

    private Timeline(IReadOnlyList<Group> groups) => Groups = groups;

    /// <summary>One stage: a stretch of time, or a moment when both ends are the same.</summary>
    /// <param name="IsWait">Nothing was done meanwhile.</param>
    /// <param name="IsPart">Belongs to the stage above it.</param>
    public sealed record Stage(
        string Name, string Tone, DateTimeOffset From, DateTimeOffset To, bool IsWait = false, bool IsPart = false)
    {
        public bool IsMoment => From == To;
        public double X { get; set; }
        public double Width { get; set; }
    }

    /// <summary>The stages of the post, of one delivery, or of the webhooks.</summary>
    public sealed record Group(string Key, string Name, string? Provider, bool IsOpen, IReadOnlyList<Stage> Stages);

    public IReadOnlyList<Group> Groups { get; }

    public bool IsEmpty => Groups.Count == 0;

    public DateTimeOffset Start { get; private init; }

    public DateTimeOffset End { get; private init; }

    /// <summary>Some wait is drawn shorter than it was.</summary>
    public bool IsShortened { get; private set; }

    /// <summary>Lays the stages out over <see cref="Scale"/>.</summary>
    public static Timeline Of(PostDetail detail, IReadOnlyList<PostMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(detail);
        if (detail.AcceptedAt is not { } accepted) return new Timeline([]);
        List<Group> groups = [new("post", "Post", null, true, [new("Accepted", "plan", accepted, accepted)])];
        var isShort = detail.Post.Deliveries.Count <= 4;
        foreach (var delivery in detail.Post.Deliveries)
        {
            var stages = Of(delivery, [.. detail.Attempts[delivery.Id]], accepted);
            if (stages.Count > 0)
                groups.Add(new(delivery.Id.ToString(), delivery.ProfileName, delivery.Provider,
                    isShort || delivery.Status is DeliveryStatus.Failed or DeliveryStatus.Unknown, stages));
        }
        if (messages.Count > 0) groups.Add(new("webhooks", "Webhooks", null, messages.Count <= 12, Of(detail.Post, messages)));
        var all = groups.SelectMany(g => g.Stages).ToList();
        var timeline = new Timeline(groups) { Start = all.Min(s => s.From), End = all.Max(s => s.To) };
        timeline.LayOut(all);
        return timeline;
    }

    private static List<Stage> Of(DeliveryResource delivery, IReadOnlyList<AttemptResource> attempts, DateTimeOffset accepted)
    {
        List<Stage> stages = [];
        if (delivery.ScheduledAt is { } due && due > accepted && attempts.Count > 0 && attempts[0].StartedAt >= due)
            stages.Add(new("Waited for its moment", "plan", accepted, due, IsWait: true));
        var since = delivery.ScheduledAt > accepted ? delivery.ScheduledAt.Value : accepted;
        foreach (var attempt in attempts)
        {
            if (attempt.StartedAt >= since)
                stages.Add(new(attempt.Number == 1 ? "Queued" : "Waited for the next try", "idle", since, attempt.StartedAt, IsWait: true));
            AddAttempt(stages, attempt);
            if (attempt.FinishedAt is { } finished) since = finished;
        }
        var (name, tone) = delivery.Status switch
        {
            DeliveryStatus.Published => ("Settled: published", "good"),
            DeliveryStatus.Incomplete => ("Settled: incomplete", "warn"),
            DeliveryStatus.Failed => ("Settled: failed", "bad"),
            _ => ("", ""),
        };
        if (name.Length > 0 && (delivery.PublishedAt ?? delivery.FailedAt) is { } settled)
            stages.Add(new(name, tone, settled, settled));
        return stages;
    }

    private static void AddAttempt(List<Stage> stages, AttemptResource attempt)
    {
        var (verdict, tone) = Names.Verdict(attempt.Verdict);
        var end = attempt.FinishedAt ?? attempt.Steps.Select(s => s.At).Append(attempt.CalledAt ?? attempt.StartedAt).Max();
        stages.Add(new($"Attempt {attempt.Number}: {verdict.ToLowerInvariant()}", tone, attempt.StartedAt, end));
        var at = attempt.StartedAt;
        string? calling = null;
        foreach (var step in attempt.Steps.OrderBy(s => s.At))
        {
            if (step.Name == "call")
            {
                if (calling is not null) stages.Add(new(calling, "busy", at, step.At, IsPart: true));
                else if (step.At > at) stages.Add(new("Made ready", "idle", at, step.At, IsPart: true));
                calling = "Public call";
            }
            else if (step.Name is "claimed" or "resumed" or "partPublished" or "partFailed")
            {
                // These tell of a moment; a call that was under way ended then.
                if (calling is not null) stages.Add(new(calling, "busy", at, step.At, IsPart: true));
                calling = null;
                stages.Add(new(NameOf(step), step.Name == "partFailed" ? "bad" : "idle", step.At, step.At, IsPart: true));
            }
            else
            {
                stages.Add(new(calling is null ? NameOf(step) : $"{calling}: {NameOf(step).ToLowerInvariant()}",
                    step.Name == "leaseExpired" ? "warn" : "busy", at, step.At, IsPart: true));
                calling = null;
            }
            at = step.At;
        }
        if (attempt.FinishedAt is { } finished)
            stages.Add(new(calling is null ? "Answer stored" : $"{calling}, answer stored", calling is null ? "idle" : "busy", at, finished, IsPart: true));
    }

    private static string NameOf(AttemptStep step) => step.Name switch
    {
        "handle" => $"Step: {LongId().Replace(step.Detail ?? "", id => $"…{id.Value[^4..]}")}",
        "mark" => "Mark made durable",
        "leaseExpired" => "The worker was lost",
        "claimed" => "Claimed",
        "resumed" => "Taken up again",
        "partPublished" => $"Published: {step.Detail}",
        "partFailed" => $"Not published: {step.Detail}",
        _ => step.Detail is null ? step.Name : $"{step.Name}: {step.Detail}",
    };

    private static List<Stage> Of(PostResource post, IReadOnlyList<PostMessage> messages)
    {
        var profiles = post.Deliveries.ToDictionary(d => d.Id, d => d.ProfileName);
        List<Stage> stages = [];
        foreach (var told in messages)
        {
            var (state, tone) = WebhookWords.Of(told.Message);
            var about = told.DeliveryId is { } id && profiles.TryGetValue(id, out var profile) ? $" ({profile})" : "";
            var name = $"{told.Message.Type}{about} to {told.EndpointName}: {state.ToLowerInvariant()}";
            var last = told.Attempts.Select(Ended).Append(told.HappenedAt).Max();
            stages.Add(new(name, tone, told.HappenedAt, last, IsWait: told.Attempts.Count > 1));
            foreach (var attempt in told.Attempts)
            {
                stages.Add(new(attempt.Error is { } error
                        ? $"Attempt {attempt.Number}: {WebhookWords.Of(error, attempt.StatusCode)}"
                        : string.Create(CultureInfo.InvariantCulture, $"Attempt {attempt.Number}: delivered, {attempt.StatusCode}"),
                    attempt.Error is null ? "good" : "bad", attempt.StartedAt, Ended(attempt), IsPart: true));
            }
        }
        return stages;
    }

    private static DateTimeOffset Ended(WebhookAttempt attempt) => attempt.StartedAt.AddMilliseconds(attempt.DurationMs);

    // Between any two neighbouring moments something was under way or everybody waited; a wait counts up to a share of the work.
    private void LayOut(List<Stage> all)
    {
        var moments = all.SelectMany(s => new[] { s.From, s.To }).Distinct().Order().ToArray();
        var work = Joined(all.Where(s => !s.IsWait && !s.IsMoment));
        var isWork = new bool[Math.Max(0, moments.Length - 1)];
        for (var (i, w) = (0, 0); i < isWork.Length; i++)
        {
            while (w < work.Count && work[w].To <= moments[i]) w++;
            isWork[i] = w < work.Count && work[w].From <= moments[i];
        }
        var worked = work.Aggregate(TimeSpan.Zero, (sum, w) => sum + (w.To - w.From));
        var most = TimeSpan.FromTicks(Math.Max((long)(worked.Ticks * MostOfWait), _leastOfWait.Ticks));
        var places = new double[moments.Length];
        for (var i = 1; i < moments.Length; i++)
        {
            var length = moments[i] - moments[i - 1];
            if (!isWork[i - 1] && length > most) (length, IsShortened) = (most, true);
            places[i] = places[i - 1] + length.TotalMilliseconds;
        }
        var whole = Math.Max(places[^1], 1);
        foreach (var stage in all)
        {
            var (from, to) = (Place(stage.From), Place(stage.To));
            stage.Width = Math.Max(Thinnest, to - from);
            stage.X = Math.Min(from, Scale - stage.Width);
        }

        double Place(DateTimeOffset at) => places[Array.BinarySearch(moments, at)] / whole * Scale;
    }

    private static List<(DateTimeOffset From, DateTimeOffset To)> Joined(IEnumerable<Stage> stages)
    {
        List<(DateTimeOffset From, DateTimeOffset To)> joined = [];
        foreach (var stage in stages.OrderBy(s => s.From))
        {
            if (joined.Count > 0 && stage.From <= joined[^1].To)
                joined[^1] = (joined[^1].From, stage.To > joined[^1].To ? stage.To : joined[^1].To);
            else
                joined.Add((stage.From, stage.To));
        }
        return joined;
    }

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
    private static partial Regex LongId();
}
