using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Media;
using PostMantis.Core.Outbox;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Media;

/// <summary>Two-phase uploads on the local store, by HTTP.</summary>
public sealed class UploadTests : IAsyncLifetime
{
    private MediaWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await MediaWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task An_upload_is_reserved_sent_and_verified()
    {
        var reserved = await _world.ReserveAsync(MediaWorld.Png.Length);
        Assert.Equal("PUT", (string)reserved["uploadMethod"]!);
        Assert.Equal("reserved", (string)(await _world.Api.GetAsync($"/uploads/{reserved["artifactId"]}")).Data["status"]!);
        using var put = await _world.PutAsync(reserved, MediaWorld.Png);
        Assert.Equal(204, (int)put.StatusCode);

        var completed = await _world.CompleteAsync(reserved);
        Assert.Equal(200, completed.Status);
        var artifact = completed.Data;
        Assert.Equal(("artifact", "verified", "image", "image/png", MediaWorld.Png.Length,
                Convert.ToHexStringLower(SHA256.HashData(MediaWorld.Png))),
            ((string)artifact["object"]!, (string)artifact["status"]!, (string)artifact["kind"]!,
                (string)artifact["mimeType"]!, (int)artifact["sizeBytes"]!, (string)artifact["sha256"]!));
        Assert.Equal(MediaWorld.Png, await _world.Host.Client.GetByteArrayAsync(new Uri((string)artifact["url"]!)));

        // Asked again, the same; and nothing can be sent any more.
        Assert.Equal(artifact.ToJsonString(), (await _world.CompleteAsync(reserved)).Data.ToJsonString());
        using var late = await _world.PutAsync(reserved, MediaWorld.Png);
        Assert.Equal(409, (int)late.StatusCode);
        var told = await _world.Host.InDatabaseAsync(db => db.Events.AsNoTracking().SingleAsync());
        Assert.Equal((EventTypes.ArtifactVerified, true), (told.Type, told.TestMode));
        Assert.Equal((string)artifact["id"]!, (string)told.Data["artifact"]!["id"]!);
    }

    [Fact]
    public async Task A_file_that_is_not_what_it_was_said_to_be_fails_and_is_gone()
    {
        var ticket = await _world.ReserveAsync(5);
        using var put = await _world.PutAsync(ticket, "hello"u8.ToArray());
        var reply = await _world.CompleteAsync(ticket);
        Assert.Equal((200, "failed", "unsupportedFormat"),
            (reply.Status, (string)reply.Data["status"]!, (string)reply.Data["error"]!["code"]!));
        Assert.Null(reply.Data["url"]);
        Assert.Empty(_world.Files());
        Assert.Equal(EventTypes.ArtifactFailed,
            (await _world.Host.InDatabaseAsync(db => db.Events.AsNoTracking().SingleAsync())).Type);
    }

    [Fact]
    public async Task What_has_not_all_come_is_not_complete()
    {
        var ticket = await _world.ReserveAsync(MediaWorld.Png.Length);
        var nothing = await _world.CompleteAsync(ticket);
        Assert.Equal((400, "/artifactId notReady"), (nothing.Status, nothing.Issue));
        using var part = await _world.PutAsync(ticket, MediaWorld.Png[..20], 0, MediaWorld.Png.Length);
        Assert.Equal((204, "20"), ((int)part.StatusCode, part.Headers.GetValues("Upload-Offset").Single()));
        var some = await _world.CompleteAsync(ticket);
        Assert.Equal((20, MediaWorld.Png.Length),
            ((int)some.Json!["errors"]![0]!["actual"]!, (int)some.Json["errors"]![0]!["limit"]!));
    }

