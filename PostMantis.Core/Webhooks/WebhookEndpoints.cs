using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Outbound;
using PostMantis.Core.Outbox;
using PostMantis.Core.Persistence;
using PostMantis.Core.Queue;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Webhooks;

/// <summary>What a person says of an endpoint.</summary>
/// <param name="Types">Empty: every type.</param>
/// <param name="BrandIds">Empty: every brand. The same for profiles; each list narrows further.</param>
public sealed record WebhookSettings(string Name, string Url, WebhookMode Mode, IReadOnlyList<string> Types,
    IReadOnlyList<Guid> BrandIds, IReadOnlyList<Guid> ProfileIds);

/// <summary>An endpoint with its secret, which is never shown again.</summary>
public sealed record SecretShown(Guid EndpointId, string Secret)
{
    public override string ToString() => EndpointId.ToString();
}

/// <summary>Makes and changes webhook endpoints: only for a person in the dashboard. Each change is audited.</summary>
public sealed class WebhookEndpoints(UnitOfWork unit, SecretVault vault, OutboundGuard guard, EventWriter events,
    AuditLog audit, WakeUp wakeUp, IOptions<WebhookOptions> options, TimeProvider time)
{
    private readonly PostMantisDb _db = unit.Db;

    /// <summary>Makes an endpoint and answers its secret once.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointers <c>/name</c>, <c>/url</c>, <c>/types</c>, <c>/brands</c>,
    /// <c>/profiles</c>; conflict: there are too many.</exception>
    public async Task<SecretShown> CreateAsync(Caller caller, WebhookSettings wanted, CancellationToken ct)
    {
        RequirePerson(caller);
        await CheckAsync(caller, wanted, ct);
        var count = await _db.WebhookEndpoints.CountAsync(e => e.UserId == caller.UserId && e.DeletedAt == null, ct);
        if (count >= options.Value.MostEndpoints)
            throw ProblemException.Conflict($"There are {count} endpoints already; delete one first.", "full", ["delete"]);
        var now = time.GetUtcNow();
        var id = Ids.New(now);
        var secret = WebhookSecret.Create();
        var endpoint = new WebhookEndpoint
        {
            Id = id,
            UserId = caller.UserId,
            Name = wanted.Name.Trim(),
            Url = wanted.Url.Trim(),
            Slots = options.Value.EndpointSlots,
            Secret = vault.Seal(WebhookEndpoint.SealedSecret.Of(id, caller.UserId), secret),
            CreatedAt = now,
            UpdatedAt = now,
        };
        Apply(endpoint, wanted);
        await unit.RunAsync(token =>
        {
            _db.WebhookEndpoints.Add(endpoint);
            audit.Add(caller, "webhookEndpoint.created", WebhookEndpoint.Kind, id, detail: Detail(endpoint));
            return _db.SaveChangesAsync(token);
        }, ct);
        return new SecretShown(id, Show(secret));
    }

    /// <summary>Changes where and what; messages that wait go to the new address.</summary>
    /// <exception cref="ProblemException">notFound; invalidRequest as with <see cref="CreateAsync"/>.</exception>
    public async Task UpdateAsync(Caller caller, Guid endpointId, WebhookSettings wanted, CancellationToken ct)
    {
        RequirePerson(caller);
        await CheckAsync(caller, wanted, ct);
        await ChangeAsync(caller, endpointId, (endpoint, now) =>
        {
            (endpoint.Name, endpoint.Url, endpoint.UpdatedAt) = (wanted.Name.Trim(), wanted.Url.Trim(), now);
            Apply(endpoint, wanted);
            audit.Add(caller, "webhookEndpoint.updated", WebhookEndpoint.Kind, endpoint.Id, detail: Detail(endpoint));
        }, ct);
    }

    /// <summary>
    /// Gives the endpoint a new secret and answers it once. The one before signs too for
    /// <see cref="WebhookOptions.RotationOverlap"/>; one before that is erased.
    /// </summary>
    public async Task<SecretShown> RotateAsync(Caller caller, Guid endpointId, CancellationToken ct)
    {
        RequirePerson(caller);
        var secret = WebhookSecret.Create();
        await ChangeAsync(caller, endpointId, (endpoint, now) =>
        {
            using (var current = vault.Open(WebhookEndpoint.SealedSecret.Of(endpoint.Id, endpoint.UserId), endpoint.Secret))
                endpoint.PreviousSecret = vault.Seal(
                    WebhookEndpoint.SealedPreviousSecret.Of(endpoint.Id, endpoint.UserId), current.AsSpan());
            endpoint.PreviousSecretEndsAt = now + options.Value.RotationOverlap;
            endpoint.Secret = vault.Seal(WebhookEndpoint.SealedSecret.Of(endpoint.Id, endpoint.UserId), secret);
            endpoint.UpdatedAt = now;
            audit.Add(caller, "webhookEndpoint.rotated", WebhookEndpoint.Kind, endpoint.Id);
        }, ct);
        return new SecretShown(endpointId, Show(secret));
    }

    /// <summary>Stops telling it anything; what waits goes on waiting. A second time changes nothing.</summary>
    public Task DisableAsync(Caller caller, Guid endpointId, CancellationToken ct) =>
        ChangeAsync(caller, endpointId, (endpoint, now) =>
        {
            if (endpoint.DisabledAt is not null) return;
            endpoint.Disable(DisabledReason.Person, now);
            audit.Add(caller, "webhookEndpoint.disabled", WebhookEndpoint.Kind, endpoint.Id,
                detail: new JsonObject { ["reason"] = CamelCase.Of(DisabledReason.Person) });
        }, ct);

    /// <summary>Tells it again what happens from here on, and what waited. A second time changes nothing.</summary>
    public Task EnableAsync(Caller caller, Guid endpointId, CancellationToken ct) =>
        ChangeAsync(caller, endpointId, (endpoint, now) =>
        {
            if (endpoint.DisabledAt is null) return;
            endpoint.Enable(now);
            audit.Add(caller, "webhookEndpoint.enabled", WebhookEndpoint.Kind, endpoint.Id);
        }, ct, wake: true);

    /// <summary>Ends it for good, its secrets at once.</summary>
    public Task DeleteAsync(Caller caller, Guid endpointId, CancellationToken ct) =>
        ChangeAsync(caller, endpointId, (endpoint, now) =>
        {
            endpoint.Delete(now);
            audit.Add(caller, "webhookEndpoint.deleted", WebhookEndpoint.Kind, endpoint.Id);
        }, ct);

    /// <summary>Sends it a <c>webhook.test</c> event, whatever its filters.</summary>
    /// <exception cref="ProblemException">notFound; conflict: it is disabled.</exception>
    public Task TestAsync(Caller caller, Guid endpointId, CancellationToken ct) =>
        ChangeAsync(caller, endpointId, (endpoint, _) =>
        {
            RequireEnabled(endpoint);
            endpoint.RetryAt = null;
            events.Add(caller.UserId, EventTypes.WebhookTest, new JsonObject
            {
                ["endpoint"] = new JsonObject { ["id"] = endpoint.Id, ["name"] = endpoint.Name },
            }, testMode: endpoint.Mode == WebhookMode.Test);
            audit.Add(caller, "webhookEndpoint.tested", WebhookEndpoint.Kind, endpoint.Id);
            unit.AfterCommit(() => wakeUp.Signal(EventWriter.Loop));
        }, ct, wake: true);

    /// <summary>Sends a message once more, now, with the whole schedule before it.</summary>
    /// <exception cref="ProblemException">notFound; conflict: its endpoint is disabled, or its event is no longer kept.</exception>
    public async Task ResendAsync(Caller caller, Guid messageId, CancellationToken ct)
    {
        RequirePerson(caller);
        var message = await _db.WebhookMessages.AsNoTracking()
            .SingleOrDefaultAsync(m => m.Id == messageId && m.UserId == caller.UserId
                && _db.WebhookEndpoints.Any(e => e.Id == m.EndpointId && e.UserId == caller.UserId), ct)
            ?? throw ProblemException.NotFound("message");
        if (!await _db.Events.AnyAsync(e => e.Id == message.EventId, ct))
            throw ProblemException.Conflict("The event is no longer kept.", CamelCase.Of(message.Status), []);
        await ChangeAsync(caller, message.EndpointId, (endpoint, _) =>
        {
            RequireEnabled(endpoint);
            endpoint.RetryAt = null;
            audit.Add(caller, "webhookMessage.resent", "webhookMessage", messageId,
                detail: new JsonObject { ["endpointId"] = endpoint.Id, ["eventId"] = message.EventId });
        }, ct, wake: true, messageId);
    }

    private Task ChangeAsync(Caller caller, Guid endpointId, Action<WebhookEndpoint, DateTimeOffset> change,
        CancellationToken ct, bool wake = false, Guid? again = null)
    {
        RequirePerson(caller);
        return unit.RunAsync(async token =>
        {
            var now = time.GetUtcNow();
            var endpoint = (await _db.WebhookEndpoints.FromSql($"""
                SELECT * FROM webhook_endpoints
                WHERE id = {endpointId} AND user_id = {caller.UserId} AND deleted_at IS NULL FOR UPDATE
                """).ToListAsync(token)).SingleOrDefault() ?? throw ProblemException.NotFound("webhook endpoint");
            change(endpoint, now);
            await _db.SaveChangesAsync(token);
            if (again is { } messageId)
                await _db.Database.ExecuteSqlAsync($"""
                    UPDATE webhook_messages SET status = 'pending', tries = 0, next_attempt_at = {now}, replay_id = NULL
                    WHERE endpoint_id = {endpointId} AND id = {messageId}
                    """, token);
            if (!wake) return;
            await WebhookLanes.WakeAsync(unit, [endpointId], now, token);
            unit.AfterCommit(() => wakeUp.Signal(WorkKind.Webhook));
        }, ct);
    }

    private static void Apply(WebhookEndpoint endpoint, WebhookSettings wanted)
    {
        endpoint.Mode = wanted.Mode;
        endpoint.Types = [.. wanted.Types.Distinct()];
        endpoint.BrandIds = [.. wanted.BrandIds.Distinct()];
        endpoint.ProfileIds = [.. wanted.ProfileIds.Distinct()];
    }

    private static JsonObject Detail(WebhookEndpoint endpoint) => new()
    {
        ["name"] = endpoint.Name,
        ["url"] = endpoint.ShownUrl,
        ["mode"] = CamelCase.Of(endpoint.Mode),
    };

    private static string Show(byte[] secret)
    {
        var text = WebhookSecret.Text(secret);
        System.Security.Cryptography.CryptographicOperations.ZeroMemory(secret);
        return text;
    }

    private async Task CheckAsync(Caller caller, WebhookSettings wanted, CancellationToken ct)
    {
        List<Issue> issues = [];
        if (string.IsNullOrWhiteSpace(wanted.Name)) issues.Add(new Issue("/name", Rule.Required, "Give the endpoint a name."));
        else if (wanted.Name.Trim().Length > WebhookEndpoint.MostNameLength)
            issues.Add(new Issue("/name", Rule.TooLong, $"At most {WebhookEndpoint.MostNameLength} characters.",
                Limit: WebhookEndpoint.MostNameLength, Actual: wanted.Name.Trim().Length, Unit: "characters"));
        else if (!ObjectReader.IsStorable(wanted.Name))
            issues.Add(new Issue("/name", Rule.WrongFormat, "Must be valid Unicode text without NUL."));
        if (AddressIssue(wanted.Url.Trim()) is { } wrong) issues.Add(wrong);
        foreach (var type in wanted.Types.Where(t => !EventTypes.All.Contains(t)))
            issues.Add(new Issue("/types", Rule.NotFound, $"There is no event type '{type}'."));
        var (brands, profiles) = (wanted.BrandIds.Distinct().ToArray(), wanted.ProfileIds.Distinct().ToArray());
        if (brands.Length > 0
            && await _db.Brands.CountAsync(b => b.UserId == caller.UserId && brands.Contains(b.Id), ct) != brands.Length)
            issues.Add(new Issue("/brands", Rule.NotFound, "There is no such brand."));
        if (profiles.Length > 0
            && await _db.Profiles.CountAsync(p => p.UserId == caller.UserId && profiles.Contains(p.Id), ct) != profiles.Length)
            issues.Add(new Issue("/profiles", Rule.NotFound, "There is no such profile."));
        if (issues.Count > 0) throw ProblemException.Invalid(issues);
    }

    private Issue? AddressIssue(string url)
    {
        if (url.Length == 0) return new Issue("/url", Rule.Required, "Say where to send.");
        if (url.Length > WebhookEndpoint.MostUrlLength)
            return new Issue("/url", Rule.TooLong, $"At most {WebhookEndpoint.MostUrlLength} characters.",
                Limit: WebhookEndpoint.MostUrlLength, Actual: url.Length, Unit: "characters");
        if (!ObjectReader.IsStorable(url) || !Uri.TryCreate(url, UriKind.Absolute, out var address))
            return new Issue("/url", Rule.WrongFormat, "Must be an address such as https://example.com/hooks.");
        if (address.Scheme != Uri.UriSchemeHttps && !(address.Scheme == Uri.UriSchemeHttp && guard.IsException(address)))
            return new Issue("/url", Rule.WrongFormat, "Must begin with https://.");
        if (address.Fragment.Length > 0) return new Issue("/url", Rule.WrongFormat, "Must not have a part after '#'.");
        return guard.Refusal(address) is { } refusal ? new Issue("/url", Rule.Unsupported, refusal) : null;
    }

    private static void RequireEnabled(WebhookEndpoint endpoint)
    {
        if (endpoint.DisabledAt is null) return;
        throw ProblemException.Conflict("The endpoint is disabled; enable it first.", "disabled", ["enable"]);
    }

    private static void RequirePerson(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (caller.ActorType != ActorType.User) throw ProblemException.Forbidden("a person in the dashboard");
    }
}
