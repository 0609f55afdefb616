using System.Security.Cryptography;
using System.Text;
using PostMantis.Core.Vault;

namespace PostMantis.Core.Webhooks;

/// <summary>
/// Signs with the live secrets of one endpoint, one message after the other (Standard Webhooks 1.0). Their keys stay in memory
/// until it is disposed.
/// </summary>
internal sealed class WebhookSigner : IDisposable
{
    private const string Scheme = "v1,";
    private const int SignatureLength = 3 + 44;
    private const int MostHead = 64;
    private readonly List<IncrementalHash> _keys = [];

    /// <param name="secrets">Opened: the current one, then the previous one while it is live.</param>
    public WebhookSigner(params IEnumerable<OpenedSecret> secrets)
    {
        foreach (var secret in secrets) _keys.Add(IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret.AsSpan()));
    }

    /// <summary>How many signatures a message gets.</summary>
    public int Count => _keys.Count;

    /// <summary>The value of <c>webhook-signature</c>: one signature for each secret that is live.</summary>
    /// <param name="id">The value of <c>webhook-id</c>.</param>
    /// <param name="timestamp">The value of <c>webhook-timestamp</c>.</param>
    public string Sign(string id, string timestamp, ReadOnlySpan<byte> body)
    {
        Span<byte> head = stackalloc byte[MostHead];
        var length = Encoding.ASCII.GetBytes(id, head);
        head[length++] = (byte)'.';
        length += Encoding.ASCII.GetBytes(timestamp, head[length..]);
        head[length++] = (byte)'.';
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Span<char> signatures = stackalloc char[_keys.Count * (SignatureLength + 1)];
        var written = 0;
        foreach (var key in _keys)
        {
            key.AppendData(head[..length]);
            key.AppendData(body);
            key.GetHashAndReset(hash);
            if (written > 0) signatures[written++] = ' ';
            Scheme.CopyTo(signatures[written..]);
            written += Scheme.Length;
            Convert.TryToBase64Chars(hash, signatures[written..], out var count);
            written += count;
        }
        return new string(signatures[..written]);
    }

    public void Dispose()
    {
        foreach (var key in _keys) key.Dispose();
    }
}
