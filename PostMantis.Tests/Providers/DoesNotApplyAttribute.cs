using System.Reflection;

namespace PostMantis.Tests.Providers;

/// <summary>Says that a network has nothing that a case of the contract could be tried on, and why.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class DoesNotApplyAttribute(string contractCase, string reason) : Attribute
{
    public string Case { get; } = contractCase;

    public string Because { get; } = reason;

    /// <summary>Why a case is left out for the network of <paramref name="suite"/>; null when it applies.</summary>
    public static string? Reason(Type suite, string contractCase) =>
        suite.GetCustomAttributes<DoesNotApplyAttribute>().FirstOrDefault(a => a.Case == contractCase)?.Because;
}
