using System.Globalization;
using PostMantis.Simulators;
using PostMantis.Simulators.Bones;

var at = Array.IndexOf(args, "--port");
var port = at >= 0 && at + 1 < args.Length ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : 7300;
var hosts = new List<SimulatorHost>();
foreach (var name in Networks.Names)
{
    var host = await SimulatorHost.StartAsync(name, TimeProvider.System, port++);
    hosts.Add(host);
    Console.WriteLine($"{name,-10} {host.Address}");
}
await Task.WhenAll(hosts.Select(host => host.WaitAsync(CancellationToken.None)));
