namespace PostMantis.Api.Workers;

/// <summary>Registers the loops of mail and vault, unless <c>Workers:Enabled</c> is false.</summary>
internal static class AccessWorkers
{
    public static IServiceCollection AddAccessWorkers(this IServiceCollection services, IConfiguration configuration)
    {
        if (!configuration.GetValue("Workers:Enabled", true)) return services;
        services.AddHostedService<MailWorker>();
        services.AddHostedService<ResealWorker>();
        return services;
    }
}
