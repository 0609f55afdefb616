using Microsoft.AspNetCore.Components;
using PostMantis.Core.Access;
using PostMantis.Core.Profiles;
using PostMantis.Core.Queue;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages;

/// <summary>A page of a signed-in person, who is the caller of every operation it uses.</summary>
public abstract class PersonPage : ReadyPage
{
    private string? _live;

    [Inject]
    public BrandChoice BrandChoice { get; set; } = null!;

    [Inject]
    public PostChanges Changes { get; set; } = null!;

    /// <summary>Where the page hears that something of it changed since it began to read.</summary>
    protected string Live => _live ?? throw new InvalidOperationException("The page does not call the base's OnInitialized.");

    /// <summary>The signed-in person: everything of their own.</summary>
    protected Caller Caller => PersonSession.CallerOf(Http)
        ?? throw new InvalidOperationException("The page is for signed-in people.");

    protected override void OnInitialized() => _live = LiveStream.AddressFor(Caller.UserId, Changes);

    /// <summary>The brand the person looks at; null: all of them.</summary>
    protected Task<BrandName?> BrandAsync() => BrandChoice.ChosenAsync();
}
