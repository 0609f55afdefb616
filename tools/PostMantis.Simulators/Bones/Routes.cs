using System.Globalization;

namespace PostMantis.Simulators.Bones;

/// <summary>Endpoints that read the request themselves.</summary>
internal static class Routes
{
    /// <summary>Answers one or several methods, as "GET,POST", with a result.</summary>
    public static void On(this IEndpointRouteBuilder routes, string methods, string pattern,
        Func<HttpContext, Task<IResult>> answer) =>
        routes.MapMethods(pattern, methods.Split(','), async context =>
        {
            var result = await answer(context);
            await result.ExecuteAsync(context);
        });

    /// <summary>A part of the path.</summary>
    public static string Part(this HttpContext context, string name) =>
        Convert.ToString(context.GetRouteValue(name), CultureInfo.InvariantCulture) ?? "";
}
