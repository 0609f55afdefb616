namespace PostMantis.Tests.Support;

/// <summary>One sandbox network for all tests of a class.</summary>
public sealed class SandboxFixture : IAsyncLifetime
{
    internal SandboxServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await SandboxServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
