using Microsoft.AspNetCore.Http;
using PostMantis.Core.Access;
using PostMantis.Core.Common;
using PostMantis.Web.Shared;

namespace PostMantis.Web.Pages;

/// <summary>A page before sign-in: one form, its answer, and where to go on.</summary>
public abstract class GatePage : ReadyPage
{
    /// <summary>What is wrong with the form, beside its fields.</summary>
    protected FormErrors Errors { get; private set; } = FormErrors.None;

    protected IFormCollection Form { get; private set; } = FormCollection.Empty;

    protected Origin Origin => PersonSession.OriginOf(Http);

    protected override async Task OnInitializedAsync()
    {
        if (IsPost) Form = await Http.Request.ReadFormAsync(Gone);
    }

    /// <summary>A field as it was sent; empty when the form was not sent.</summary>
    protected string Field(string name) => Form[name].ToString();

    /// <summary>Runs the form's command and shows what it refused.</summary>
    protected async Task TryAsync(Func<Task> command, params (string Pointer, string Field)[] fields)
    {
        ArgumentNullException.ThrowIfNull(command);
        try
        {
            await command();
        }
        catch (ProblemException problem)
        {
            Errors = FormErrors.From(problem, fields);
        }
    }
}
