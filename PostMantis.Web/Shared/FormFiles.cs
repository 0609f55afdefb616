using Microsoft.AspNetCore.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Core.Media;

namespace PostMantis.Web.Shared;

/// <summary>Files that came with a page's form: how a browser without scripts sends them.</summary>
internal static class FormFiles
{
    private const string Field = "files";

    /// <summary>Makes artifacts of the files of <paramref name="form"/>.</summary>
    /// <param name="field">Where a refusal is shown.</param>
    public static async Task<IReadOnlyList<ArtifactResource>> TakeAsync(Uploads uploads, Caller caller, IFormCollection form,
        FormErrors errors, string field, CancellationToken ct)
    {
        List<ArtifactResource> taken = [];
        foreach (var file in form.Files.GetFiles(Field).Where(f => f.FileName.Length > 0))
        {
            await using var content = file.OpenReadStream();
            try
            {
                taken.Add(await uploads.TakeAsync(caller, file.FileName, file.ContentType, content, file.Length, ct));
            }
            catch (ProblemException problem)
            {
                errors.Add(field, $"{file.FileName}: {(problem.Issues.Count > 0 ? problem.Issues[0].Message : problem.Message)}");
            }
        }
        return taken;
    }
}
