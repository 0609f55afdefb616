using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PostMantis.Core.Common;

namespace PostMantis.Core.Vault;

/// <summary>
/// Seals secrets for the database and opens them again: AES-256-GCM in the envelope
/// <c>version | key id | nonce | tag | ciphertext</c>, with the header and the value's place as associated data.
/// </summary>
public sealed class SecretVault
{
    private const byte Version = 1;
    private const int NonceLength = 12;
    private const int TagLength = 16;

    private readonly MasterKeys _keys;
    private readonly VaultTelemetry _telemetry;

    internal SecretVault(MasterKeys keys, VaultTelemetry telemetry) => (_keys, _telemetry) = (keys, telemetry);

    /// <summary>Seals <paramref name="secret"/> for its place under the current master key.</summary>
    public byte[] Seal(SealedPlace place, ReadOnlySpan<byte> secret)
    {
        ArgumentNullException.ThrowIfNull(place);
        var key = _keys.Current;
        var header = HeaderOf(key);
        var envelope = new byte[header.Length + NonceLength + TagLength + secret.Length];
        header.CopyTo(envelope, 0);
        var nonce = envelope.AsSpan(header.Length, NonceLength);
        var tag = envelope.AsSpan(header.Length + NonceLength, TagLength);
        RandomNumberGenerator.Fill(nonce);
        using (var aes = new AesGcm(key.Value, TagLength))
            aes.Encrypt(nonce, secret, envelope.AsSpan(header.Length + NonceLength + TagLength), tag, Binding(header, place));
        _telemetry.Sealed();
        return envelope;
    }

    /// <summary>Seals text for its place.</summary>
    public byte[] SealText(SealedPlace place, string secret) => SealAndWipe(place, Encoding.UTF8.GetBytes(secret));

    /// <summary>Seals an object, as the house JSON writes it, for its place.</summary>
    public byte[] SealJson<T>(SealedPlace place, T secret) =>
        SealAndWipe(place, JsonSerializer.SerializeToUtf8Bytes(secret, Json.Options));

    /// <summary>Opens what was sealed for this place; the caller disposes it as soon as it was used.</summary>
    /// <exception cref="VaultException">Changed, moved, or sealed with a key that is not here.</exception>
    public OpenedSecret Open(SealedPlace place, ReadOnlySpan<byte> envelope)
    {
        ArgumentNullException.ThrowIfNull(place);
        try
        {
            var opened = OpenCore(place, envelope);
            _telemetry.Opened();
            return opened;
        }
        catch (VaultException e)
        {
            _telemetry.OpenFailed(e);
            throw;
        }
    }

    /// <summary>Takes up master keys that were added since the process started.</summary>
    internal void ReadKeysAgain() => _keys.ReadAgain();

    /// <summary>The id of the master key an envelope was sealed with; null: it is none of ours.</summary>
    internal static string? KeyIdOf(ReadOnlySpan<byte> envelope) =>
        envelope.Length < 2 || envelope[0] != Version || envelope.Length < 2 + envelope[1] + NonceLength + TagLength
            ? null
            : Printable(Encoding.UTF8.GetString(envelope.Slice(2, envelope[1])));

    /// <summary>How every envelope under the current key begins: others wait for the re-seal pass.</summary>
    internal byte[] CurrentHeader => HeaderOf(_keys.Current);

    private OpenedSecret OpenCore(SealedPlace place, ReadOnlySpan<byte> envelope)
    {
        if (envelope.Length < 2 || envelope[0] != Version || envelope.Length < 2 + envelope[1] + NonceLength + TagLength)
            throw new VaultException(place, VaultFailure.Malformed, "it is not an envelope of this version.");
        var header = envelope[..(2 + envelope[1])];
        var id = Encoding.UTF8.GetString(header[2..]);
        if (!_keys.TryFind(id, out var key))
            throw new VaultException(place, VaultFailure.KeyMissing,
                $"this process has no master key '{Printable(id)}'.");
        var rest = envelope[header.Length..];
        var secret = new byte[rest.Length - NonceLength - TagLength];
        try
        {
            using var aes = new AesGcm(key.Value, TagLength);
            aes.Decrypt(rest[..NonceLength], rest[(NonceLength + TagLength)..], rest.Slice(NonceLength, TagLength), secret,
                Binding(header, place));
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new VaultException(place, VaultFailure.Tampered, "it was changed, or moved here from another record.");
        }
        return new OpenedSecret(secret);
    }

    private byte[] SealAndWipe(SealedPlace place, byte[] secret)
    {
        try
        {
            return Seal(place, secret);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private static byte[] HeaderOf(MasterKey key)
    {
        var id = Encoding.UTF8.GetBytes(key.Id);
        return [Version, (byte)id.Length, .. id];
    }

    // Every part with its length, so that no two places bind alike.
    private static byte[] Binding(ReadOnlySpan<byte> header, SealedPlace place)
    {
        using var binding = new MemoryStream();
        Write(binding, header);
        Write(binding, Encoding.UTF8.GetBytes(place.Table));
        Write(binding, Encoding.UTF8.GetBytes(place.Column));
        Write(binding, place.RowId.ToByteArray(bigEndian: true));
        Write(binding, place.UserId.ToByteArray(bigEndian: true));
        return binding.ToArray();
    }

    private static void Write(MemoryStream binding, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, part.Length);
        binding.Write(length);
        binding.Write(part);
    }

    // A changed byte in the id must not reach a log as a control character.
    private static string Printable(string id) =>
        new([.. id.Take(MasterKey.MostIdLength).Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '?')]);
}
