using PostMantis.Bench;

string[] known = ["accept", "published", "pickup", "drain"];
var chosen = args.Where(known.Contains).ToArray();
if (args.Except(known).Except(["all"]).Any())
{
    await Console.Error.WriteLineAsync($"PostMantis.Bench [all|{string.Join('|', known)}]…");
    return 2;
}
if (chosen.Length == 0) chosen = known;

await using var stage = await Stage.StartAsync();
var report = new Report();
if (chosen.Contains("accept")) await Measurements.AcceptAsync(stage, report);
if (chosen.Contains("published")) await Measurements.PublishedAsync(stage, report);
if (chosen.Contains("pickup")) await Measurements.PickUpAsync(stage, report);
if (chosen.Contains("drain")) await Measurements.DrainAsync(stage, report);
report.Print(Console.Out);

// A warning of the Api makes its figures suspect.
if (stage.Api.Output.Length > 0) await Console.Error.WriteLineAsync(stage.Api.Output);
return report.IsMet ? 0 : 1;
