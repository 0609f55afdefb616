using System.ComponentModel.DataAnnotations;
using PostMantis.Core.Media;

namespace PostMantis.Api.V1.Uploads;

/// <summary>A file to be sent (SendUpload), or one to be imported (ImportUpload).</summary>
internal sealed record CreateUploadRequest;

/// <summary>A file that its owner will send.</summary>
/// <param name="FileName">Without a folder.</param>
/// <param name="MimeType">What the file is; checked against its content on completion.</param>
/// <param name="FileSize">Bytes, exactly; at most 1 GiB.</param>
internal sealed record SendUploadRequest(
    [property: StringLength(FileNames.Most, MinimumLength = 1)] string FileName,
    [property: StringLength(100, MinimumLength = 3)] string MimeType,
    [property: Range(1, 1 << 30)] long FileSize);

/// <summary>A file that is fetched.</summary>
/// <param name="Url">Public http or https address.</param>
internal sealed record ImportUploadRequest([property: StringLength(Core.Media.Uploads.MostUrl, MinimumLength = 1)] string Url);

/// <summary>Which upload is complete.</summary>
internal sealed record CreateCompletionRequest(Guid ArtifactId);
