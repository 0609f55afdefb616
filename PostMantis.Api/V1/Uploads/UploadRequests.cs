namespace PostMantis.Api.V1.Uploads;

/// <summary>A file to be sent, by name, type and size; or one to be imported, by url alone.</summary>
/// <param name="FileName">1–255 characters, without a folder.</param>
/// <param name="MimeType">What the file is; checked against its content on completion.</param>
/// <param name="FileSize">Bytes, exactly; at most 1 GiB.</param>
/// <param name="Url">Public http or https address to import from, instead of the three others.</param>
internal sealed record CreateUploadRequest(string? FileName, string? MimeType, long? FileSize, string? Url);

/// <summary>Which upload is complete.</summary>
internal sealed record CreateCompletionRequest(Guid ArtifactId);
