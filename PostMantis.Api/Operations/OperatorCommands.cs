using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PostMantis.Api.Sandbox;
using PostMantis.Core.Persistence;

namespace PostMantis.Api.Operations;

/// <summary>
/// The verbs of an operator: they work on the database at hand, need no sign-in and no running process, and listen to
/// nothing. Configuration is that of the process they stand beside.
/// </summary>
internal sealed class OperatorCommands(TextReader input, TextWriter output, TextWriter errors)
{
    public const int Refused = 1;
    public const int Misused = 2;
    private static readonly string[] _help = ["--help", "-h", "-?", "/?", "/h"];

    /// <summary>Given with a verb: one line of JSON for machines.</summary>
    private readonly Option<bool> _json = new("--json") { Description = "Print one line of JSON for machines" };

    public static bool AsksForHelp(string argument) => _help.Contains(argument);

    /// <summary>Runs a command line; <c>--Name=value</c> is configuration, as the environment is.</summary>
    public async Task<int> RunAsync(string[] args)
    {
        string[] configuration = [.. args.Where(a => a.StartsWith("--", StringComparison.Ordinal) && a.Contains('='))];
        string[] words = [.. args.Except(configuration)];
        var parsed = Root(configuration).Parse(Today(words));
        if (parsed.Errors.Count > 0 && !args.Any(AsksForHelp))
        {
            foreach (var error in parsed.Errors) await errors.WriteLineAsync(error.Message);
            await errors.WriteLineAsync("'--help' says what there is.");
            return Misused;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = output,
            Error = errors,
            EnableDefaultExceptionHandler = false,

            // Signals are the host's: the sandbox network stops as the application does.
            ProcessTerminationTimeout = null,
        });
    }

    // What was called so before goes on working.
    private static string[] Today(string[] words) => words switch
    {
        ["admin", "list-users", .. var rest] => ["user", "list", .. rest],
        ["admin", "reset-password", .. var rest] => ["user", "reset-password", .. rest],
        ["admin", .. var rest] => rest.Length == 0 ? ["--help"] : rest,
        _ => words,
    };

    private RootCommand Root(string[] configuration)
    {
        var root = new RootCommand("""
            Without a verb: serves the API, the dashboard and the workers.
            Configuration comes from the environment (ConnectionStrings__postmantis, PublicUrl, Vault__…) or as --Name=value.
            """)
        {
            new Command("serve", "Serves the API, the dashboard and the workers; the same as no verb."),
            Migrate(configuration), Doctor(configuration), Keys(configuration), Queue(configuration), Users(configuration), Audit(configuration),
            Sandbox(configuration),
        };
        return root;
    }

    private Command Migrate(string[] configuration)
    {
        var check = new Option<bool>("--check") { Description = "Change nothing; exit code 1 when something is missing" };
        var contract = new Option<bool>("--contract")
        {
            Description = "Also take away what older versions use, although processes run: none of them is older",
        };
        var command = new Command("migrate", "Brings the database to this version and stops.") { check, contract, _json };
        command.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new MigrateVerb(tool).RunAsync(
            parsed.GetValue(check), parsed.GetValue(contract), ct)));
        return command;
    }

    private Command Doctor(string[] configuration)
    {
        var command = new Command("doctor",
            "Looks at everything this instance needs, and says in words what is wrong. Exit code 1 when something is.") { _json };
        command.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new DoctorVerb(tool).RunAsync(ct)));
        return command;
    }

    private Command Keys(string[] configuration)
    {
        var rotate = new Command("rotate", "Adds a master key and brings every sealed value under it.") { _json };
        rotate.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new KeysVerb(tool).RotateAsync(ct)));
        var reseal = new Command("reseal", "Brings every sealed value under the current master key.") { _json };
        reseal.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new KeysVerb(tool).ResealAsync(ct)));
        var check = new Command("check", "Opens every sealed value, and says what each master key still seals.") { _json };
        check.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new KeysVerb(tool).CheckAsync(ct)));
        return new Command("keys", "The vault's master keys.") { rotate, reseal, check };
    }

    private Command Queue(string[] configuration)
    {
        var status = new Command("status", "Says whether this instance publishes, and what waits.") { _json };
        status.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new QueueVerb(tool).StatusAsync(ct)));
        var pause = new Command("pause",
            "Stops publishing on every replica. What is being sent finishes; what is accepted waits.") { _json };
        pause.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new QueueVerb(tool).PauseAsync(ct)));
        var unreconciled = new Option<bool>("--unreconciled")
        {
            Description = "Also while outcomes are still looked for: those deliveries wait until that ends, the others go on",
        };
        var resume = new Command("resume",
            "Goes on publishing, on every replica; after a restore or promotion, once what may have been sent was looked for.")
        { unreconciled, _json };
        resume.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool =>
            new QueueVerb(tool).ResumeAsync(parsed.GetValue(unreconciled), ct)));
        var until = new Option<DateTimeOffset?>("--known-until") { Description = "The moment of the backup, with Z or an offset" };
        var hold = new Command("hold",
            "Treats the database as restored, where that cannot be told, such as from a disk's snapshot.") { until, _json };
        hold.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool =>
            new QueueVerb(tool).HoldAsync(parsed.GetValue(until), ct)));
        return new Command("queue", "Publishing of the whole instance.") { status, pause, resume, hold };
    }

    private Command Users(string[] configuration)
    {
        var email = new Argument<string>("e-mail") { Description = "Of the account" };
        var fromInput = new Option<bool>("--password-stdin") { Description = "Read the password from the first line of standard input" };
        var administrator = new Option<bool>("--administrator") { Description = "May invite others; one account may" };
        var list = new Command("list", "Lists the accounts.") { _json };
        list.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new UserVerb(tool).ListAsync(ct)));
        var create = new Command("create", "Makes an account; prints a link that sets its password once.") { email, fromInput, administrator };
        create.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new UserVerb(tool).CreateAsync(
            parsed.GetValue(email)!, parsed.GetValue(fromInput), parsed.GetValue(administrator), ct)));
        var disable = new Command("disable",
            "Closes an account: no sign-in, no session and no key of it holds, and its profiles are paused.") { email };
        disable.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool =>
            new UserVerb(tool).DisableAsync(parsed.GetValue(email)!, ct)));
        var enable = new Command("enable", "Opens a closed account again; its profiles stay paused.") { email };
        enable.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool =>
            new UserVerb(tool).EnableAsync(parsed.GetValue(email)!, ct)));
        var reset = new Command("reset-password",
            "Prints a link that sets a new password once, and ends every session of the account.") { email, fromInput };
        reset.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool =>
            new UserVerb(tool).ResetPasswordAsync(parsed.GetValue(email)!, parsed.GetValue(fromInput), ct)));
        return new Command("user", "Accounts of people.") { list, create, disable, enable, reset };
    }

    private Command Audit(string[] configuration)
    {
        var verify = new Command("verify",
            "Looks every chain of audit entries through. Exit code 1 when an entry or a link is not what was written.") { _json };
        verify.SetAction((parsed, ct) => WithAsync(configuration, parsed, tool => new AuditVerb(tool).VerifyAsync(ct)));
        return new Command("audit", "The audit log.") { verify };
    }

    private Command Sandbox(string[] configuration)
    {
        var command = new Command("sandbox", "Runs the sandbox network alone, on Sandbox:Url.");
        command.SetAction(async (_, _) =>
        {
            await using var network = SandboxApp.Build(configuration);
            await network.StartSandboxAsync(CancellationToken.None);
            await output.WriteLineAsync($"The sandbox network listens at {string.Join(", ", network.Urls)}.");
            await network.WaitForShutdownAsync(CancellationToken.None);
            return 0;
        });
        return command;
    }

    private async Task<int> WithAsync(string[] configuration, ParseResult parsed, Func<OperatorTool, Task<int>> work)
    {
        await using var app = PostMantisApp.Build(configuration, builder =>
        {
            builder.Logging.ClearProviders();

            // An operator's statements are few, and some want a session: past any pooler.
            if (builder.Configuration.GetConnectionString(PersistenceSetup.DirectName) is { Length: > 0 } direct)
                builder.Configuration[$"ConnectionStrings:{PersistenceSetup.ConnectionName}"] = direct;
        }, serves: false);
        await using var scope = app.Services.CreateAsyncScope();
        var json = parsed.CommandResult.Command.Options.Contains(_json) && parsed.GetValue(_json);
        return await work(new OperatorTool(scope.ServiceProvider, json, input, output, errors));
    }
}

/// <summary>What a verb works with.</summary>
/// <param name="Json">One line of JSON is asked for instead of words.</param>
internal sealed record OperatorTool(
    IServiceProvider Services, bool Json, TextReader Input, TextWriter Output, TextWriter Errors)
{
    public T Get<T>() where T : notnull => Services.GetRequiredService<T>();

    /// <summary>Writes <paramref name="facts"/> for machines, or <paramref name="words"/> for people.</summary>
    public async Task SayAsync(object facts, params IEnumerable<string> words)
    {
        if (Json) await Output.WriteLineAsync(JsonSerializer.Serialize(facts, Core.Common.Json.Options));
        else foreach (var line in words) await Output.WriteLineAsync(line);
    }

    /// <summary>Says why it was not done.</summary>
    public async Task<int> RefuseAsync(string words)
    {
        await Errors.WriteLineAsync(words);
        return OperatorCommands.Refused;
    }

    public static string Moment(DateTimeOffset moment) => moment.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
