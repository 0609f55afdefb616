using System.Text.Json;

namespace PostMantis.Simulators.Bones;

/// <summary>How a test in another process, or a person, steers a simulator.</summary>
internal static class ControlEndpoints
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static void Map(IEndpointRouteBuilder routes, INetwork network)
    {
        var sim = network.Sim;
        var control = routes.MapGroup("/_sim");
        control.MapGet("/", () => new { sim.Name, sim.Now, Published = sim.Journal.Read().Count });
        control.MapGet("/journal", sim.Journal.Read);
        control.MapGet("/accounts", () => sim.Accounts);
        control.MapGet("/settings", () => Results.Json(network.Settings, Json));
        control.MapPatch("/settings", async (HttpRequest request) => await ChangeAsync(network.Settings, request));
        control.MapGet("/consent", () => sim.Consent);
        control.MapPatch("/consent", async (HttpRequest request) => await ChangeAsync(sim.Consent, request));
        control.MapPost("/clock", (ClockChange change) =>
        {
            sim.Time.Advance(TimeSpan.FromSeconds(change.AdvanceSeconds));
            return new { sim.Now };
        });
        control.MapPost("/faults", (Fault fault) => sim.Faults.Add(fault));
        control.MapDelete("/faults", sim.Faults.Clear);
        control.MapPut("/accounts/{handle}/traits/{trait}", (string handle, string trait, string? value) =>
            sim.FindAccount(handle) is { } account
                ? Results.Ok(account.Traits[trait] = value ?? "true") : Results.NotFound());
        control.MapDelete("/accounts/{handle}/traits/{trait}", (string handle, string trait) =>
            sim.FindAccount(handle) is { } account && account.Traits.TryRemove(trait, out _)
                ? Results.NoContent() : Results.NotFound());
        control.MapPost("/accounts/{handle}/revoke", (string handle) =>
            Each(sim, handle, grant => grant.Revoked = true));
        control.MapPost("/accounts/{handle}/expire", (string handle) =>
            Each(sim, handle, grant => grant.AccessUntil = sim.Now));
    }

    private sealed record ClockChange(double AdvanceSeconds);

    private static IResult Each(Simulation sim, string handle, Action<Grant> change)
    {
        if (sim.FindAccount(handle) is not { } account) return Results.NotFound();
        foreach (var grant in sim.Grants.All.Where(grant => grant.Account == account)) change(grant);
        return Results.NoContent();
    }

    private static async Task<IResult> ChangeAsync(object settings, HttpRequest request)
    {
        var changes = await request.ReadFromJsonAsync<Dictionary<string, JsonElement>>() ?? [];
        foreach (var (name, value) in changes)
        {
            var property = settings.GetType().GetProperties().FirstOrDefault(candidate =>
                candidate.CanWrite && candidate.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (property is null) return Results.BadRequest(new { error = "There is no setting " + name });
            property.SetValue(settings, value.Deserialize(property.PropertyType, Json));
        }
        return Results.Json(settings, Json);
    }
}
