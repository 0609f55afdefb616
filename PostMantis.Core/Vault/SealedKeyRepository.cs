using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PostMantis.Core.Persistence;

namespace PostMantis.Core.Vault;

/// <summary>
/// Data Protection keys in Postgres, each element sealed as a whole and bound to its name. Nothing unsealed is read back:
/// who can write the table but has no master key cannot plant a key and so cannot forge a session.
/// </summary>
internal sealed partial class SealedKeyRepository(
    IServiceScopeFactory scopes, Lazy<SecretVault> lazyVault, ILogger<SealedKeyRepository> logger) : IXmlRepository
{
    private const string Table = "data_protection_keys";
    private const string Column = "xml";
    private static readonly XName _sealed = "sealed";

    // The commands of an operator build the application and need no master key.
    private SecretVault Vault => lazyVault.Value;

    public IReadOnlyCollection<XElement> GetAllElements()
    {
        using var scope = scopes.CreateScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        List<XElement> elements = [];
        foreach (var row in db.DataProtectionKeys.AsNoTracking().OrderBy(k => k.Id).ToList())
            if (Open(row) is { } element) elements.Add(element);
        return elements;
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        using var scope = scopes.CreateScope();
        var db = scope.ServiceProvider.GetRequiredService<PostMantisDb>();
        db.DataProtectionKeys.Add(new DataProtectionKey
        {
            FriendlyName = friendlyName,
            Xml = Wrap(Vault.SealText(PlaceOf(friendlyName), element.ToString(SaveOptions.DisableFormatting))),
        });
        db.SaveChanges();
    }

    /// <summary>Brings every row under the current master key; answers how many it rewrote.</summary>
    public async Task<int> ResealAsync(PostMantisDb db, CancellationToken ct)
    {
        var header = Vault.CurrentHeader;
        var resealed = 0;
        foreach (var row in await db.DataProtectionKeys.AsNoTracking().OrderBy(k => k.Id).ToListAsync(ct))
        {
            if (EnvelopeOf(row) is not { } envelope || envelope.AsSpan().StartsWith(header) || Open(row) is not { } element)
                continue;
            var xml = Wrap(Vault.SealText(PlaceOf(row.FriendlyName!), element.ToString(SaveOptions.DisableFormatting)));
            resealed += await db.DataProtectionKeys.Where(k => k.Id == row.Id && k.Xml == row.Xml)
                .ExecuteUpdateAsync(k => k.SetProperty(x => x.Xml, xml), ct);
        }
        return resealed;
    }

    /// <summary>Every row with its place; what is not sealed is null.</summary>
    public static async Task<IReadOnlyList<(SealedPlace Place, byte[]? Envelope)>> ReadAsync(PostMantisDb db, CancellationToken ct) =>
        (await db.DataProtectionKeys.AsNoTracking().OrderBy(k => k.Id).ToListAsync(ct))
            .ConvertAll(row => (PlaceOf(row.FriendlyName ?? ""), EnvelopeOf(row)));

    // A key that does not open is left out: people sign in again, and the log says which record it was.
    private XElement? Open(DataProtectionKey row)
    {
        var place = PlaceOf(row.FriendlyName ?? "");
        if (EnvelopeOf(row) is not { } envelope)
        {
            LogNotSealed(place.ToString());
            return null;
        }
        try
        {
            using var opened = Vault.Open(place, envelope);
            return XElement.Parse(opened.ReadText());
        }
        catch (VaultException e)
        {
            LogNotOpened(e.Message);
            return null;
        }
    }

    private static byte[]? EnvelopeOf(DataProtectionKey row)
    {
        const string open = "<sealed>", close = "</sealed>";
        if (row.Xml is not { } xml || !xml.StartsWith(open, StringComparison.Ordinal)
            || !xml.EndsWith(close, StringComparison.Ordinal)) return null;
        var bytes = new byte[xml.Length];
        return Convert.TryFromBase64String(xml[open.Length..^close.Length], bytes, out var length) ? bytes[..length] : null;
    }

    private static string Wrap(byte[] envelope) => new XElement(_sealed, Convert.ToBase64String(envelope)).ToString();

    // The row's own id is not known before it is stored; the framework's name for the element is, and is unique.
    private static SealedPlace PlaceOf(string name) => new(Table, Column,
        Guid.TryParse(name.AsSpan(name.IndexOf('-', StringComparison.Ordinal) + 1), out var id)
            ? id
            : new Guid(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 16), bigEndian: true),
        Guid.Empty);

    [LoggerMessage(LogLevel.Error, "A Data Protection key is left out. {Reason}")]
    private partial void LogNotOpened(string reason);

    [LoggerMessage(LogLevel.Error, "A Data Protection key is left out: {Record} is not sealed.")]
    private partial void LogNotSealed(string record);
}
