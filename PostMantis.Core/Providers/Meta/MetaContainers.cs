using System.Globalization;

namespace PostMantis.Core.Providers.Meta;

/// <summary>What a post is made of.</summary>
/// <param name="Fields">Of the container that is published.</param>
/// <param name="Children">Fields of the items of a carousel; none for other posts.</param>
internal sealed record ContainerPlan(
    IReadOnlyDictionary<string, string> Fields, IReadOnlyList<IReadOnlyDictionary<string, string>> Children);

/// <summary>By what a post is known again once it is public.</summary>
/// <param name="Text">What a listing shows of it.</param>
/// <param name="Listing">The listing it appears in, below the account; null: in none.</param>
internal sealed record ContainerTrace(string Text, string? Listing);

/// <summary>The differences between the containers of Instagram and Threads.</summary>
/// <param name="CreateEdge">Below the account.</param>
/// <param name="PublishEdge">Below the account.</param>
/// <param name="StatusField">Of a container.</param>
/// <param name="ReasonField">Of a container: why it failed.</param>
/// <param name="TextField">Of a post in a listing.</param>
/// <param name="ListsSince">Whether listings can begin at a moment.</param>
/// <param name="ReasonOf">What a failed container's reason means.</param>
internal sealed record ContainerWay(string CreateEdge, string PublishEdge, string StatusField, string ReasonField,
    string TextField, bool ListsSince, Func<string?, MetaMeaning> ReasonOf);

/// <summary>How far a post has come.</summary>
internal abstract record ContainerStep
{
    /// <summary>It is public.</summary>
    /// <param name="Id">Null when the network does not say which post it became.</param>
    public sealed record Live(string? Id, string? Url) : ContainerStep;

    /// <summary>It is not, and this is why.</summary>
    public sealed record Ended(PublishOutcome Outcome) : ContainerStep;
}

/// <summary>
/// Publishes by containers: one is created, worked on by the network, then published by its id. The id is known before
/// anything is public, so a lost answer is settled by asking the container; a container that is public is never published
/// again.
/// </summary>
internal sealed class MetaContainers(MetaClient client, MetaErrors errors, ContainerWay way, TimeProvider time)
{
    /// <summary>A file's address must serve as long as a container may be published.</summary>
    public static readonly TimeSpan PullFor = TimeSpan.FromHours(24);

    private const int MostRenewals = 1;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Later = TimeSpan.FromMinutes(1);

    /// <summary>The handle of the container of one part of a post.</summary>
    public static string HandleOf(string part) => $"{part}.container";

    /// <summary>Does what can be done now for one part of a post.</summary>
    /// <param name="part">Names its handles.</param>
    /// <param name="plan">Asked only while a container is to be made; null when a file is missing.</param>
    public async Task<ContainerStep> AdvanceAsync(
        PublishWork work, string part, ContainerTrace trace, Func<ContainerPlan?> plan, CancellationToken ct)
    {
        if (Held.Read(work.Handles, HandleOf(part)) is null)
        {
            if (plan() is not { } made) return Ended(new PublishOutcome.Rejected(ProviderErrors.MissingFile()));
            if (await ChildrenAsync(work, part, made, ct) is { } hindered) return Ended(hindered);
            if (await CreateAsync(work, HandleOf(part), Whole(work, part, made), 0, ct) is { } refused) return Ended(refused);
        }
        var held = Held.Read(work.Handles, HandleOf(part))!;
        var call = CallOf(part);
        var status = await StatusAsync(work.Tokens, held.Id, ct);
        switch (status.State)
        {
            case "PUBLISHED":
                return await FindAsync(work, trace, call.At(work.Handles) ?? held.MadeAt, ct);
            case "FINISHED" when call.Remaining(work.Handles) is { } wait:
                return Ended(new PublishOutcome.Processing(wait));
            case "FINISHED":
                return await PublishAsync(work, call, held.Id, ct);
            case "ERROR" or "EXPIRED":
                return Ended(plan() is { } again
                    ? await RenewAsync(work, HandleOf(part), held, status, Whole(work, part, again), ct)
                    : new PublishOutcome.Rejected(ProviderErrors.MissingFile()));
            case null when errors.MeaningOf(status.Answer) is MetaMeaning.Revoked or MetaMeaning.Permission:
                return Ended(new PublishOutcome.Rejected(errors.Of(status.Answer)));
            default:
                return Ended(new PublishOutcome.Processing(PollIn(held, status.Answer)));
        }
    }

