using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Providers.Meta;

/// <summary>What the configuration of every network of Meta has.</summary>
public abstract class MetaSettings : ProviderSettings
{
    /// <summary>Version of the API, the first part of its paths.</summary>
    [Required, RegularExpression(@"v\d+\.\d+")]
    public virtual string Version { get; set; } = "v26.0";
}

/// <summary>What the configuration of Instagram and Threads has besides.</summary>
public abstract class MetaLoginSettings : MetaSettings
{
    /// <summary>Where people give consent.</summary>
    [Required]
    public abstract Uri SignInUrl { get; set; }

    /// <summary>Where a code is traded for a token.</summary>
    [Required]
    public abstract Uri TokenUrl { get; set; }
}
