using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PostMantis.Core.Common;

namespace PostMantis.Core.Vault;

/// <summary>
/// A secret in the clear, for as long as it is in use: it does not print, is not serialised, and is wiped on dispose.
/// </summary>
[DebuggerDisplay("opened secret")]
public sealed class OpenedSecret : IDisposable
{
    private readonly byte[] _bytes;
    private bool _isWiped;

    internal OpenedSecret(byte[] bytes) => _bytes = bytes;

    /// <summary>The bytes themselves; gone after <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> AsSpan()
    {
        ObjectDisposedException.ThrowIf(_isWiped, this);
        return _bytes;
    }

    /// <summary>The secret as text, which the runtime keeps until it is collected: only at the moment of use.</summary>
    public string ReadText() => Encoding.UTF8.GetString(AsSpan());

    /// <summary>The secret as an object of the house JSON.</summary>
    public T ReadJson<T>() => JsonSerializer.Deserialize<T>(AsSpan(), Json.Options)
        ?? throw new JsonException("A sealed value holds null.");

    public override string ToString() => "[opened secret]";

    public void Dispose()
    {
        _isWiped = true;
        CryptographicOperations.ZeroMemory(_bytes);
    }
}