    /// <summary>What became of a container whose publishing call was lost.</summary>
    public async Task<ReconcileOutcome> ReconcileAsync(
        ReconcileWork work, string part, ContainerTrace trace, CancellationToken ct)
    {
        if (Held.Read(work.Handles, HandleOf(part)) is not { } held) return new ReconcileOutcome.Absent();
        var status = await StatusAsync(work.Tokens, held.Id, ct);
        switch (status.State)
        {
            case "FINISHED" or "IN_PROGRESS":
                return new ReconcileOutcome.NotListed();
            case "ERROR" or "EXPIRED":
                return new ReconcileOutcome.Absent();
            case "PUBLISHED":
                return await LookAsync(work.Target, work.Tokens, trace, CallOf(part).At(work.Handles) ?? held.MadeAt, work.OwnedPostIds, ct)
                    is var seen and not ReconcileOutcome.NotListed ? seen : new ReconcileOutcome.Inconclusive("not_listed_yet");
            default:
                return new ReconcileOutcome.Inconclusive(status.Answer.Code ?? "no_answer", status.Answer.Wait);
        }
    }

    /// <returns>Null: all items are ready to be put together.</returns>
    private async Task<PublishOutcome?> ChildrenAsync(PublishWork work, string part, ContainerPlan plan, CancellationToken ct)
    {
        for (var i = 0; i < plan.Children.Count; i++)
        {
            if (Held.Read(work.Handles, ChildOf(part, i)) is null
                && await CreateAsync(work, ChildOf(part, i), plan.Children[i], 0, ct) is { } refused)
                return refused;
        }
        TimeSpan? wait = null;
        for (var i = 0; i < plan.Children.Count; i++)
        {
            var held = Held.Read(work.Handles, ChildOf(part, i))!;
            var status = await StatusAsync(work.Tokens, held.Id, ct);
            switch (status.State)
            {
                case "FINISHED":
                    break;
                case "ERROR" or "EXPIRED":
                    var renewed = await RenewAsync(work, ChildOf(part, i), held, status, plan.Children[i], ct);
                    if (renewed is not PublishOutcome.Processing) return renewed;
                    wait = Soon;
                    break;
                case null when errors.MeaningOf(status.Answer) is MetaMeaning.Revoked or MetaMeaning.Permission:
                    return new PublishOutcome.Rejected(errors.Of(status.Answer));
                default:
                    wait = PollIn(held, status.Answer);
                    break;
            }
        }
        return wait is { } later ? new PublishOutcome.Processing(later) : null;
    }

    private async Task<PublishOutcome?> CreateAsync(
        PublishWork work, string handle, IReadOnlyDictionary<string, string> fields, int renewals, CancellationToken ct)
    {
        var made = await client.WriteAsync(work.Target, way.CreateEdge, fields, work.Tokens, ct);
        if (!made.IsSuccess || made.Body.Id("id") is not { } id) return errors.BeforePublic(work, made);
        await work.SaveHandleAsync(handle, new Held(id, time.GetUtcNow(), renewals).ToString(), ct);
        return null;
    }

    // A container that failed for a passing reason is made anew once; nothing of it was public.
    private async Task<PublishOutcome> RenewAsync(PublishWork work, string handle, Held held, ContainerStatus status,
        IReadOnlyDictionary<string, string> fields, CancellationToken ct)
    {
        var meaning = status.State == "EXPIRED" ? MetaMeaning.Gone : way.ReasonOf(status.Reason);
        if (meaning is not (MetaMeaning.Transient or MetaMeaning.Gone or MetaMeaning.Unfetched) || held.Renewals >= MostRenewals)
        {
            var said = new ProviderError(ProviderText.Code(status.State), ProviderText.Message(status.Reason), null);
            return new PublishOutcome.Rejected((meaning == MetaMeaning.Unfetched
                ? errors.Unfetched(retryable: false)
                : errors.Media(message: "The network could not work through one of the files.")) with { Provider = said });
        }
        return await CreateAsync(work, handle, fields, held.Renewals + 1, ct) ?? new PublishOutcome.Processing(Soon);
    }

    private static IReadOnlyDictionary<string, string> Whole(PublishWork work, string part, ContainerPlan plan)
    {
        var children = Enumerable.Range(0, plan.Children.Count)
            .Select(i => Held.Read(work.Handles, ChildOf(part, i))?.Id).OfType<string>().ToList();
        return children.Count == 0
            ? plan.Fields
            : new Dictionary<string, string>(plan.Fields) { ["children"] = string.Join(',', children) };
    }

