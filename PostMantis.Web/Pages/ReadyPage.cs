using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;

namespace PostMantis.Web.Pages;

/// <summary>
/// A page that is rendered once it has read what it shows: pages are sent whole, so there is nothing to show before.
/// </summary>
public abstract class ReadyPage : ComponentBase
{
    private bool _isReady;

    [CascadingParameter]
    public HttpContext Http { get; set; } = null!;

    [Inject]
    public NavigationManager Location { get; set; } = null!;

    protected CancellationToken Gone => Http.RequestAborted;

    /// <summary>Whether the page answers a form rather than an address.</summary>
    protected bool IsPost => HttpMethods.IsPost(Http.Request.Method);

    /// <summary>Sends the browser on, so that a reload repeats nothing.</summary>
    protected void Go(string path) => Location.NavigateTo(path);

    public override async Task SetParametersAsync(ParameterView parameters)
    {
        parameters.SetParameterProperties(this);
        if (!_isReady)
        {
            OnInitialized();
            await OnInitializedAsync();
            _isReady = true;
        }
        OnParametersSet();
        await OnParametersSetAsync();
        StateHasChanged();
    }
}
