using System.Security.Claims;

namespace PostMantis.Core.Access;

/// <summary>A person who has just proved who they are: what a session is made of.</summary>
public sealed record SignedIn
{
    internal const string StampClaim = "pm:stamp";
    private const string SessionClaim = "pm:session";
    private const string AdministratorClaim = "pm:administrator";

    private readonly string _stamp;

    internal SignedIn(User user)
    {
        (UserId, Email, IsAdministrator) = (user.Id, user.Email!, user.IsAdministrator);
        _stamp = user.SecurityStamp!;
    }

    public Guid UserId { get; }

    public string Email { get; }

    public bool IsAdministrator { get; }

    /// <summary>
    /// The person as the cookie of a session carries them. It holds until the session ends or the stamp changes: sign-out
    /// everywhere.
    /// </summary>
    public ClaimsPrincipal ToPrincipal(string scheme, Guid sessionId)
    {
        var identity = new ClaimsIdentity(scheme);
        identity.AddClaim(new Claim(ClaimTypes.NameIdentifier, UserId.ToString()));
        identity.AddClaim(new Claim(ClaimTypes.Name, Email));
        identity.AddClaim(new Claim(StampClaim, _stamp));
        identity.AddClaim(new Claim(SessionClaim, sessionId.ToString()));
        if (IsAdministrator) identity.AddClaim(new Claim(AdministratorClaim, "true"));
        return new ClaimsPrincipal(identity);
    }

    /// <summary>The signed-in user's id; null for anybody else.</summary>
    public static Guid? UserIdOf(ClaimsPrincipal principal) =>
        principal.HasClaim(claim => claim.Type == StampClaim)
        && Guid.TryParse(principal.FindFirstValue(ClaimTypes.NameIdentifier), out var id) ? id : null;

    /// <summary>The session the principal came with; null for anybody who is not signed in.</summary>
    public static Guid? SessionIdOf(ClaimsPrincipal principal) =>
        Guid.TryParse(principal.FindFirstValue(SessionClaim), out var id) ? id : null;

    /// <summary>Whether the person may invite others.</summary>
    public static bool IsAdministratorIn(ClaimsPrincipal principal) => principal.HasClaim(AdministratorClaim, "true");

    public override string ToString() => $"user {UserId}";
}
