using System.ComponentModel.DataAnnotations;

namespace PostMantis.Core.Common;

/// <summary>Where this instance lives and keeps its files.</summary>
public sealed class InstanceOptions
{
    /// <summary>
    /// The address people and networks reach us at: consent callbacks and links are built from it. Production refuses
    /// plain http.
    /// </summary>
    [Required]
    public Uri PublicUrl { get; set; } = new("http://127.0.0.1:5080");

    /// <summary>Folder for what is kept outside the database in development; relative to the working directory.</summary>
    [Required]
    public string DataDirectory { get; set; } = ".postmantis";

    /// <summary>An absolute address below <see cref="PublicUrl"/>.</summary>
    public Uri Address(string path) => new(PublicUrl, path);
}
