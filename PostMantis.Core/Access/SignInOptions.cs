using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Access;

/// <summary>How sign-in resists guessing.</summary>
public sealed class SignInOptions
{
    public const string Section = "SignIn";

    /// <summary>Wrong passwords until an account is locked.</summary>
    [Range(3, 100)]
    public int MostFailures { get; set; } = 5;

    /// <summary>How long a locked account stays locked.</summary>
    [Range(typeof(TimeSpan), "00:00:30", "1.00:00:00")]
    public TimeSpan LockedFor { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>A refusal takes at least this long, so that its time does not tell whether an e-mail is known.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:05")]
    public TimeSpan RefusalTakes { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Tries of people who are not signed in, from one address, per minute and process.</summary>
    [Range(5, 10_000)]
    public int MostTriesPerMinute { get; set; } = 60;

    /// <summary>How long a link for a new password works.</summary>
    [Range(typeof(TimeSpan), "00:05:00", "1.00:00:00")]
    public TimeSpan ResetLinkLifetime { get; set; } = TimeSpan.FromHours(1);
}

/// <summary>Who may make an account after the first user.</summary>
public enum SignUpMode
{
    /// <summary>Nobody.</summary>
    Closed,

    /// <summary>Whoever the administrator invites.</summary>
    Invited,

    /// <summary>Whoever reads mail at the address they give; needs SMTP.</summary>
    Open,
}

/// <summary>Sign-up after the first user.</summary>
public sealed class SignUpOptions
{
    public const string Section = "SignUp";

    public SignUpMode Mode { get; set; } = SignUpMode.Closed;

    /// <summary>How long an invitation works.</summary>
    [Range(typeof(TimeSpan), "00:10:00", "60.00:00:00")]
    public TimeSpan InvitationLifetime { get; set; } = TimeSpan.FromDays(7);
}

/// <summary>What the first user is made with.</summary>
public sealed class FirstUserOptions
{
    /// <summary>Whoever shows it may make the first user; <c>./run</c> makes and prints one.</summary>
    [MinLength(16)]
    public string? SetupToken { get; set; }
}
