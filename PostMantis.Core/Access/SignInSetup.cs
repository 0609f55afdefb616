using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using PostMantis.Core.Mail;
using PostMantis.Core.Persistence;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Access;

/// <summary>Registers people's part of the room: accounts, sign-in, sign-up and passwords.</summary>
internal static class SignInSetup
{
    // What OWASP asks of PBKDF2 with SHA-512.
    private const int HashIterations = 210_000;

    public static void AddSignIn(this IServiceCollection services)
    {
        services.AddIdentityCore<User>(options =>
        {
            options.User.RequireUniqueEmail = true;
            options.User.AllowedUserNameCharacters = "";
        }).AddEntityFrameworkStores<PostMantisDb>();
        services.Configure<PasswordHasherOptions>(options => options.IterationCount = HashIterations);

        services.AddOptions<SignInOptions>().BindConfiguration(SignInOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<SignUpOptions>().BindConfiguration(SignUpOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<SignUpOptions>, OpenSignUpNeedsMail>();
        services.AddOptions<FirstUserOptions>().BindConfiguration("").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<SmtpOptions>().BindConfiguration(SmtpOptions.Section)
            .ValidateDataAnnotations().ValidateOnStart();

        services.AddSingleton<MailQueue>();
        services.AddSingleton<OriginLimits>();
        services.AddScoped<Accounts>();
        services.AddScoped<PasswordGuard>();
        services.AddScoped<FirstUser>();
        services.AddScoped<SignIns>();
        services.AddScoped<Passwords>();
        services.AddScoped<Sessions>();
        services.AddScoped<SecondSteps>();
        services.AddScoped<Passkeys>();
        services.AddScoped<ExternalSignIns>();
        services.AddScoped<Preferences>();
        services.AddSealedColumn(Authenticator.SealedSecret);
        services.AddScoped<PasswordResets>();
        services.AddScoped<Invitations>();
        services.AddScoped<OperatorAccounts>();
        services.AddScoped<SignUps>();
    }
}
