using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Access;
using PostMantis.Core.Common;

namespace PostMantis.Web.Shared;

/// <summary>What the pages' script needs to make a passkey and to sign in with one.</summary>
internal static class PasskeyForms
{
    private const string Making = "passkey-new";
    private const string Asking = "passkey";

    public static void AddPasskeys(this IServiceCollection services)
    {
        services.AddScoped<IPasskeyHandler<User>, PasskeyHandler<User>>();
        services.AddOptions<IdentityPasskeyOptions>().Configure<IOptions<InstanceOptions>>((options, instance) =>
        {
            var address = instance.Value.PublicUrl;
            options.ServerDomain = address.Host;
            options.UserVerificationRequirement = "required";
            options.ResidentKeyRequirement = "required";
            options.ValidateOrigin = context =>
                ValueTask.FromResult(!context.CrossOrigin && context.Origin == address.GetLeftPart(UriPartial.Authority));
        });
    }

    public static void MapPasskeys(this IEndpointRouteBuilder app)
    {
        var passkeys = app.MapGroup("/passkeys").ExcludeFromDescription();
        passkeys.MapPost("/new", StartAsync).RequireAuthorization();
        passkeys.MapPost("/", AddAsync).RequireAuthorization();
        passkeys.MapPost("/ask", AskAsync).AllowAnonymous();
        passkeys.MapPost("/sign-in", SignInAsync).AllowAnonymous();
    }

    private static Task<IResult> StartAsync(HttpContext http, Passkeys passkeys, IPasskeyHandler<User> handler, PassingState states,
        [FromForm] string? name, [FromForm] string? current, CancellationToken ct) => ScriptAnswer.OfAsync(async () =>
    {
        var (userId, email) = await passkeys.StartAsync(PersonSession.CallerOf(http)!, name, current, ct);
        var entity = new PasskeyUserEntity { Id = userId.ToString(), Name = email, DisplayName = email };
        var made = await handler.MakeCreationOptionsAsync(entity, http);
        states.Give(http, Making, new Asked(made.AttestationState ?? ""));
        return Results.Content(made.CreationOptionsJson, "application/json");
    });

    private static Task<IResult> AddAsync(HttpContext http, Passkeys passkeys, IPasskeyHandler<User> handler, PassingState states,
        [FromForm] string? name, [FromForm] string? credential, CancellationToken ct) => ScriptAnswer.OfAsync(async () =>
    {
        var caller = PersonSession.CallerOf(http)!;
        var state = Take(http, states, Making);
        var result = await handler.PerformAttestationAsync(new PasskeyAttestationContext
        {
            HttpContext = http, CredentialJson = credential ?? "", AttestationState = state,
        });
        if (!result.Succeeded || result.UserEntity.Id != caller.UserId.ToString()) throw Refused();
        await passkeys.AddAsync(caller, result.Passkey, name, ct);
        return Results.NoContent();
    });

    private static Task<IResult> AskAsync(HttpContext http, IPasskeyHandler<User> handler, PassingState states,
        [FromForm] bool remember) => ScriptAnswer.OfAsync(async () =>
    {
        var made = await handler.MakeRequestOptionsAsync(null, http);
        states.Give(http, Asking, new Asked(made.AssertionState ?? "", remember));
        return Results.Content(made.RequestOptionsJson, "application/json");
    });

    private static Task<IResult> SignInAsync(HttpContext http, Passkeys passkeys, IPasskeyHandler<User> handler, PassingState states,
        [FromForm] string? credential, [FromForm] string? returnUrl, CancellationToken ct) => ScriptAnswer.OfAsync(async () =>
    {
        var remember = states.Read<Asked>(http, Asking)?.Remember == true;
        var state = Take(http, states, Asking);
        var result = await handler.PerformAssertionAsync(new PasskeyAssertionContext
        {
            HttpContext = http, CredentialJson = credential ?? "", AssertionState = state,
        });
        if (!result.Succeeded) throw Refused();
        var person = await passkeys.SignInAsync(result.User, result.Passkey, PersonSession.OriginOf(http), ct);
        await PersonSession.StartAsync(http, person, remember);
        return Results.Json(new { location = LocalUrl.OrHome(returnUrl) }, Json.Options);
    });

    // A challenge is answered once, whatever the answer.
    private static string Take(HttpContext http, PassingState states, string name)
    {
        var asked = states.Read<Asked>(http, name) ?? throw Refused();
        states.Clear(http, name);
        return asked.State;
    }

    private static ProblemException Refused() =>
        new(ProblemCode.Unauthorized, "The passkey was not accepted. Try again, or sign in with your password.");

    private sealed record Asked(string State, bool Remember = false);
}
