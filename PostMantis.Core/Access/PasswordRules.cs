using PostMantis.Core.Common;

namespace PostMantis.Core.Access;

/// <summary>What a password must be: long. Nothing is asked of its composition.</summary>
public static class PasswordRules
{
    public const int LeastLength = 12;

    /// <summary>A ceiling only so that nobody makes us hash a book.</summary>
    public const int MostLength = 256;

    /// <summary>Adds what is wrong with a new password.</summary>
    internal static void Check(string? password, ICollection<Issue> issues, string pointer = "/password")
    {
        if (string.IsNullOrEmpty(password))
        {
            issues.Add(new Issue(pointer, Rule.Required, "Give a password."));
            return;
        }
        if (!ObjectReader.IsStorable(password))
        {
            issues.Add(new Issue(pointer, Rule.WrongFormat, "Must be valid Unicode text without NUL."));
            return;
        }
        var length = password.EnumerateRunes().Count();
        if (length < LeastLength)
            issues.Add(new Issue(pointer, Rule.TooShort, $"At least {LeastLength} characters.", Limit: LeastLength,
                Actual: length, Unit: "characters"));
        else if (length > MostLength)
            issues.Add(new Issue(pointer, Rule.TooLong, $"At most {MostLength} characters.", Limit: MostLength,
                Actual: length, Unit: "characters"));
    }

    /// <summary>Whether it is worth comparing with a stored password at all.</summary>
    internal static bool CouldBe(string password) => password.Length is > 0 and <= 2 * MostLength;
}
