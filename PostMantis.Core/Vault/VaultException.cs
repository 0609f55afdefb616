using PostMantis.Core.Common;

namespace PostMantis.Core.Vault;

/// <summary>Why a sealed value does not open.</summary>
public enum VaultFailure
{
    /// <summary>Not an envelope of ours, or of a later version.</summary>
    Malformed,

    /// <summary>Sealed with a master key that this process was not given.</summary>
    KeyMissing,

    /// <summary>Changed since it was sealed, or moved here from another record.</summary>
    Tampered,
}

/// <summary>A sealed value that cannot be opened: says which record, never what is in it.</summary>
public sealed class VaultException : Exception
{
    internal VaultException(SealedPlace place, VaultFailure failure, string words)
        : base($"The sealed value in {place} cannot be opened: {words}") => (Place, Failure) = (place, failure);

    /// <summary>The record.</summary>
    public SealedPlace Place { get; }

    public VaultFailure Failure { get; }

    /// <summary>The failure as telemetry names it.</summary>
    internal string Result => CamelCase.Of(Failure);
}
