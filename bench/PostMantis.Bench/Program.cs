using PostMantis.Bench;

string[] network = ["published", "pickup"];
string[] files = ["media"];
string[] webhooks = ["webhooks", "fanout"];
string[] pages = ["pages"];
string[] process = ["startup", "replicas"];
string[] engine = ["accept", "drain", "burst", "idle", "growth", "memory"];
string[] scales = ["large", "one"];
var json = args.Contains("--json");
var profile = args.Contains("--profile");
string[] all = [.. engine, .. network, .. files, .. webhooks, .. pages, .. process];
var chosen = args.Where(all.Contains).ToArray();
var at = args.Where(scales.Contains).ToArray();
if (args.Except(all).Except(scales).Except(["all", "--json", "--profile"]).Any())
{
    await Console.Error.WriteLineAsync(
        $"PostMantis.Bench [all|{string.Join('|', all)}]… [{string.Join('|', scales)}]… [--json] [--profile]");
    return 2;
}
if (chosen.Length == 0) chosen = all;
if (at.Length == 0) at = scales;

var report = new Report();
foreach (var scale in at)
{
    if (!chosen.Any(engine.Contains)) break;
    var isLarge = scale == "large";
    await using var stage = await Engine.StartAsync(isLarge ? 1000 : 1, isLarge ? 10_000 : 1, isLarge ? 200 : 1);
    var name = isLarge ? "1,000 users" : "1 user";
    if (chosen.Contains("idle")) await EngineMeasurements.PickUpAsync(stage, report, name);
    if (chosen.Contains("accept"))
    {
        var accepts = await EngineMeasurements.AcceptAsync(stage, report, name);
        await EngineMeasurements.AcceptFloorAsync(stage, report, accepts);
    }
    if (chosen.Contains("drain"))
    {
        await EngineMeasurements.DrainAsync(stage, new Report(), "warm-up", isLarge ? 20_000 : 1000);

        // One profile has one delivery in flight at a time, whatever waits behind it.
        var drained = await EngineMeasurements.DrainAsync(
            stage, report, $"drain, {name}", isLarge ? 100_000 : 5_000, isLarge ? 6000 : null);
        if (isLarge) await EngineMeasurements.QueueFloorAsync(stage, report, drained);
    }
    if (chosen.Contains("burst") && isLarge) await EngineMeasurements.BurstAsync(stage, report, name);
    if (chosen.Contains("memory") && isLarge)
        await EngineMeasurements.DrainAsync(stage, report, "drain of 200,000", 200_000);
    if (chosen.Contains("growth") && isLarge)
        await EngineMeasurements.GrowthAsync(stage, report, [10_000, 1_000_000, 5_000_000]);
}
if (chosen.Any(network.Contains))
{
    await using var stage = await Stage.StartAsync();
    if (chosen.Contains("published")) await Measurements.PublishedAsync(stage, report);
    if (chosen.Contains("pickup")) await Measurements.PickUpAsync(stage, report);

    // A warning of the Api makes its figures suspect.
    if (stage.Api.Output.Length > 0) await Console.Error.WriteLineAsync(stage.Api.Output);
}
if (chosen.Any(files.Contains))
{
    // Beside the state of the repository: a file system in memory would be measured as memory.
    var folder = Directory.CreateDirectory(Path.Combine(Directory.GetCurrentDirectory(), ".postmantis", "bench-media")).FullName;
    try
    {
        await using var stage = await Stage.StartAsync(MediaMeasurements.Settings(folder));
        await MediaMeasurements.MeasureAsync(stage, report);
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
}
if (chosen.Contains("webhooks")) await Webhooks.RateAsync(report);
if (chosen.Contains("fanout")) await Webhooks.FanOutAsync(report);
if (chosen.Any(pages.Contains)) await PageMeasurements.MeasureAsync(report);
if (chosen.Contains("startup")) await Startup.MeasureAsync(report);
if (chosen.Contains("replicas")) await ReplicaMeasurements.MeasureAsync(report);
report.Print(Console.Out, json);
if (profile) Console.WriteLine(report.Profile);
return report.IsMet ? 0 : 1;
