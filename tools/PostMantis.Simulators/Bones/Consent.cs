using System.Net;
using Microsoft.AspNetCore.Http.Extensions;

namespace PostMantis.Simulators.Bones;

/// <summary>Who answers the consent page, when no person shall.</summary>
internal sealed class ConsentSettings
{
    /// <summary>The handle of the account that approves at once; a person is asked when empty.</summary>
    public string? Approve { get; set; }

    /// <summary>Whether every request is turned down at once.</summary>
    public bool Deny { get; set; }

    /// <summary>Scopes the person unticks.</summary>
    public string[] Withhold { get; set; } = [];
}

/// <summary>What came of asking: a page to show, a refusal, or an account and its scopes.</summary>
internal sealed record ConsentAnswer(IResult? Page, Account? Account, IReadOnlySet<string> Scopes);

/// <summary>The page where a person lets an app in.</summary>
internal static class Consent
{
    /// <summary>Asks, or reads the answer a person gave.</summary>
    public static async Task<ConsentAnswer> AskAsync(HttpContext context, Simulation sim, IEnumerable<string> scopes)
    {
        var asked = scopes.ToHashSet();
        var none = new HashSet<string>();
        if (sim.Consent.Deny) return new ConsentAnswer(null, null, none);
        if (sim.Consent.Approve is { Length: > 0 } handle && sim.FindAccount(handle) is { } chosen)
            return new ConsentAnswer(null, chosen, asked.Except(sim.Consent.Withhold).ToHashSet());
        if (!HttpMethods.IsPost(context.Request.Method))
            return new ConsentAnswer(Results.Content(Page(context, sim, asked), "text/html"), null, none);
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        return form["decision"] == "approve" && sim.FindAccount(form["account"].ToString()) is { } account
            ? new ConsentAnswer(null, account, asked.Intersect(form["granted"].Select(scope => scope!)).ToHashSet())
            : new ConsentAnswer(null, null, none);
    }

    /// <summary>Back to the app with what it shall know.</summary>
    public static IResult Return(string redirectUri, params (string Name, string? Value)[] query)
    {
        var builder = new QueryBuilder(query.Where(pair => pair.Value is not null)
            .Select(pair => KeyValuePair.Create(pair.Name, pair.Value!)));
        var mark = redirectUri.Contains('?', StringComparison.Ordinal) ? "&" : "?";
        return Results.Redirect(redirectUri + mark + builder.ToString()[1..]);
    }

    private static string Page(HttpContext context, Simulation sim, IEnumerable<string> scopes)
    {
        static string Safe(string? text) => WebUtility.HtmlEncode(text ?? "");
        var accounts = string.Concat(sim.Accounts.Select((account, at) =>
            $"<label><input type=radio name=account value=\"{Safe(account.Handle)}\"{(at == 0 ? " checked" : "")}> "
            + $"{Safe(account.Name)} (@{Safe(account.Handle)})</label><br>"));
        var boxes = string.Concat(scopes.Select(scope =>
            $"<label><input type=checkbox name=granted value=\"{Safe(scope)}\" checked> {Safe(scope)}</label><br>"));
        return "<!doctype html><meta charset=utf-8><title>" + Safe(sim.Name) + "</title><h1>" + Safe(sim.Name)
            + " (simulated)</h1><p>An app asks for access.</p><form method=post action=\""
            + Safe(context.Request.Path + context.Request.QueryString) + "\">" + accounts + boxes
            + "<button name=decision value=approve>Approve</button> <button name=decision value=deny>Deny</button></form>";
    }
}
