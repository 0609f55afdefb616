using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using PostMantis.Core.Common;
using PostMantis.Core.Media;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Media;

/// <summary>What every store keeps to.</summary>
public abstract class MediaStoreContract : IAsyncLifetime
{
    private static readonly byte[] _bytes = RandomNumberGenerator.GetBytes(100_000);
    private readonly string _key = Ids.New(TimeProvider.System.GetUtcNow()).ToString("N");

    protected string Folder { get; } = Directory.CreateTempSubdirectory("postmantis-store").FullName;

    protected abstract IMediaStore Store { get; }

    /// <summary>A file that is written in parts, where a store does that.</summary>
    protected virtual int LargeBytes => 1_000_000;

    public abstract ValueTask InitializeAsync();

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected virtual Task EndAsync() => Task.CompletedTask;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_upload_is_nobodys_until_it_is_kept_and_then_never_changes()
    {
        await Store.WriteAsync(_key, new MemoryStream(_bytes), _bytes.Length, Ct);
        Assert.Equal(_bytes.Length, await Store.ReceivedAsync(_key, Ct));
        Assert.Null(await Store.FindAsync(_key, Ct));
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.OpenAsync(_key, 0, Ct));

        await Store.KeepAsync(_key, Ct);
        Assert.Null(await Store.ReceivedAsync(_key, Ct));
        Assert.Equal((_key, _bytes.Length), await Store.FindAsync(_key, Ct) is { } found ? (found.Key, (int)found.SizeBytes) : default);
        await Store.KeepAsync(_key, Ct);
        Assert.Equal(_bytes, await ReadAsync(_key, 0));

        // Another upload under the key is another thing until it is kept too.
        await Store.WriteAsync(_key, new MemoryStream([1, 2, 3]), 3, Ct);
        Assert.Equal(_bytes, await ReadAsync(_key, 0));
    }

    [Fact]
    public async Task What_is_kept_is_read_from_any_place()
    {
        await Store.WriteAsync(_key, new MemoryStream(_bytes), _bytes.Length, Ct);
        await Store.KeepAsync(_key, Ct);
        Assert.Equal(_bytes[99_000..], await ReadAsync(_key, 99_000));
        Assert.Empty(await ReadAsync(_key, _bytes.Length));
        await using var seeking = new StoredStream(Store, _key, _bytes.Length);
        seeking.Position = 50_000;
        var middle = new byte[1000];
        await seeking.ReadExactlyAsync(middle, Ct);
        seeking.Seek(-10, SeekOrigin.End);
        var end = new byte[20];
        Assert.Equal(10, await seeking.ReadAtLeastAsync(end, 20, throwOnEndOfStream: false, Ct));
        Assert.Equal(_bytes[50_000..51_000], middle);
        Assert.Equal(_bytes[^10..], end[..10]);
    }

    [Fact]
    public async Task One_byte_too_many_leaves_nothing()
    {
        var refused = await Assert.ThrowsAsync<MediaTooLargeException>(() =>
            Store.WriteAsync(_key, new MemoryStream(_bytes), _bytes.Length - 1, Ct));
        Assert.Equal(_bytes.Length - 1, refused.Limit);
        Assert.Null(await Store.ReceivedAsync(_key, Ct));
        Assert.Null(await Store.StageAsync(_key, Ct));
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.KeepAsync(_key, Ct));
        Assert.Empty(Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_staged_file_is_there_to_be_read_by_path_and_leaves_what_is_stored()
    {
        await Store.WriteAsync(_key, new MemoryStream(_bytes), _bytes.Length, Ct);
        using (var upload = await Store.StageAsync(_key, Ct)) Assert.Equal(_bytes, await File.ReadAllBytesAsync(upload!.Path, Ct));
        await Store.KeepAsync(_key, Ct);
        using (var kept = await Store.StageAsync(_key, Ct)) Assert.Equal(_bytes, await File.ReadAllBytesAsync(kept!.Path, Ct));
        Assert.Equal(_bytes, await ReadAsync(_key, 0));
    }

    [Fact]
    public async Task Everything_is_listed_and_what_is_deleted_is_gone()
    {
        var (upload, kept) = (_key, _key + "-1");
        await Store.WriteAsync(upload, new MemoryStream(_bytes), _bytes.Length, Ct);
        await Store.WriteAsync(kept, new MemoryStream(_bytes), _bytes.Length, Ct);
        await Store.KeepAsync(kept, Ct);
        Assert.Equal([upload, kept], await ListAsync(TimeProvider.System.GetUtcNow().AddMinutes(1)));
        Assert.Empty(await ListAsync(TimeProvider.System.GetUtcNow().AddHours(-1)));
        foreach (var key in (string[])[upload, kept, "00000000000000000000000000000000"]) await Store.DeleteAsync(key, Ct);
        Assert.Empty(await ListAsync(TimeProvider.System.GetUtcNow().AddMinutes(1)));
    }

    [Fact]
    public async Task A_large_file_comes_back_as_it_was()
    {
        var bytes = RandomNumberGenerator.GetBytes(LargeBytes);
        await Store.WriteAsync(_key, new MemoryStream(bytes), bytes.Length, Ct);
        await Store.KeepAsync(_key, Ct);
        await using var content = await Store.OpenAsync(_key, 0, Ct);
        Assert.Equal(SHA256.HashData(bytes), await SHA256.HashDataAsync(content, Ct));
    }

    [Theory]
    [InlineData("../../etc/passwd-aaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("short")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b")]
    public async Task A_key_is_a_name_and_no_path(string key) =>
        await Assert.ThrowsAsync<ArgumentException>(() => Store.ReceivedAsync(key, Ct));

    private async Task<byte[]> ReadAsync(string key, long offset)
    {
        await using var content = await Store.OpenAsync(key, offset, Ct);
        using var all = new MemoryStream();
        await content.CopyToAsync(all, Ct);
        return all.ToArray();
    }

    private async Task<List<string>> ListAsync(DateTimeOffset before)
    {
        List<string> keys = [];
        await foreach (var file in Store.ListAsync(before, Ct)) keys.Add(file.Key);
        return keys;
    }
}