    private async Task<ContainerStep> PublishAsync(PublishWork work, MetaCall call, string container, CancellationToken ct)
    {
        await call.StartsAsync(work, ct);
        var answer = await client.WriteAsync(
            work.Target, way.PublishEdge, new Dictionary<string, string> { ["creation_id"] = container }, work.Tokens, ct);
        if (answer.IsSuccess && answer.Body.Id("id") is { } id)
            return new ContainerStep.Live(id, await PermalinkAsync(work.Tokens, id, ct));
        var meaning = errors.MeaningOf(answer);
        if (meaning is not (MetaMeaning.NotReady or MetaMeaning.Gone)) return Ended(errors.OfPublicCall(work, answer));

        if (meaning == MetaMeaning.NotReady) await call.ForgetAsync(work, ct);
        return Ended(new PublishOutcome.Processing(meaning == MetaMeaning.NotReady ? Often : Later));
    }

    // It is public: which post it became is found by its text and time. Only where no listing shows it nobody can say.
    private async Task<ContainerStep> FindAsync(
        PublishWork work, ContainerTrace trace, DateTimeOffset called, CancellationToken ct)
    {
        if (trace.Listing is null) return new ContainerStep.Live(null, null);
        return await LookAsync(work.Target, work.Tokens, trace, called, new HashSet<string>(), ct) switch
        {
            ReconcileOutcome.Found found => new ContainerStep.Live(found.ProviderPostId, found.Url),
            ReconcileOutcome.Inconclusive { RetryAfter: { } wait } => Ended(new PublishOutcome.Processing(wait)),
            _ => Ended(new PublishOutcome.Processing(Often)),
        };
    }

    private async Task<ReconcileOutcome> LookAsync(PublishTarget target, GrantTokens tokens, ContainerTrace trace,
        DateTimeOffset called, IReadOnlySet<string> owned, CancellationToken ct)
    {
        if (trace.Listing is not { } listing) return new ReconcileOutcome.NotListed();
        return await new MetaListing(listing, way.TextField, "permalink", "timestamp") { Since = way.ListsSince }
            .FindAsync(client, target, tokens, trace.Text, called, owned, ct);
    }

    private async Task<string?> PermalinkAsync(GrantTokens tokens, string id, CancellationToken ct)
    {
        var answer = await client.ReadAsync(id, "permalink", tokens, ct);
        return answer.IsSuccess ? ProviderText.Url(answer.Body.Text("permalink")) : null;
    }

    private async Task<ContainerStatus> StatusAsync(GrantTokens tokens, string container, CancellationToken ct)
    {
        var fields = way.StatusField == way.ReasonField ? way.StatusField : $"{way.StatusField},{way.ReasonField}";
        var answer = await client.ReadAsync(container, fields, tokens, ct);
        if (answer.IsSuccess) return new ContainerStatus(answer.Body.Text(way.StatusField), answer.Body.Text(way.ReasonField), answer);
        return errors.MeaningOf(answer) is MetaMeaning.Gone or MetaMeaning.Missing
            ? new ContainerStatus("EXPIRED", null, answer)
            : new ContainerStatus(null, null, answer);
    }

    private TimeSpan PollIn(Held held, ProviderAnswer answer)
    {
        if (!answer.IsSuccess && MetaErrors.WaitOf(answer, errors.MeaningOf(answer)) is { } asked) return asked;
        var age = time.GetUtcNow() - held.MadeAt;
        return age < TimeSpan.FromSeconds(30) ? Soon : age < TimeSpan.FromMinutes(3) ? Often : Later;
    }

    private static ContainerStep.Ended Ended(PublishOutcome outcome) => new(outcome);

    private static string ChildOf(string part, int index) => $"{part}.child{index}";

    private MetaCall CallOf(string part) => new($"{part}.called", time);

    private static string Milliseconds(DateTimeOffset at) =>
        at.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);

    private sealed record ContainerStatus(string? State, string? Reason, ProviderAnswer Answer);

    /// <summary>A container as its handle keeps it: its id, when it was made, and how often it was made anew.</summary>
    private sealed record Held(string Id, DateTimeOffset MadeAt, int Renewals)
    {
        public static Held? Read(IReadOnlyDictionary<string, string> handles, string name)
        {
            var words = handles.GetValueOrDefault(name)?.Split(' ') ?? [];
            return words.Length == 3
                && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var made)
                && int.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out var renewals)
                ? new Held(words[0], DateTimeOffset.FromUnixTimeMilliseconds(made), renewals)
                : null;
        }

        public override string ToString() => $"{Id} {Milliseconds(MadeAt)} {Renewals.ToString(CultureInfo.InvariantCulture)}";
    }
}
