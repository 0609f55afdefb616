namespace PostMantis.Simulators.Bones;

/// <summary>What goes wrong with requests that match, a number of times.</summary>
internal sealed class Fault
{
    /// <summary>The method to match; any when empty.</summary>
    public string? Method { get; set; }

    /// <summary>A part of path and query to match.</summary>
    public string Path { get; set; } = "";

    /// <summary>How many matching requests to let pass first.</summary>
    public int Skip { get; set; }

    /// <summary>How many matching requests to spoil.</summary>
    public int Times { get; set; } = 1;

    /// <summary>Whether the request does its work before the answer is spoiled.</summary>
    public bool After { get; set; }

    /// <summary>The status to answer; 0 cuts the connection.</summary>
    public int Status { get; set; }

    /// <summary>The body to answer.</summary>
    public string Body { get; set; } = "";

    /// <summary>The body's type.</summary>
    public string ContentType { get; set; } = "application/json";

    /// <summary>Headers to answer.</summary>
    public Dictionary<string, string> Headers { get; set; } = [];

    /// <summary>How long to hold the request back, by the simulator's clock; it then goes on as usual.</summary>
    public double? DelaySeconds { get; set; }
}

/// <summary>The faults still to come.</summary>
internal sealed class Faults
{
    private readonly Lock _gate = new();
    private readonly List<Fault> _script = [];
    private int _waiting;

    /// <summary>Requests that are held back now.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Holds a request back, by the simulator's clock.</summary>
    public async Task HoldAsync(TimeSpan delay, TimeProvider time, CancellationToken ct)
    {
        var over = Task.Delay(delay, time, ct);
        Interlocked.Increment(ref _waiting);
        try
        {
            await over;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    public void Add(Fault fault)
    {
        lock (_gate) _script.Add(fault);
    }

    public void Clear()
    {
        lock (_gate) _script.Clear();
    }

    /// <summary>Takes the first fault that a request meets.</summary>
    public Fault? Take(HttpRequest request)
    {
        var target = request.Path + request.QueryString.Value;
        lock (_gate)
        {
            foreach (var fault in _script)
            {
                if (fault.Times <= 0 || !target.Contains(fault.Path, StringComparison.OrdinalIgnoreCase)
                    || (fault.Method is { Length: > 0 } method && !HttpMethods.Equals(method, request.Method)))
                    continue;
                if (fault.Skip > 0)
                {
                    fault.Skip--;
                    continue;
                }
                fault.Times--;
                return fault;
            }
        }
        return null;
    }
}
