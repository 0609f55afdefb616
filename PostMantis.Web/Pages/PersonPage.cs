using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;
using PostMantis.Core.Access;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages;

/// <summary>A page of a signed-in person, who is the caller of every operation it uses.</summary>
public abstract class PersonPage : ComponentBase
{
    [CascadingParameter]
    public HttpContext Http { get; set; } = null!;

    [Inject]
    public NavigationManager Location { get; set; } = null!;

    /// <summary>The signed-in person: everything of their own.</summary>
    protected Caller Caller => PersonSession.CallerOf(Http)
        ?? throw new InvalidOperationException("The page is for signed-in people.");

    protected CancellationToken Gone => Http.RequestAborted;

    /// <summary>Whether the page answers a form rather than an address.</summary>
    protected bool IsPost => HttpMethods.IsPost(Http.Request.Method);

    /// <summary>Sends the browser on, so that a reload repeats nothing.</summary>
    protected void Go(string path) => Location.NavigateTo(path);
}
