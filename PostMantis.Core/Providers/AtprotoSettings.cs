using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Providers;

/// <summary>What a network of the AT Protocol needs: there is no app to register, the client's id is an address of this instance.</summary>
public abstract class AtprotoSettings : ProviderSettings
{
    /// <summary>Where people sign in who name no server of their own.</summary>
    [Required]
    public override Uri BaseUrl { get; set; } = new("https://bsky.social");

    /// <summary>The directory of <c>did:plc</c> accounts.</summary>
    [Required]
    public Uri DirectoryUrl { get; set; } = new("https://plc.directory");

    /// <summary>What OAuth asks for; <c>transition:generic</c> is to give way to finer permissions one day.</summary>
    [Required]
    public string Scope { get; set; } = "atproto transition:generic";

    /// <summary>A P-256 private key as PEM; with it grants last longer (a confidential client).</summary>
    public string? ClientKey { get; set; }

    internal override bool IsGuarded => true;

    /// <summary>The contract's name of the network.</summary>
    internal abstract string Network { get; }
}
