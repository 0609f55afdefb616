using System.Globalization;
using System.Net.Sockets;
using Npgsql;

namespace PostMantis.AppHost;

/// <summary>Where PostMantis is found on this machine, the same with Aspire and without.</summary>
internal static class LocalAddresses
{
    private static readonly int _port = int.Parse(
        Environment.GetEnvironmentVariable("POSTMANTIS_PORT") ?? "5080", CultureInfo.InvariantCulture);

    public static string Url { get; } = $"http://127.0.0.1:{_port}";

    public static string SandboxUrl { get; } = $"http://127.0.0.1:{_port + 1}";

    /// <summary>Refuses to start where another program listens already.</summary>
    /// <exception cref="LocalStartException">One does.</exception>
    public static void RequireFree()
    {
        foreach (var port in (int[])[_port, _port + 1])
            if (IsTaken(port))
                throw new LocalStartException($"Port {port} is taken by another program; choose others with --port.");
    }

    /// <summary>Says that all is there, and where.</summary>
    /// <param name="aspire">The page of Aspire's dashboard that signs its reader in, where Aspire runs.</param>
    public static async Task PrintAsync(string connectionString, string? aspire, CancellationToken ct)
    {
        Console.WriteLine($"""

            PostMantis is ready.
              Dashboard     {Url}
              API           {Url}/api/v1  (described at {Url}/scalar)
              Sandbox feed  {SandboxUrl}
            """);
        if (aspire is not null) Console.WriteLine($"  Aspire        {aspire}");
        if (!await HasUsersAsync(connectionString, ct))
            Console.WriteLine($"""
                  First user    {Url}/setup
                  Set-up token  {LocalFolder.SetupToken}
                """);
        Console.WriteLine("Ctrl-C stops everything; your data stay in .postmantis/.");
        Console.WriteLine();
    }

    private static async Task<bool> HasUsersAsync(string connectionString, CancellationToken ct)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        await using var any = database.CreateCommand("SELECT EXISTS (SELECT 1 FROM users)");
        return await any.ExecuteScalarAsync(ct) is true;
    }

    private static bool IsTaken(int port)
    {
        using var client = new TcpClient();
        try
        {
            client.Connect("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
