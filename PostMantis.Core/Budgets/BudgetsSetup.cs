using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace PostMantis.Core.Budgets;

/// <summary>Registers the room.</summary>
public static class BudgetsSetup
{
    public static IServiceCollection AddBudgets(this IServiceCollection services)
    {
        services.AddOptions<BudgetOptions>().BindConfiguration(BudgetOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<BudgetOptions>, BudgetOptionsAtStart>();
        services.AddSingleton<BudgetBook>();
        services.AddScoped<Budgets>();
        return services;
    }
}
