using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using OtpNet;
using PostMantis.Core.Audit;
using PostMantis.Core.Common;
using PostMantis.Core.Persistence;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Access;

/// <summary>An app that shows a new code every 30 seconds (RFC 6238). Asked for at sign-in once it was confirmed.</summary>
public sealed class Authenticator
{
    /// <summary>Where its secret is sealed; opened only to compare a code, and to show it while it is set up.</summary>
    public static readonly SealedColumn SealedSecret = new("authenticators", "secret");

    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public required byte[] Secret { get; init; }
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When a code of it was shown to us for the first time; before that it is asked for nowhere.</summary>
    public DateTimeOffset? ConfirmedAt { get; init; }

    /// <summary>The step of the last code that was taken: none works twice.</summary>
    public long LastStep { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<Authenticator>
    {
        public void Configure(EntityTypeBuilder<Authenticator> authenticator)
        {
            authenticator.ToTable("authenticators");
            authenticator.HasIndex(a => a.UserId).IsUnique();
            authenticator.HasOne<User>().WithMany().HasForeignKey(a => a.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}

/// <summary>A code that stands in for the app, once. Only its hash is kept.</summary>
public sealed class RecoveryCode
{
    public Guid UserId { get; init; }
    public required byte[] Hash { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<RecoveryCode>
    {
        public void Configure(EntityTypeBuilder<RecoveryCode> code)
        {
            code.ToTable("recovery_codes");
            code.HasKey(c => new { c.UserId, c.Hash });
            code.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}

/// <summary>An app that waits to be confirmed: what the person types or scans.</summary>
/// <param name="Secret">In base 32, as apps take it by hand.</param>
/// <param name="Address">As apps take it by picture.</param>
public sealed record AuthenticatorSetup(string Secret, string Address)
{
    public override string ToString() => "authenticator";
}

/// <summary>The state of a person's second step.</summary>
public sealed record SecondStepState(bool IsOn, DateTimeOffset? Since, int RecoveryCodes);

/// <summary>The second step of signing in: a code of an app, or a recovery code.</summary>
public sealed class SecondSteps(UnitOfWork unit, PasswordGuard guard, SecretVault vault, AuditLog audit,
    OriginLimits limits, TimeProvider time)
{
    private const string Issuer = "PostMantis";
    private const int SecretLength = 20;
    private const int RecoveryCodes = 10;
    private const int RecoveryBytes = 10;
    private const int MostCodeLength = 64;

    // One step earlier and later: clocks differ, and people type.
    private static readonly VerificationWindow _window = new(previous: 1, future: 1);

    private readonly PostMantisDb _db = unit.Db;

    /// <summary>How the caller's second step stands.</summary>
    public async Task<SecondStepState> ReadAsync(Caller caller, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        var since = await _db.Authenticators.Where(a => a.UserId == caller.UserId).Select(a => a.ConfirmedAt).SingleOrDefaultAsync(ct);
        var codes = await _db.RecoveryCodes.CountAsync(c => c.UserId == caller.UserId, ct);
        return new SecondStepState(since is not null, since, codes);
    }

    /// <summary>Begins with an app in place of one that was never confirmed.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/current</c>; conflict: it is on already.</exception>
    public async Task<AuthenticatorSetup> StartAsync(Caller caller, string? password, CancellationToken ct)
    {
        var user = await guard.ConfirmAsync(caller, password, ct);
        return await unit.RunAsync(async cancel =>
        {
            await RequireOffAsync(caller, cancel);
            await _db.Authenticators.Where(a => a.UserId == caller.UserId).ExecuteDeleteAsync(cancel);
            var now = time.GetUtcNow();
            var (id, secret) = (Ids.New(now), RandomNumberGenerator.GetBytes(SecretLength));
            _db.Authenticators.Add(new Authenticator
            {
                Id = id,
                UserId = caller.UserId,
                Secret = vault.Seal(Authenticator.SealedSecret.Of(id, caller.UserId), secret),
                CreatedAt = now,
            });
            await _db.SaveChangesAsync(cancel);
            var setup = Describe(secret, user.Email!);
            CryptographicOperations.ZeroMemory(secret);
            return setup;
        }, ct);
    }

    /// <summary>Turns the step on by a first code; the answer are the recovery codes, shown once.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/code</c>.</exception>
    public Task<IReadOnlyList<string>> ConfirmAsync(Caller caller, string? code, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return unit.RunAsync(async cancel =>
        {
            await RequireOffAsync(caller, cancel);
            if (!await TakeCodeAsync(caller.UserId, code, confirmed: false, cancel)) throw Wrong();
            var now = time.GetUtcNow();
            await _db.Authenticators.Where(a => a.UserId == caller.UserId)
                .ExecuteUpdateAsync(a => a.SetProperty(x => x.ConfirmedAt, now), cancel);
            audit.Add(caller, "user.secondStepOn", "user", caller.UserId);
            return await MakeCodesAsync(caller, cancel);
        }, ct);
    }

    /// <summary>New recovery codes in place of all of before.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/current</c>; conflict: the step is off.</exception>
    public async Task<IReadOnlyList<string>> RenewCodesAsync(Caller caller, string? password, CancellationToken ct)
    {
        await guard.ConfirmAsync(caller, password, ct);
        return await unit.RunAsync(async cancel =>
        {
            if (!await IsOnAsync(caller.UserId, cancel))
                throw ProblemException.Conflict("Sign-in asks for no code.", "off", ["turnOn"]);
            audit.Add(caller, "user.recoveryCodesMade", "user", caller.UserId);
            return await MakeCodesAsync(caller, cancel);
        }, ct);
    }

    /// <summary>Turns the step off.</summary>
    /// <exception cref="ProblemException">invalidRequest: pointer <c>/current</c>.</exception>
    public async Task StopAsync(Caller caller, string? password, CancellationToken ct)
    {
        await guard.ConfirmAsync(caller, password, ct);
        await unit.RunAsync(async cancel =>
        {
            await _db.Authenticators.Where(a => a.UserId == caller.UserId).ExecuteDeleteAsync(cancel);
            await _db.RecoveryCodes.Where(c => c.UserId == caller.UserId).ExecuteDeleteAsync(cancel);
            audit.Add(caller, "user.secondStepOff", "user", caller.UserId);
            await _db.SaveChangesAsync(cancel);
        }, ct);
    }

    /// <summary>Takes the second step of a sign-in whose password was right. Wrong codes count like wrong passwords.</summary>
    /// <exception cref="ProblemException">unauthorized: wrong, locked, or the first step is of no account; rateLimited.</exception>
    public async Task<SignedIn> TakeAsync(HalfSignedIn step, string? code, Origin origin, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(origin);
        limits.Count(origin);
        var user = await _db.Users.SingleOrDefaultAsync(u => u.Id == step.UserId && u.SecurityStamp == step.Stamp, ct);
        if (user is null || !await guard.MayTryAsync(user, ct)) throw Refused();
        var isApp = await TakeCodeAsync(user.Id, code, confirmed: true, ct);
        if (!isApp && !await TakeRecoveryCodeAsync(user.Id, code, ct))
        {
            await guard.FailedAsync(user, origin, ct);
            throw Refused();
        }
        await guard.SucceededAsync(user, ct);
        audit.Add(Caller.Person(user.Id, origin.Address) with { UserAgent = origin.UserAgent }, "user.signedIn", "user", user.Id,
            detail: new JsonObject { ["how"] = isApp ? "code" : "recoveryCode" });
        await _db.SaveChangesAsync(ct);
        return new SignedIn(user);
    }

    /// <summary>Whether signing in asks this user for a code.</summary>
    internal Task<bool> IsOnAsync(Guid userId, CancellationToken ct) =>
        _db.Authenticators.AnyAsync(a => a.UserId == userId && a.ConfirmedAt != null, ct);

    private async Task RequireOffAsync(Caller caller, CancellationToken ct)
    {
        if (await IsOnAsync(caller.UserId, ct))
            throw ProblemException.Conflict("Sign-in asks for a code already. Turn that off first.", "on", ["turnOff"]);
    }

    // One statement decides whether the step is new: of two with the same code, one is taken.
    private async Task<bool> TakeCodeAsync(Guid userId, string? code, bool confirmed, CancellationToken ct)
    {
        code = Plain(code);
        var app = await _db.Authenticators.AsNoTracking()
            .SingleOrDefaultAsync(a => a.UserId == userId && a.ConfirmedAt != null == confirmed, ct);
        if (app is null || code.Length != 6) return false;
        long step;
        using (var secret = vault.Open(Authenticator.SealedSecret.Of(app.Id, userId), app.Secret))
        {
            var codes = new Totp(secret.AsSpan().ToArray());
            if (!codes.VerifyTotp(time.GetUtcNow().UtcDateTime, code, out step, _window)) return false;
        }
        return await _db.Authenticators.Where(a => a.Id == app.Id && a.LastStep < step)
            .ExecuteUpdateAsync(a => a.SetProperty(x => x.LastStep, step), ct) == 1;
    }

    private async Task<bool> TakeRecoveryCodeAsync(Guid userId, string? code, CancellationToken ct)
    {
        var hash = HashOf(Plain(code));
        return await _db.RecoveryCodes.Where(c => c.UserId == userId && c.Hash == hash).ExecuteDeleteAsync(ct) == 1;
    }

    private async Task<IReadOnlyList<string>> MakeCodesAsync(Caller caller, CancellationToken ct)
    {
        await _db.RecoveryCodes.Where(c => c.UserId == caller.UserId).ExecuteDeleteAsync(ct);
        List<string> codes = [];
        for (var i = 0; i < RecoveryCodes; i++)
        {
            var text = Base32Encoding.ToString(RandomNumberGenerator.GetBytes(RecoveryBytes));
            _db.RecoveryCodes.Add(new RecoveryCode { UserId = caller.UserId, Hash = HashOf(text) });
            codes.Add(string.Join('-', text.Chunk(4).Select(four => new string(four))));
        }
        await _db.SaveChangesAsync(ct);
        return codes;
    }

    private static AuthenticatorSetup Describe(byte[] secret, string email) => new(Base32Encoding.ToString(secret),
        new OtpUri(OtpType.Totp, secret, email, Issuer).ToString());

    // As people type it: with spaces and hyphens, in small letters.
    private static string Plain(string? code) => code is null || code.Length > MostCodeLength ? ""
        : new string([.. code.Where(char.IsAsciiLetterOrDigit).Select(char.ToUpperInvariant)]);

    // Of 80 random bits, behind a lock: no slow hash is needed.
    private static byte[] HashOf(string code) => SHA256.HashData(Encoding.ASCII.GetBytes(code));

    private static ProblemException Wrong() => ProblemException.Invalid(new Issue("/code", Rule.NotFound,
        "This is not the app's current code.", Fix: "Wait for the next one, and check that the phone's clock is right."));

    private static ProblemException Refused() => new(ProblemCode.Unauthorized,
        "The code is wrong, was used already, or the account is locked for a few minutes.");
}

/// <summary>The first step of a sign-in that asks for a second one: whose password was right.</summary>
public sealed record HalfSignedIn(Guid UserId, string Stamp)
{
    public override string ToString() => $"user {UserId}";
}

/// <summary>What became of a first step: a person who is signed in, or one who is asked for a code.</summary>
public sealed record SignInAnswer(SignedIn? Person, HalfSignedIn? Next);
