using Microsoft.AspNetCore.Components;
using PostMantis.Core.Access;
using PostMantis.Core.Profiles;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages;

/// <summary>A page of a signed-in person, who is the caller of every operation it uses.</summary>
public abstract class PersonPage : ReadyPage
{
    [Inject]
    public BrandChoice BrandChoice { get; set; } = null!;

    /// <summary>The signed-in person: everything of their own.</summary>
    protected Caller Caller => PersonSession.CallerOf(Http)
        ?? throw new InvalidOperationException("The page is for signed-in people.");

    /// <summary>The brand the person looks at; null: all of them.</summary>
    protected Task<BrandName?> BrandAsync() => BrandChoice.ChosenAsync();
}
