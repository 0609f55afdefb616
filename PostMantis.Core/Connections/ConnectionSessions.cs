using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Profiles;
using PostMantis.Core.Providers;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Connections;

/// <summary>A trip that has begun, and where the browser goes: to the network, or on to the choice of destinations.</summary>
public sealed record StartedSession(ConnectionSession Session, Uri AuthorizeUrl)
{
    public override string ToString() => $"{nameof(StartedSession)} {Session.Id}";
}

/// <summary>
/// The consent trip: start, callback, choice. Only for a person in the dashboard. What the trip holds in secret is sealed
/// while it waits and gone when it ends, however it ends.
/// </summary>
public sealed class ConnectionSessions(UnitOfWork unit, ProviderCatalog catalog, SecretVault vault, AuditLog audit,
    EventWriter events, WakeUp wakeUp, IOptions<InstanceOptions> instance, IOptions<ConnectionOptions> options,
    TimeProvider time)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Where networks send the browser back to; the provider's id follows.</summary>
    public const string CallbackPath = "/connect/callback/";

    // A trip's own page; its id follows.
    private const string SessionPath = "/connect/";
    private const int MostInput = 500;
    private const int MostOpen = 5;

    /// <summary>Opens a trip to <paramref name="provider"/>, which asks for nothing beforehand.</summary>
    /// <exception cref="ProblemException">invalidRequest: no such provider here, or not set up.</exception>
    public Task<StartedSession> StartAsync(Caller caller, string provider, CancellationToken ct) =>
        StartAsync(caller, provider, new Dictionary<string, string>(), ct);

    /// <summary>Opens a trip to <paramref name="provider"/> with what the person filled in, by field.</summary>
    /// <exception cref="ProblemException">
    /// invalidRequest: no such provider here, or not set up; a field that is missing or refused, at <c>/fields/{name}</c>.
    /// </exception>
    public async Task<StartedSession> StartAsync(
        Caller caller, string provider, IReadOnlyDictionary<string, string> input, CancellationToken ct)
    {
        RequirePerson(caller);
        ArgumentNullException.ThrowIfNull(input);
        if (!catalog.TryGet(provider, out var network) || !network.IsConfigured)
            throw ProblemException.Invalid(new Issue("/provider", Rule.NotFound, "This instance cannot connect that network."));
        var fields = Read(network.Consent.Fields, input);
        var now = time.GetUtcNow();
        var (id, state, verifier) = (Ids.New(now), NewSecret(), NewSecret());
        var start = await network.Consent.StartAsync(
            new ConsentTrip(state, verifier, Callback(provider)) { Input = fields }, ct);
        if (start is ConsentStart.Refused refused)
            throw ProblemException.Invalid(refused.Field is { } field
                ? new Issue($"/fields/{field}", Rule.WrongFormat, refused.Error.Message)
                : new Issue("/provider", Rule.NotReady, refused.Error.Message));

        var leave = start as ConsentStart.Leave;
        var open = network.Consent.Fields.Where(f => !f.IsSecret).Select(f => f.Name).ToHashSet();
        var waiting = new WaitingTrip(verifier, fields.Where(f => open.Contains(f.Key)).ToDictionary(),
            leave?.Secrets?.ToDictionary() ?? []);
        var session = ConnectionSession.Start(id, caller.UserId, caller.ActorId, provider, HashOf(state),
            vault.SealJson(ConnectionSession.SealedCredential.Of(id, caller.UserId), waiting), now,
            now + options.Value.SessionLifetime);
        await unit.RunAsync(token =>
        {
            _db.ConnectionSessions.Add(session);
            audit.Add(caller, "connectionSession.started", SubjectType, id, detail: new JsonObject { ["provider"] = provider });
            return _db.SaveChangesAsync(token);
        }, ct);
        if (leave is not null) return new StartedSession(session, leave.Url);
        var granted = (ConsentStart.Granted)start;
        return new StartedSession(
            await AuthorizeAsync(caller, session, network.Consent, granted.Tokens, granted.Account, now, ct),
            instance.Value.Address($"{SessionPath}{id}"));
    }

    /// <summary>
    /// The browser came back. The state must be one we gave this person for this network and is good once; a denial or
    /// a refused exchange fails the session.
    /// </summary>
    /// <exception cref="ProblemException">notFound: unknown, another user's, another network's; conflict: used before.</exception>
    public async Task<ConnectionSession> CallbackAsync(
        Caller caller, string provider, ConsentReturn back, CancellationToken ct)
    {
        RequirePerson(caller);
        ArgumentNullException.ThrowIfNull(back);
        var now = time.GetUtcNow();
        var hash = HashOf(back.State ?? "");
        var session = await _db.ConnectionSessions.SingleOrDefaultAsync(
                s => s.StateHash == hash && s.UserId == caller.UserId && s.Provider == provider, ct)
            ?? throw ProblemException.NotFound("connection session");
        if (session.Status != ConnectionSessionStatus.Started || session.IsExchanging)
            throw ProblemException.Conflict("This consent was used already.", CamelCase.Of(session.Status), []);
        if (session.ExpiresAt <= now) return await EndAsync(caller, session, s => s.Expire(now), ct);
        var consent = catalog.Get(provider).Consent;
        if (back.Error is not null || string.IsNullOrEmpty(back.Code))
        {
            return back.Error is { } error && consent.IsDenial(error)
                ? await EndAsync(caller, session, s => s.Cancel(now), ct)
                : await EndAsync(caller, session, s => s.Fail(new DeliveryError(DeliveryErrorCode.ProviderMisconfigured,
                    "The network ended the trip without consent.", NextStep.Retry, Retryable: true), now), ct);
        }

        // Taken before the exchange: of two callbacks with one state, one goes on.
        WaitingTrip waiting;
        using (var opened = vault.Open(PlaceOf(session), session.Credential))
            waiting = opened.ReadJson<WaitingTrip>();
        if (await _db.ConnectionSessions.Where(s => s.Id == session.Id && !s.IsExchanging
                && s.Status == ConnectionSessionStatus.Started)
                .ExecuteUpdateAsync(s => s.SetProperty(x => x.IsExchanging, true), ct) == 0)
            throw ProblemException.Conflict("This consent was used already.", CamelCase.Of(session.Status), []);

        var exchanged = await consent.ExchangeAsync(new ConsentTrip(back.State!, waiting.Verifier, Callback(provider))
        {
            Input = waiting.Input,
            Secrets = waiting.Secrets,
        }, back, ct);
        return exchanged is ConsentOutcome.Granted granted
            ? await AuthorizeAsync(caller, session, consent, granted.Tokens, granted.Account, now, ct)
            : await EndAsync(caller, session, s => s.Fail(((ConsentOutcome.Refused)exchanged).Error, now), ct);
    }

    private async Task<ConnectionSession> AuthorizeAsync(Caller caller, ConnectionSession session, IConsent consent,
        GrantTokens tokens, ProviderAccount account, DateTimeOffset now, CancellationToken ct)
    {
        var listed = await consent.ListDestinationsAsync(tokens, ct);
        if (listed is not DestinationsOutcome.Listed { Destinations.Count: > 0 } destinations)
        {
            await consent.RevokeAsync(tokens, ct);
            return await EndAsync(caller, session, s => s.Fail(listed is DestinationsOutcome.Failed failed
                ? failed.Error
                : new DeliveryError(DeliveryErrorCode.AccountRestricted, "The account has nothing to publish to.",
                    NextStep.AskOwner, Retryable: false), now), ct);
        }
        return await unit.RunAsync(async token =>
        {
            session.Authorize(vault.SealJson(PlaceOf(session), tokens), account, destinations.Destinations,
                now, now + options.Value.SessionLifetime);
            audit.Add(caller, "connectionSession.authorized", SubjectType, session.Id);
            await _db.SaveChangesAsync(token);
            return session;
        }, ct);
    }

    /// <summary>
    /// Makes profiles of the chosen destinations. The same account again renews its connection, and a profile that was
    /// there before comes back under its id.
    /// </summary>
    /// <exception cref="ProblemException">invalidRequest: nothing or something unknown chosen; conflict: ended.</exception>
    public Task<ConnectionSession> ChooseAsync(
        Caller caller, Guid sessionId, IReadOnlyList<string> destinationIds, CancellationToken ct)
    {
        RequirePerson(caller);
        ArgumentNullException.ThrowIfNull(destinationIds);
        return unit.RunAsync(async token =>
        {
            var now = time.GetUtcNow();
            var session = await HoldAsync(caller, sessionId, token);
            if (session.Status != ConnectionSessionStatus.Authorized)
                throw ProblemException.Conflict("There is nothing to choose.", CamelCase.Of(session.Status), []);
            if (session.ExpiresAt <= now)
            {
                session.Expire(now);
                await _db.SaveChangesAsync(token);
                return session;
            }
            var chosen = session.Destinations.Where(d => destinationIds.Contains(d.Id)).ToList();
            if (destinationIds.Count == 0)
                throw ProblemException.Invalid(new Issue("/destinations", Rule.TooFew, "Choose at least one.", Limit: 1, Actual: 0));
            if (chosen.Count != destinationIds.Distinct().Count())
                throw ProblemException.Invalid(new Issue("/destinations", Rule.NotFound, "That was not offered."));

            GrantTokens tokens;
            using (var opened = vault.Open(PlaceOf(session), session.Credential)) tokens = opened.ReadJson<GrantTokens>();
            var connection = await ConnectAsync(caller, session, tokens, now, token);
            foreach (var destination in chosen) await AddProfileAsync(caller, connection, destination, now, token);
            session.Complete(now);
            audit.Add(caller, "connectionSession.completed", SubjectType, session.Id,
                detail: new JsonObject { ["profiles"] = chosen.Count });
            await _db.SaveChangesAsync(token);
            unit.AfterCommit(() =>
            {
                wakeUp.Signal(WorkKind.RefreshToken);
                wakeUp.Signal(EventWriter.Loop);
            });
            return session;
        }, ct);
    }

    /// <summary>The person gives up; a trip that has ended stays as it ended.</summary>
    public Task<ConnectionSession> CancelAsync(Caller caller, Guid sessionId, CancellationToken ct)
    {
        RequirePerson(caller);
        return unit.RunAsync(async token =>
        {
            var session = await HoldAsync(caller, sessionId, token);
            if (session.EndedAt is not null) return session;
            session.Cancel(time.GetUtcNow());
            audit.Add(caller, "connectionSession.canceled", SubjectType, session.Id);
            await _db.SaveChangesAsync(token);
            return session;
        }, ct);
    }

    /// <summary>One trip of the caller.</summary>
    /// <exception cref="ProblemException">notFound.</exception>
    public async Task<ConnectionSession> GetAsync(Caller caller, Guid sessionId, CancellationToken ct)
    {
        RequirePerson(caller);
        return await _db.ConnectionSessions.AsNoTracking()
                .SingleOrDefaultAsync(s => s.Id == sessionId && s.UserId == caller.UserId, ct)
            ?? throw ProblemException.NotFound("connection session");
    }

    /// <summary>The caller's trips that are under way, newest first.</summary>
    public async Task<IReadOnlyList<ConnectionSession>> OpenAsync(Caller caller, CancellationToken ct)
    {
        RequirePerson(caller);
        var now = time.GetUtcNow();

        // Neither half of a trip lasts longer.
        var since = now - (options.Value.SessionLifetime * 2);
        return await _db.ConnectionSessions.AsNoTracking().Where(s => s.UserId == caller.UserId && s.EndedAt == null
                && s.ExpiresAt > now && s.CreatedAt > since)
            .OrderByDescending(s => s.CreatedAt).Take(MostOpen).ToListAsync(ct);
    }

    /// <summary>Ends every trip whose time has run out; its credentials go with it.</summary>
    /// <returns>How many ended.</returns>
    public Task<int> ExpireAsync(CancellationToken ct) => unit.RunAsync(async token =>
    {
        var now = time.GetUtcNow();
        var late = await _db.ConnectionSessions.FromSql($"""
            SELECT * FROM connection_sessions WHERE credential IS NOT NULL AND expires_at <= {now}
            ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED
            """).ToListAsync(token);
        foreach (var session in late)
        {
            session.Expire(now);
            audit.AddSystem(session.UserId, "connectionSession.expired", SubjectType, session.Id);
        }
        await _db.SaveChangesAsync(token);
        return late.Count;
    }, ct);

    private const string SubjectType = "connectionSession";

    private async Task<Connection> ConnectAsync(
        Caller caller, ConnectionSession session, GrantTokens tokens, DateTimeOffset now, CancellationToken ct)
    {
        var account = session.Account!;
        var connection = (await _db.Connections.FromSql($"""
            SELECT * FROM connections WHERE user_id = {caller.UserId} AND provider = {session.Provider}
                AND provider_account_id = {account.Id} FOR UPDATE
            """).ToListAsync(ct)).SingleOrDefault();
        if (connection is null)
        {
            connection = new Connection
            {
                Id = Ids.New(now),
                UserId = caller.UserId,
                Provider = session.Provider,
                ProviderAccountId = account.Id,
                AccountName = account.Name,
                CreatedAt = now,
            };
            _db.Connections.Add(connection);
        }
        connection.AccountName = account.Name;
        connection.Status = ConnectionStatus.Active;
        connection.LastRefreshError = null;
        GrantStore.Put(vault, connection, tokens, now);
        await GrantStore.ScheduleRefreshAsync(_db, connection, options.Value, now, ct,
            isRenewable: !string.IsNullOrEmpty(tokens.RefreshToken));

        // The renewed grant serves whatever the old one served.
        var waiting = await _db.Profiles.Where(p => p.ConnectionId == connection.Id
            && p.Status == ProfileStatus.ReauthRequired).ToListAsync(ct);
        foreach (var profile in waiting) profile.Revive(connection.Id, now);
        return connection;
    }

    private async Task AddProfileAsync(
        Caller caller, Connection connection, Destination destination, DateTimeOffset now, CancellationToken ct)
    {
        var profile = await _db.Profiles.SingleOrDefaultAsync(p => p.UserId == caller.UserId
            && p.Provider == connection.Provider && p.ProviderProfileId == destination.Id, ct);
        if (profile is null)
        {
            profile = new Profile
            {
                Id = Ids.New(now),
                UserId = caller.UserId,
                ConnectionId = connection.Id,
                Provider = connection.Provider,
                ProviderProfileId = destination.Id,
                Name = destination.Name,
                TestMode = connection.Provider == ProviderCatalog.SandboxId,
                CreatedAt = now,
                UpdatedAt = now,
            };
            _db.Profiles.Add(profile);
        }
        else
        {
            profile.Revive(connection.Id, now);
        }
        (profile.Name, profile.Handle, profile.PictureUrl) = (destination.Name, destination.Handle, destination.PictureUrl);
        profile.Facts = destination.Facts.ToDictionary();
        events.Add(caller.UserId, EventTypes.ProfileConnected, new JsonObject
        {
            ["profile"] = ProfileResource.From(profile).ToJson(),
        }, profile.TestMode, profileId: profile.Id, provider: profile.Provider);
        audit.Add(caller, "profile.connected", ProfileResource.Kind, profile.Id);
    }

    private async Task<ConnectionSession> EndAsync(
        Caller caller, ConnectionSession session, Action<ConnectionSession> end, CancellationToken ct)
    {
        return await unit.RunAsync(async token =>
        {
            end(session);
            audit.Add(caller, $"connectionSession.{CamelCase.Of(session.Status)}", SubjectType, session.Id);
            await _db.SaveChangesAsync(token);
            return session;
        }, ct);
    }

    private async Task<ConnectionSession> HoldAsync(Caller caller, Guid sessionId, CancellationToken ct) =>
        (await _db.ConnectionSessions.FromSql($"""
            SELECT * FROM connection_sessions WHERE id = {sessionId} AND user_id = {caller.UserId} FOR UPDATE
            """).ToListAsync(ct)).SingleOrDefault() ?? throw ProblemException.NotFound("connection session");

    // What the network asked for and a person filled in; the rest is not passed on.
    private static Dictionary<string, string> Read(
        IReadOnlyList<ConsentField> fields, IReadOnlyDictionary<string, string> input)
    {
        List<Issue> issues = [];
        Dictionary<string, string> read = [];
        foreach (var field in fields)
        {
            var text = input.GetValueOrDefault(field.Name)?.Trim() ?? "";
            if (text.Length > MostInput || !ObjectReader.IsStorable(text))
                issues.Add(new Issue($"/fields/{field.Name}", Rule.TooLong, $"At most {MostInput} characters.",
                    Limit: MostInput, Actual: text.Length, Unit: "characters"));
            else if (text.Length > 0) read[field.Name] = text;
            else if (field.IsRequired) issues.Add(new Issue($"/fields/{field.Name}", Rule.Required, "Fill this in."));
        }
        return issues.Count == 0 ? read : throw ProblemException.Invalid([.. issues]);
    }

    private Uri Callback(string provider) => instance.Value.Address(CallbackPath + provider);

    private static SealedPlace PlaceOf(ConnectionSession session) =>
        ConnectionSession.SealedCredential.Of(session.Id, session.UserId);

    // 32 random bytes: 43 characters, the length RFC 7636 asks of a verifier at least.
    private static string NewSecret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private static byte[] HashOf(string state) => SHA256.HashData(Encoding.UTF8.GetBytes(state));

    private static void RequirePerson(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }

    /// <summary>What a trip is bound to while the browser is away; it never prints itself.</summary>
    private sealed record WaitingTrip(string Verifier, Dictionary<string, string> Input, Dictionary<string, string> Secrets)
    {
        public override string ToString() => nameof(WaitingTrip);
    }
}