/// <summary>The contract, of the local store.</summary>
public sealed class LocalMediaStoreTests : MediaStoreContract
{
    private LocalMediaStore _store = null!;

    protected override IMediaStore Store => _store;

    public override ValueTask InitializeAsync()
    {
        _store = new LocalMediaStore(null!, Options.Create(new MediaOptions { Folder = Folder }), Options.Create(new InstanceOptions()));
        return ValueTask.CompletedTask;
    }
}

/// <summary>The contract, of a bucket, and the way of a client's bytes into it.</summary>
public sealed class S3MediaStoreTests : MediaStoreContract
{
    private S3Server _server = null!;
    private S3MediaStore _store = null!;

    protected override IMediaStore Store => _store;

    protected override int LargeBytes => (int)S3MediaStore.PartsFrom + 1;

    public override async ValueTask InitializeAsync()
    {
        _server = await S3Server.StartAsync();
        var instance = Options.Create(new InstanceOptions { DataDirectory = Folder });
        _store = new S3MediaStore(Options.Create(new MediaOptions
        {
            Store = MediaStoreKind.S3,
            S3 = new S3Options { ServiceUrl = _server.Address, Bucket = "media", AccessKey = "S3RVER", SecretKey = "S3RVER" },
        }), new MediaScratch(instance, TimeProvider.System));
    }

    protected override async Task EndAsync()
    {
        _store.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task An_upload_goes_to_the_bucket_and_is_handed_out_by_us()
    {
        await using var world = await MediaWorld.StartAsync(_server.Settings);
        var ticket = await world.ReserveAsync(MediaWorld.Png.Length);
        Assert.StartsWith(_server.Address.AbsoluteUri, (string)ticket["uploadUrl"]!, StringComparison.Ordinal);
        using var put = await world.PutAsync(ticket, MediaWorld.Png);
        Assert.Equal(200, (int)put.StatusCode);
        var artifact = (await world.CompleteAsync(ticket)).Data;
        Assert.Equal("verified", (string)artifact["status"]!);

        // The address for sending holds on, and what was verified does not change for it.
        using var again = await world.PutAsync(ticket, [1, 2, 3]);
        using var request = new HttpRequestMessage(HttpMethod.Get, (string)artifact["url"]!);
        request.Headers.Range = new RangeHeaderValue(1, 3);
        using var answer = await world.Host.Client.SendAsync(request);
        Assert.Equal((206, "PNG"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Empty(world.Files());
    }
}
