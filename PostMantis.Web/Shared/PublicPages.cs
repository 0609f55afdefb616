using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>What people and programs read of this instance without an account.</summary>
internal static class PublicPages
{
    public const string SecurityTxt = "/.well-known/security.txt";
    private static readonly TimeSpan _goodFor = TimeSpan.FromDays(180);

    public static void AddPublicPages(this IServiceCollection services) =>
        services.AddOptions<OperatorOptions>().BindConfiguration(OperatorOptions.Section).ValidateDataAnnotations()
            .Validate(o => OperatorOptions.IsAddress(o.Contact) && OperatorOptions.IsAddress(o.PrivacyContact)
                && OperatorOptions.IsAddress(o.SecurityContact), "Operator:Contact, :PrivacyContact and :SecurityContact are e-mail addresses.")
            .ValidateOnStart();

    public static void MapPublicPages(this IEndpointRouteBuilder app) =>
        app.MapMethods(SecurityTxt, [HttpMethods.Get, HttpMethods.Head], Answer).AllowAnonymous().ExcludeFromDescription();

    // RFC 9116. Without a contact there is nothing to say.
    private static IResult Answer(IOptions<OperatorOptions> operatedBy, IOptions<InstanceOptions> instance, TimeProvider time)
    {
        if (operatedBy.Value.SecurityContact is not { } contact) return Results.NotFound();
        var expires = time.GetUtcNow().UtcDateTime.Date + _goodFor;
        return Results.Text(string.Create(CultureInfo.InvariantCulture, $"""
            Contact: mailto:{contact}
            Expires: {expires:yyyy-MM-dd'T'HH:mm:ss'Z'}
            Preferred-Languages: en
            Canonical: {instance.Value.Address(SecurityTxt)}
            Policy: {instance.Value.Address("/security")}

            """).ReplaceLineEndings("\r\n"), "text/plain; charset=utf-8");
    }
}
