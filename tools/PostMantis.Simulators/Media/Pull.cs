namespace PostMantis.Simulators.Media;

/// <summary>Fetches a file as a network does that pulls media from the app's address.</summary>
internal static class Pull
{
    private static readonly HttpClient Client = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        Timeout = TimeSpan.FromSeconds(20),
    };

    /// <summary>The bytes; null when the address is no plain public file. Redirects are not followed.</summary>
    public static async Task<byte[]?> GetAsync(string? url, CancellationToken ct)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https")
            || !url.All(char.IsAscii))
            return null;
        try
        {
            using var response = await Client.GetAsync(address, ct);
            return response.StatusCode == System.Net.HttpStatusCode.OK
                ? await response.Content.ReadAsByteArrayAsync(ct) : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Whether the index of a video stands before its pictures.</summary>
    public static bool IndexFirst(ReadOnlySpan<byte> bytes)
    {
        var index = bytes.IndexOf("moov"u8);
        var pictures = bytes.IndexOf("mdat"u8);
        return index >= 0 && (pictures < 0 || index < pictures);
    }
}
