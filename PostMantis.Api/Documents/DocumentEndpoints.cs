using PostMantis.Web.Shared;

namespace PostMantis.Api.Documents;

/// <summary>What programs read about the API without a key: the pages, <c>/llms.txt</c>, <c>/changelog</c>, <c>/skill.md</c>.</summary>
internal static class DocumentEndpoints
{
    /// <summary>Addresses of their own, by the page that stands there.</summary>
    private static readonly (string Path, string Name)[] Known =
        [("/llms.txt", "llms.txt"), ("/changelog", "changelog.md"), ("/skill.md", "skill.md")];

    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void MapDocuments(this IEndpointRouteBuilder app)
    {
        foreach (var (path, name) in Known)
            app.MapMethods(path, Methods, () => Answer(name)).AllowAnonymous().ExcludeFromDescription();
        app.MapMethods("/docs/{name}.md", Methods, (string name) => Answer($"{name}.md")).AllowAnonymous().ExcludeFromDescription();
    }

    private static IResult Answer(string name) => DocumentLibrary.All.TryGetValue(name, out var document)
        ? TypedResults.Bytes(document.Content, document.MimeType + "; charset=utf-8", entityTag: document.Tag)
        : TypedResults.NotFound();
}
