using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ImageMagick;
using Microsoft.EntityFrameworkCore;
using PostMantis.Core.Access;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Media;
using PostMantis.Tests.Media.Inspection;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>Posts that come with their files in one request.</summary>
public sealed class PostFormTests : IAsyncLifetime
{
    private static readonly byte[] _jpeg = MediaCorpus.Image(MagickFormat.Jpeg);
    private MediaWorld _world = null!;
    private Profile _page = null!;

    public async ValueTask InitializeAsync()
    {
        _world = await MediaWorld.StartAsync();
        _page = await Seed.ProfileAsync(_world.Host, _world.Person);
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Files_become_the_media_that_name_them()
    {
        var reply = await SendAsync(Payload("Named", """[{"file": "b", "alt": "Second"}, {"file": "a"}]"""),
            ("a", "a.png", "image/png", MediaWorld.Png), ("b", "b.jpg", "image/jpeg", _jpeg));
        Assert.Equal(202, reply.Status);
        var media = reply.Data["media"]!.AsArray();
        Assert.Equal(["image/jpeg", "image/png"], await TypesAsync(media));
        Assert.Equal("Second", (string)media[0]!["alt"]!);
        Assert.Equal(2, await _world.Host.InDatabaseAsync(db => db.ArtifactUses.CountAsync()));
    }

    [Fact]
    public async Task Where_none_is_named_all_of_them_are_the_post_s_media()
    {
        var reply = await SendAsync(Payload("In order"), ("x", "a.png", "image/png", MediaWorld.Png),
            ("y", "b.jpg", "image/jpeg", _jpeg));
        Assert.Equal(202, reply.Status);
        Assert.Equal(["image/png", "image/jpeg"], await TypesAsync(reply.Data["media"]!.AsArray()));
    }

    [Fact]
    public async Task The_same_key_and_files_give_the_first_answer_and_other_files_are_another_request()
    {
        var first = await SendAsync("once", Payload("Once"), ("a", "a.png", "image/png", MediaWorld.Png));
        var again = await SendAsync("once", Payload("Once"), ("a", "a.png", "image/png", MediaWorld.Png));
        Assert.Equal((202, "true", first.Text), (again.Status, again.Headers["Idempotency-Replayed"], again.Text));
        var other = await SendAsync("once", Payload("Once"), ("a", "a.png", "image/png", _jpeg));
        Assert.Equal((422, "idempotencyMismatch"), (other.Status, other.Code));
        Assert.Single(_world.Files());
        Assert.Equal(1, await _world.Host.InDatabaseAsync(db => db.Artifacts.CountAsync()));
    }

    [Fact]
    public async Task What_is_refused_leaves_no_file()
    {
        var lie = await SendAsync(Payload("Lie"), ("a", "a.png", "image/png", _jpeg));
        Assert.Equal((400, "/media/0 unsupported"), (lie.Status, lie.Issue));
        var long_ = await SendAsync(Payload(new string('x', 501)), ("a", "a.png", "image/png", MediaWorld.Png));
        Assert.Equal((400, "/post/body tooLong"), (long_.Status, long_.Issue));
        var unnamed = await SendAsync(Payload("Unnamed", """[{"file": "a"}]"""), ("a", "a.png", "image/png", MediaWorld.Png),
            ("b", "b.png", "image/png", MediaWorld.Png));
        Assert.Equal((400, "/media unknownField"), (unnamed.Status, unnamed.Issue));
        var missing = await SendAsync(Payload("Missing", """[{"file": "c"}]"""), ("c2", "a.png", "image/png", MediaWorld.Png));
        Assert.Equal(400, missing.Status);
        var absent = await SendAsync(Payload("Absent", """[{"file": "c"}]"""));
        Assert.Equal((400, "/media/0/file notFound"), (absent.Status, absent.Issue));
        using var late = new MultipartFormDataContent { { File(MediaWorld.Png, "image/png"), "a", "a.png" }, { new StringContent(Payload("Late")), "payload" } };
        Assert.Equal("/payload required", (await SendAsync(null, late)).Issue);
        var key = await ApiClient.WithKeyAsync(_world.Host, _world.Person, Permission.Draft);
        Assert.Equal(403, (await SendAsync(key, null, Form(Payload("Publish"), ("a", "a.png", "image/png", MediaWorld.Png)))).Status);
        Assert.Empty(_world.Files());
        Assert.Equal(0, await _world.Host.InDatabaseAsync(db => db.Artifacts.CountAsync()));
    }

    [Fact]
    public async Task A_form_above_25_MiB_is_refused_whatever_it_says_of_its_length()
    {
        var large = new byte[(25 << 20) + 1];
        Assert.Equal((413, "payloadTooLarge"), await SendAsync(Payload("Large"), ("a", "a.png", "image/png", large)) is var said
            ? (said.Status, said.Code) : default);
        using var form = Form(Payload("Large"), ("a", "a.png", "image/png", large));
        using var chunked = new ChunkedContent(form);
        var reply = await SendAsync(null, chunked);
        Assert.Equal((413, "payloadTooLarge"), (reply.Status, reply.Code));
        Assert.Empty(_world.Files());
    }

    [Theory]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{}")]
    [InlineData("no boundary at all")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{\r\n--x--\r\n")]
    [InlineData("--x--\r\n")]
    public async Task A_form_that_cannot_be_read_is_refused(string body)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=x");
        var reply = await SendAsync(null, content);
        Assert.Equal((400, "invalidRequest"), (reply.Status, reply.Code));
    }

    private string Payload(string body, string? media = null) =>
        $$"""{"post": {"body": "{{body}}", "scheduledAt": "{{_world.Host.Clock.GetUtcNow().AddHours(1):O}}"}, "profiles": ["{{_page.Id}}"]"""
        + (media is null ? "}" : $$""", "media": {{media}}}""");

    private Task<ApiReply> SendAsync(string payload, params (string Name, string File, string Type, byte[] Bytes)[] files) =>
        SendAsync(null, Form(payload, files));

    private Task<ApiReply> SendAsync(
        string key, string payload, params (string Name, string File, string Type, byte[] Bytes)[] files) =>
        SendAsync(key, Form(payload, files));

    private Task<ApiReply> SendAsync(string? key, HttpContent content) => SendAsync(_world.Api, key, content);

    private static async Task<ApiReply> SendAsync(ApiClient api, string? key, HttpContent content)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/posts") { Content = content };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + api.Key);
        if (key is not null) request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return await api.SendAsync(request);
    }

    private static MultipartFormDataContent Form(
        string payload, params (string Name, string File, string Type, byte[] Bytes)[] files)
    {
        var form = new MultipartFormDataContent { { new StringContent(payload, Encoding.UTF8, "application/json"), "payload" } };
        foreach (var (name, file, type, bytes) in files) form.Add(File(bytes, type), name, file);
        return form;
    }

    private static ByteArrayContent File(byte[] bytes, string type)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return content;
    }

    private async Task<List<string>> TypesAsync(JsonArray media)
    {
        List<string> types = [];
        foreach (var item in media)
            types.Add((string)(await _world.Api.GetAsync($"/uploads/{item!["artifactId"]}")).Data["mimeType"]!);
        return types;
    }

    /// <summary>Another content, of a length that it does not say.</summary>
    private sealed class ChunkedContent : HttpContent
    {
        private readonly HttpContent _inner;

        public ChunkedContent(HttpContent inner)
        {
            _inner = inner;
            Headers.ContentType = inner.Headers.ContentType;
        }

        protected override Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context) => _inner.CopyToAsync(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