    [Fact]
    public async Task A_cut_connection_goes_on_where_it_stopped()
    {
        var bytes = new byte[3_000_000];
        MediaWorld.Png.CopyTo(bytes, 0);
        var ticket = await _world.ReserveAsync(bytes.Length);
        var url = new Uri((string)ticket["uploadUrl"]!);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(url.Host, url.Port);
            var stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"PUT {url.PathAndQuery} HTTP/1.1\r\nHost: {url.Authority}\r\n"
                + $"Content-Type: image/png\r\nContent-Length: {bytes.Length}\r\n\r\n"));
            await stream.WriteAsync(bytes.AsMemory(0, 1_000_000));

            // A cut throws away what the server has not read yet: some of it must have arrived before.
            for (var tries = 0; tries < 400 && !_world.Files().Any(f => new FileInfo(f).Length > 0); tries++)
                await Task.Delay(TimeSpan.FromMilliseconds(25), TimeProvider.System);
        }

        // The server finds out in its own time, and until then the upload is its.
        var (offset, stands) = (0L, false);
        for (var tries = 0; tries < 400 && !stands; tries++)
        {
            using var head = new HttpRequestMessage(HttpMethod.Head, url);
            using var answer = await _world.Host.Client.SendAsync(head);
            Assert.Equal((204, bytes.Length.ToString(CultureInfo.InvariantCulture)),
                ((int)answer.StatusCode, answer.Headers.GetValues("Upload-Length").Single()));
            offset = long.Parse(answer.Headers.GetValues("Upload-Offset").Single(), CultureInfo.InvariantCulture);
            if (offset > 0)
            {
                using var rest = await _world.PutAsync(ticket, bytes[(int)offset..], offset, bytes.Length);
                stands = (int)rest.StatusCode == 204;
            }
            if (!stands) await Task.Delay(TimeSpan.FromMilliseconds(25), TimeProvider.System);
        }
        Assert.True(stands);
        Assert.InRange(offset, 1, 1_000_000);
        var file = Assert.Single(_world.Files());
        Assert.Equal(bytes, await File.ReadAllBytesAsync(file));
    }

    [Fact]
    public async Task A_piece_that_does_not_fit_on_is_refused_with_the_place_to_go_on()
    {
        var ticket = await _world.ReserveAsync(100);
        using var first = await _world.PutAsync(ticket, new byte[40], 0, 100);
        using var gap = await _world.PutAsync(ticket, new byte[10], 50, 100);
        Assert.Equal((409, "40"), ((int)gap.StatusCode, gap.Headers.GetValues("Upload-Offset").Single()));
        using var beyond = await _world.PutAsync(ticket, new byte[61], 40, 101);
        Assert.Equal(413, (int)beyond.StatusCode);
        using var whole = await _world.PutAsync(ticket, new byte[99]);
        Assert.Equal(400, (int)whole.StatusCode);
        using var more = await _world.PutAsync(ticket, new byte[101]);
        Assert.Equal(413, (int)more.StatusCode);
    }

    [Theory]
    [InlineData("signature")]
    [InlineData("size")]
    [InlineData("until")]
    public async Task A_changed_address_is_no_address(string part)
    {
        var ticket = await _world.ReserveAsync(MediaWorld.Png.Length);
        var url = (string)ticket["uploadUrl"]!;
        var at = url.IndexOf(part + "=", StringComparison.Ordinal);
        var end = url.IndexOf('&', at) is var found and >= 0 ? found : url.Length;
        ticket["uploadUrl"] = url[..(end - 1)] + (url[end - 1] == '1' ? '2' : '1') + url[end..];
        using var put = await _world.PutAsync(ticket, MediaWorld.Png);
        Assert.Equal(404, (int)put.StatusCode);
        Assert.Empty(_world.Files());
    }

    [Fact]
    public async Task An_address_for_sending_does_not_read_and_ends()
    {
        var ticket = await _world.ReserveAsync(MediaWorld.Png.Length);
        var url = (string)ticket["uploadUrl"]!;
        using var read = await _world.Host.Client.GetAsync(
            new Uri(url.Replace("/media/uploads/", "/media/files/", StringComparison.Ordinal)));
        Assert.Equal(404, (int)read.StatusCode);
        _world.Host.Clock.Advance(TimeSpan.FromHours(24));
        using var put = await _world.PutAsync(ticket, MediaWorld.Png);
        Assert.Equal(404, (int)put.StatusCode);
        Assert.Equal((409, "conflict"), (await _world.CompleteAsync(ticket)) is var reply ? (reply.Status, reply.Code) : default);
        Assert.Equal(1, (await _world.SweepAsync()).Expired);
        Assert.Equal("expired", (string)(await _world.Api.GetAsync($"/uploads/{ticket["artifactId"]}")).Data["status"]!);
    }

    [Fact]
    public async Task Nobody_sees_or_completes_another_users_artifact()
    {
        var ticket = await _world.ReserveAsync(MediaWorld.Png.Length);
        var stranger = await ApiClient.WithKeyAsync(_world.Host, await Seed.UserAsync(_world.Host));
        Assert.Equal(404, (await stranger.GetAsync($"/uploads/{ticket["artifactId"]}")).Status);
        Assert.Equal("/artifactId notFound", (await stranger.PostAsync("/uploads/complete",
            $$"""{"artifactId": "{{ticket["artifactId"]}}"}""")).Issue);
        var live = await ApiClient.WithKeyAsync(_world.Host, _world.Person, testMode: false);
        Assert.Equal(404, (await live.GetAsync($"/uploads/{ticket["artifactId"]}")).Status);
        var reads = await ApiClient.WithKeyAsync(_world.Host, _world.Person, Permission.Read);
        Assert.Equal(403, (await reads.PostAsync("/uploads/complete",
            $$"""{"artifactId": "{{ticket["artifactId"]}}"}""")).Status);
    }

    [Fact]
    public async Task A_repeated_request_reserves_once()
    {
        const string Body = """{"fileName": "a.png", "mimeType": "image/png", "fileSize": 10}""";
        var first = await _world.Api.PostAsync("/uploads", Body, ("Idempotency-Key", "once"));
        var again = await _world.Api.PostAsync("/uploads", Body, ("Idempotency-Key", "once"));
        Assert.Equal((201, "true"), (again.Status, again.Headers["Idempotency-Replayed"]));
        Assert.Equal((string)first.Data["artifactId"]!, (string)again.Data["artifactId"]!);
        Assert.Equal(1, await _world.Host.InDatabaseAsync(db => db.Artifacts.CountAsync()));
    }

    [Fact]
    public async Task Uploads_have_a_rate_of_their_own()
    {
        await using var world = await MediaWorld.StartAsync(new Dictionary<string, string?> { ["Api:RateLimits:Upload"] = "2" });
        await world.ReserveAsync(10);
        await world.ReserveAsync(10);
        var reply = await world.Api.PostAsync("/uploads", """{"fileName": "a.png", "mimeType": "image/png", "fileSize": 10}""");
        Assert.Equal((429, "rateLimited", "upload"), (reply.Status, reply.Code, (string)reply.Json!["bucket"]!));
    }

    [Fact]
    public async Task A_full_library_refuses_more()
    {
        await using var world = await MediaWorld.StartAsync(new Dictionary<string, string?> { ["Media:QuotaBytes"] = "1000" });
        await world.ReserveAsync(900);
        var reply = await world.Api.PostAsync("/uploads", """{"fileName": "a.png", "mimeType": "image/png", "fileSize": 101}""");
        Assert.Equal((413, "payloadTooLarge", 1000, 900), (reply.Status, reply.Code, (int)reply.Json!["limit"]!,
            (int)reply.Json["used"]!));
        await world.ReserveAsync(100);
    }

    [Fact]
    public async Task Bytes_are_handed_out_in_ranges_and_can_run_nothing()
    {
        var artifact = await _world.UploadAsync(MediaWorld.Png);
        using var request = new HttpRequestMessage(HttpMethod.Get, (string)artifact["url"]!);
        request.Headers.Range = new RangeHeaderValue(1, 3);
        using var answer = await _world.Host.Client.SendAsync(request);
        Assert.Equal((206, "PNG"), ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal(("image/png", "nosniff", "default-src 'none'; sandbox"), (answer.Content.Headers.ContentType!.MediaType,
            answer.Headers.GetValues("X-Content-Type-Options").Single(),
            answer.Headers.GetValues("Content-Security-Policy").Single()));
        Assert.StartsWith("inline", answer.Content.Headers.ContentDisposition!.ToString(), StringComparison.Ordinal);
        using var head = new HttpRequestMessage(HttpMethod.Head, (string)artifact["url"]!);
        using var bare = await _world.Host.Client.SendAsync(head);
        Assert.Equal((200, MediaWorld.Png.Length), ((int)bare.StatusCode, (int)bare.Content.Headers.ContentLength!));
        _world.Host.Clock.Advance(TimeSpan.FromHours(26));
        Assert.Equal(404, (int)(await _world.Host.Client.GetAsync(new Uri((string)artifact["url"]!))).StatusCode);
    }

    [Fact]
    public async Task A_picture_is_kept_without_where_it_was_taken_unless_that_is_wanted()
    {
        var photo = MediaCorpus.Oriented(6, gps: true);
        var artifact = await _world.UploadAsync(photo, "photo.jpg", "image/jpeg");
        var said = artifact["verification"]!;
        Assert.Equal((true, true, 6, "rgb"), ((bool)said["metadataRemoved"]!, (bool)said["isComplete"]!, (int)said["orientation"]!,
            (string)said["colour"]!));
        var bytes = await _world.Host.Client.GetByteArrayAsync(new Uri((string)artifact["url"]!));
        Assert.True(photo.AsSpan().IndexOf("SecretCamera"u8) >= 0);
        Assert.Equal(-1, bytes.AsSpan().IndexOf("SecretCamera"u8));
        Assert.Equal((bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))),
            ((int)artifact["sizeBytes"]!, (string)artifact["sha256"]!));
        Assert.Single(_world.Files());

        await using var world = await MediaWorld.StartAsync(new Dictionary<string, string?> { ["Media:StripMetadata"] = "false" });
        var whole = await world.UploadAsync(photo, "photo.jpg", "image/jpeg");
        Assert.Equal(photo, await world.Host.Client.GetByteArrayAsync(new Uri((string)whole["url"]!)));
    }

    [Fact]
    public async Task What_could_not_be_looked_into_says_so()
    {
        await using var world = await MediaWorld.StartAsync(
            new Dictionary<string, string?> { ["Media:Inspection:Ffprobe"] = "/nowhere/ffprobe" });
        var said = (await world.UploadAsync(MediaCorpus.Wav(), "a.wav", "audio/wav"))["verification"]!;
        Assert.False((bool)said["isComplete"]!);
        Assert.Contains("ffprobe", (string)said["notVerified"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_no_post_uses_and_what_belongs_to_nobody_is_swept()
    {
        var artifact = await _world.UploadAsync(MediaWorld.Png);
        var stray = Path.Combine(_world.Folder, "uploads", Guid.CreateVersion7().ToString("N"));
        await File.WriteAllTextAsync(stray, "x");
        _world.Host.Clock.Advance(TimeSpan.FromDays(29));
        Assert.Equal(new MediaSwept(0, 0, 1), await _world.SweepAsync());
        Assert.Single(_world.Files());
        _world.Host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(new MediaSwept(0, 1, 0), await _world.SweepAsync());
        Assert.Empty(_world.Files());
        Assert.Equal(404, (await _world.Api.GetAsync($"/uploads/{artifact["id"]}")).Status);
    }

    [Fact]
    public void The_table_of_artifacts_is_the_contract_s()
    {
        var legal = from f in Enum.GetValues<ArtifactStatus>()
                    from n in Enum.GetValues<ArtifactStatus>()
                    where ArtifactMoves.IsLegal(f, n)
                    select $"{f} {n}";
        Assert.Equal(["Reserved Verified", "Reserved Failed", "Reserved Expired", "Importing Verified", "Importing Failed",
            "Importing Expired"], legal);
    }
}
