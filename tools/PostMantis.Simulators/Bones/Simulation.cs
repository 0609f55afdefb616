namespace PostMantis.Simulators.Bones;

/// <summary>What every simulator stands on: time, people, grants, faults and the judge.</summary>
internal sealed class Simulation(string name, TimeProvider time)
{
    public string Name { get; } = name;
    public Clock Time { get; } = new(time);
    public Journal Journal { get; } = new();
    public Faults Faults { get; } = new();
    public Grants Grants { get; } = new();
    public ConsentSettings Consent { get; } = new();
    public List<Account> Accounts { get; } = [];

    /// <summary>The counters of rate limits.</summary>
    public Windows Windows => field ??= new Windows(Time);

    public DateTimeOffset Now => Time.GetUtcNow();

    public Account? FindAccount(string handleOrId) =>
        Accounts.FirstOrDefault(account => account.Handle == handleOrId || account.Id == handleOrId);

    /// <summary>Writes down what the public can now see.</summary>
    public void Publish(Account account, string kind, string id, string text, IEnumerable<PublishedFile>? files = null,
        params (string Name, string? Value)[] details) =>
        Journal.Add(new Published(Name, account.Handle, kind, id, text, [.. files ?? []], Now,
            details.ToDictionary(pair => pair.Name, pair => pair.Value)));
}

/// <summary>One network: its rules, its state and its endpoints.</summary>
internal interface INetwork
{
    Simulation Sim { get; }

    /// <summary>What a test or a person may change, by property.</summary>
    object Settings { get; }

    void Map(IEndpointRouteBuilder routes);

    /// <summary>Lets happen what time has brought; called before each request and each look at the journal.</summary>
    Task SettleAsync() => Task.CompletedTask;
}
