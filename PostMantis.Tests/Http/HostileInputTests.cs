using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Access;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>One instance with two users; the hostile requests leave nothing behind, so every row can share it.</summary>
public sealed class HostileInstance : IAsyncLifetime
{
    internal PostMantisHost Host { get; private set; } = null!;
    internal Dictionary<string, string> Words { get; } = [];

    public async ValueTask InitializeAsync()
    {
        Host = await PostMantisHost.StartAsync(new Dictionary<string, string?>
        {
            ["Api:RateLimits:Read"] = "100000",
            ["Api:RateLimits:Write"] = "100000",
            ["Api:RateLimits:Upload"] = "100000",
        });
        var ada = await Seed.UserAsync(Host, "ada");
        var bob = await Seed.UserAsync(Host, "bob");
        var page = await Seed.ProfileAsync(Host, ada, "Page");
        var gone = await Seed.ProfileAsync(Host, ada, "Gone", change: p => p.Disconnect(Host.Clock.GetUtcNow()));
        var live = await Seed.ProfileAsync(Host, ada, "Live", provider: "mastodon", testMode: false);
        var others = await Seed.ProfileAsync(Host, bob, "Theirs");
        var key = await ApiClient.WithKeyAsync(Host, ada);
        Words["key"] = key.Key!;
        Words["read"] = (await ApiClient.WithKeyAsync(Host, ada, Permission.Read)).Key!;
        Words["draftKey"] = (await ApiClient.WithKeyAsync(Host, ada, Permission.Draft)).Key!;
        Words["liveKey"] = (await ApiClient.WithKeyAsync(Host, ada, testMode: false)).Key!;
        Words["otherKey"] = (await ApiClient.WithKeyAsync(Host, bob)).Key!;
        Words["unknownKey"] = ApiKeyText.Create(Guid.CreateVersion7(), testMode: true).Reveal();
        var revoked = await ApiClient.WithKeyAsync(Host, ada);
        await Host.InScopeAsync(async services =>
        {
            await services.GetRequiredService<ApiKeys>().RevokeAsync(ada, revoked.KeyId, default);
            return 0;
        });
        Words["revokedKey"] = revoked.Key!;
        Words["expiredKey"] = (await ApiClient.WithKeyAsync(Host, ada, expiresAt: Host.Clock.GetUtcNow().AddMinutes(1))).Key!;
        Host.Clock.Advance(TimeSpan.FromMinutes(2));
        Words["page"] = page.Id.ToString();
        Words["gone"] = gone.Id.ToString();
        Words["live"] = live.Id.ToString();
        Words["theirs"] = others.Id.ToString();
        Words["nobody"] = Guid.CreateVersion7().ToString();
        Words["post"] = await PostAsync(key, """{"post": {"body": "kept", "draft": true}, "profiles": ["PAGE"]}""", page);
        Words["queued"] = await PostAsync(key, """{"post": {"body": "queued"}, "profiles": ["PAGE"]}""", page);
        Words["theirPost"] = await PostAsync(new ApiClient(Host, Words["otherKey"]),
            """{"post": {"body": "theirs", "draft": true}, "profiles": ["PAGE"]}""", others);
        Words["delivery"] = (string)(await key.GetAsync($"/posts/{Words["queued"]}")).Data["deliveries"]![0]!["id"]!;
        Words["past"] = "2020-01-01T00:00:00Z";
        Words["far"] = "2099-01-01T00:00:00Z";
    }

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    private static async Task<string> PostAsync(ApiClient api, string body, Profile profile) =>
        (string)(await api.PostAsync("/posts", body.Replace("PAGE", profile.Id.ToString(), StringComparison.Ordinal))).Data["id"]!;
}

public sealed class HostileInputTests(HostileInstance instance) : IClassFixture<HostileInstance>
{
    private const string Ok = """{"post": {"body": "fine"}, "profiles": ["{page}"]}""";

    /// <summary>Name, key, method, path, body, status, code, and the first issue as <c>pointer rule</c>.</summary>
    public static TheoryData<string, string?, string, string, string?, int, string?, string?> Rows() => new()
    {
        // Keys
        { "no key", null, "GET", "/posts", null, 401, "unauthorized", null },
        { "nonsense for a key", "nonsense", "GET", "/posts", null, 401, "unauthorized", null },
        { "an empty key", "", "GET", "/posts", null, 401, "unauthorized", null },
        { "a key of megabytes", "{long}", "GET", "/key", null, 431, null, null },
        { "a well-made key nobody has", "{unknownKey}", "GET", "/posts", null, 401, "unauthorized", null },
        { "a revoked key", "{revokedKey}", "GET", "/posts", null, 401, "unauthorized", null },
        { "an expired key", "{expiredKey}", "GET", "/posts", null, 401, "unauthorized", null },
        { "SQL for a key", "' OR 1=1 --", "GET", "/posts", null, 401, "unauthorized", null },
        { "a read key that writes", "{read}", "POST", "/posts", Ok, 403, "insufficientPermission", null },
        { "a read key that drafts", "{read}", "POST", "/posts", """{"post": {"draft": true}}""", 403, "insufficientPermission", null },
        { "a draft key that publishes", "{draftKey}", "POST", "/posts", Ok, 403, "insufficientPermission", null },
        { "a draft key that publishes a draft", "{draftKey}", "POST", "/posts/{post}/publish", "{}", 403, "insufficientPermission", null },
        { "a draft key that cancels", "{draftKey}", "POST", "/posts/{queued}/cancel", "{}", 403, "insufficientPermission", null },
        { "a key without the grant that disconnects", "{key}", "POST", "/profiles/{page}/disconnect", "{}", 403, "insufficientPermission", null },
        { "a key without the grant that resolves", "{key}", "POST", "/posts/{queued}/deliveries/{delivery}/resolve", """{"as": "published"}""", 403, "insufficientPermission", null },

        // Other people's things
        { "another user's post", "{key}", "GET", "/posts/{theirPost}", null, 404, "notFound", null },
        { "editing another user's post", "{key}", "PATCH", "/posts/{theirPost}", "{}", 404, "notFound", null },
        { "deleting another user's post", "{key}", "DELETE", "/posts/{theirPost}", null, 404, "notFound", null },
        { "publishing another user's post", "{key}", "POST", "/posts/{theirPost}/publish", "{}", 404, "notFound", null },
        { "another user's profile", "{key}", "GET", "/profiles/{theirs}", null, 404, "notFound", null },
        { "posting to another user's profile", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{theirs}"]}""", 400, "invalidRequest", "/profiles/0 notFound" },
        { "a live key and a test post", "{liveKey}", "GET", "/posts/{post}", null, 404, "notFound", null },
        { "a live key and a test profile", "{liveKey}", "GET", "/profiles/{page}", null, 404, "notFound", null },
        { "a test key and a live profile", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{live}"]}""", 400, "invalidRequest", "/profiles/0 notFound" },
        { "a delivery of another post", "{key}", "GET", "/posts/{post}/deliveries/{delivery}/attempts", null, 404, "notFound", null },

        // Ids
        { "no id", "{key}", "GET", "/posts/nonsense", null, 404, "notFound", null },
        { "an id in braces", "{key}", "GET", "/posts/%7B{post}%7D", null, 404, "notFound", null },
        { "SQL for an id", "{key}", "GET", "/posts/1'%20OR%20'1'='1", null, 404, "notFound", null },
        { "an id nobody has", "{key}", "GET", "/posts/{nobody}", null, 404, "notFound", null },
        { "a path upwards", "{key}", "GET", "/posts/..%2f..%2fetc%2fpasswd", null, 404, "notFound", null },
        { "NUL in the path", "{key}", "GET", "/posts/a%00b", null, 400, null, null },

        // Bodies
        { "no body", "{key}", "POST", "/posts", "", 400, "invalidRequest", "/profiles required" },
        { "half a body", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": [""", 400, "invalidRequest", " wrongFormat" },
        { "an array", "{key}", "POST", "/posts", "[]", 400, "invalidRequest", " wrongType" },
        { "a string", "{key}", "POST", "/posts", "\"x\"", 400, "invalidRequest", " wrongType" },
        { "null", "{key}", "POST", "/posts", "null", 400, "invalidRequest", " wrongType" },
        { "a comment in JSON", "{key}", "POST", "/posts", "{/* hi */}", 400, "invalidRequest", " wrongFormat" },
        { "a name twice", "{key}", "POST", "/posts", """{"profiles": [], "profiles": []}""", 400, "invalidRequest", " wrongFormat" },
        { "nested too deep", "{key}", "POST", "/posts", "{deep}", 400, "invalidRequest", " wrongFormat" },
        { "10 MB of body", "{key}", "POST", "/posts", "{huge}", 413, "payloadTooLarge", null },
        { "bad UTF-8", "{key}", "POST", "/posts", "{badUtf8}", 400, "invalidRequest", " wrongFormat" },
        { "a lone surrogate", "{key}", "POST", "/posts", """{"post": {"body": "\ud800"}, "profiles": ["{page}"]}""", 400, "invalidRequest", " wrongFormat" },
        { "NUL in the text", "{key}", "POST", "/posts", """{"post": {"body": "a\u0000b"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/body wrongFormat" },
        { "an unknown field", "{key}", "POST", "/posts", """{"post": {"body": "x", "boddy": 1}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/boddy unknownField" },
        { "an unknown field on top", "{key}", "POST", "/posts", """{"user_id": "x", "post": {"body": "x"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/user_id unknownField" },
        { "a prototype", "{key}", "POST", "/posts", """{"__proto__": {}, "post": {"body": "x"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/__proto__ unknownField" },
        { "a number for text", "{key}", "POST", "/posts", """{"post": {"body": 5}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/body wrongType" },
        { "an object for text", "{key}", "POST", "/posts", """{"post": {"body": {"$ne": ""}}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/body wrongType" },
        { "text for a boolean", "{key}", "POST", "/posts", """{"post": {"body": "x", "draft": "true"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/draft wrongType" },
        { "a string for profiles", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": "{page}"}""", 400, "invalidRequest", "/profiles wrongType" },
        { "a number for a profile", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": [1]}""", 400, "invalidRequest", "/profiles/0 wrongType" },
        { "no id for a profile", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["x"]}""", 400, "invalidRequest", "/profiles/0 wrongFormat" },
        { "a profile twice", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{page}", "{page}"]}""", 400, "invalidRequest", "/profiles/1 duplicate" },
        { "51 profiles", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": [{fiftyOne}]}""", 400, "invalidRequest", "/profiles tooMany" },
        { "a disconnected profile", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{gone}"]}""", 400, "invalidRequest", "/profiles/0 notActive" },
        { "a text too long for the network", "{key}", "POST", "/posts", """{"post": {"body": "{thousand}"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/body tooLong" },
        { "blank text", "{key}", "POST", "/posts", """{"post": {"body": "   "}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/body required" },
        { "a moment that has passed", "{key}", "POST", "/posts", """{"post": {"body": "x", "scheduledAt": "{past}"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/scheduledAt pastTime" },
        { "a moment too far ahead", "{key}", "POST", "/posts", """{"post": {"body": "x", "scheduledAt": "{far}"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/scheduledAt outOfRange" },
        { "a moment without a zone", "{key}", "POST", "/posts", """{"post": {"body": "x", "scheduledAt": "2027-01-01T00:00:00"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/scheduledAt wrongFormat" },
        { "a day that does not exist", "{key}", "POST", "/posts", """{"post": {"body": "x", "scheduledAt": "2027-02-30T00:00:00Z"}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/scheduledAt wrongFormat" },
        { "a number for a moment", "{key}", "POST", "/posts", """{"post": {"body": "x", "scheduledAt": 1}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/scheduledAt wrongType" },
        { "lateness below zero", "{key}", "POST", "/posts", """{"post": {"body": "x", "maxLatenessSeconds": -1}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/maxLatenessSeconds outOfRange" },
        { "lateness beyond any number", "{key}", "POST", "/posts", """{"post": {"body": "x", "maxLatenessSeconds": 1e400}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/maxLatenessSeconds wrongType" },
        { "metadata that is a list", "{key}", "POST", "/posts", """{"post": {"body": "x", "metadata": []}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/metadata wrongType" },
        { "a metadata value that is a number", "{key}", "POST", "/posts", """{"post": {"body": "x", "metadata": {"a": 1}}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/metadata/a wrongType" },
        { "51 metadata names", "{key}", "POST", "/posts", """{"post": {"body": "x", "metadata": {{fiftyOneNames}}}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/metadata tooMany" },
        { "a script for a link", "{key}", "POST", "/posts", """{"post": {"body": "x", "link": {"url": "javascript:alert(1)"}}, "profiles": ["{page}"]}""", 400, "invalidRequest", "/post/link/url wrongFormat" },
        { "an artifact nobody has", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{page}"], "media": [{"artifactId": "{nobody}"}]}""", 400, "invalidRequest", "/media/0/artifactId notFound" },
        { "media of both kinds", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{page}"], "media": [{"artifactId": "{nobody}", "url": "https://example.com/a.png"}]}""", 400, "invalidRequest", "/media/0 required" },
        { "an unknown provider's options", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{page}"], "providerOptions": {"myspace": {}}}""", 400, "invalidRequest", "/providerOptions/myspace unknownField" },
        { "an unknown option", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{page}"], "providerOptions": {"sandbox": {"x": 1}}}""", 400, "invalidRequest", "/providerOptions/sandbox/x unknownField" },
        { "an override of a stranger", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{page}"], "overrides": {"{nobody}": {}}}""", 400, "invalidRequest", "/overrides/{nobody} notFound" },
        { "an override of no id", "{key}", "POST", "/posts", """{"post": {"body": "x"}, "profiles": ["{page}"], "overrides": {"a/b~c": {}}}""", 400, "invalidRequest", "/overrides/a~1b~0c wrongFormat" },

        // Media types
        { "a form", "{key}", "POST:application/x-www-form-urlencoded", "/posts", "post=x", 415, "unsupportedMediaType", null },
        { "XML", "{key}", "POST:application/xml", "/posts", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", 415, "unsupportedMediaType", null },
        { "JSON in Latin-1", "{key}", "POST:application/json; charset=iso-8859-1", "/posts", Ok, 415, "unsupportedMediaType", null },
        { "a merge patch as a create", "{key}", "POST:application/merge-patch+json", "/posts", Ok, 415, "unsupportedMediaType", null },

        // Commands
        { "an edit that publishes", "{key}", "PATCH", "/posts/{post}", """{"post": {"draft": false}}""", 400, "invalidRequest", "/post/draft useAction" },
        { "deleting what is not a draft", "{key}", "DELETE", "/posts/{queued}", null, 409, "conflict", null },
        { "retrying what has not failed", "{key}", "POST", "/posts/{queued}/deliveries/{delivery}/retry", "{}", 409, "conflict", null },
        { "canceling a draft", "{key}", "POST", "/posts/{post}/cancel", "{}", 409, "conflict", null },
        { "a body where none is taken", "{key}", "POST", "/posts/{post}/cancel", """{"force": true}""", 400, "invalidRequest", "/force unknownField" },
        { "publishing in the past", "{key}", "POST", "/posts/{post}/publish", """{"scheduledAt": "{past}"}""", 400, "invalidRequest", "/post/scheduledAt pastTime" },

        // Uploads
        { "an upload without a key", null, "POST", "/uploads", "{}", 401, "unauthorized", null },
        { "a read key that uploads", "{read}", "POST", "/uploads", "{}", 403, "insufficientPermission", null },
        { "an upload of nothing", "{key}", "POST", "/uploads", "{}", 400, "invalidRequest", "/fileName required" },
        { "an upload of 0 bytes", "{key}", "POST", "/uploads", """{"fileName": "a.png", "mimeType": "image/png", "fileSize": 0}""", 400, "invalidRequest", "/fileSize outOfRange" },
        { "an upload below zero", "{key}", "POST", "/uploads", """{"fileName": "a.png", "mimeType": "image/png", "fileSize": -1}""", 400, "invalidRequest", "/fileSize outOfRange" },
        { "an upload a byte too large", "{key}", "POST", "/uploads", """{"fileName": "a.png", "mimeType": "image/png", "fileSize": 1073741825}""", 400, "invalidRequest", "/fileSize outOfRange" },
        { "an upload of half a byte", "{key}", "POST", "/uploads", """{"fileName": "a.png", "mimeType": "image/png", "fileSize": 1.5}""", 400, "invalidRequest", "/fileSize wrongType" },
        { "a path for a file name", "{key}", "POST", "/uploads", """{"fileName": "../../etc/passwd", "mimeType": "image/png", "fileSize": 5}""", 400, "invalidRequest", "/fileName wrongFormat" },
        { "a folder for a file name", "{key}", "POST", "/uploads", """{"fileName": "..", "mimeType": "image/png", "fileSize": 5}""", 400, "invalidRequest", "/fileName wrongFormat" },
        { "a line break in a file name", "{key}", "POST", "/uploads", """{"fileName": "a\r\nb.png", "mimeType": "image/png", "fileSize": 5}""", 400, "invalidRequest", "/fileName wrongFormat" },
        { "a type that is none", "{key}", "POST", "/uploads", """{"fileName": "a.png", "mimeType": "png", "fileSize": 5}""", 400, "invalidRequest", "/mimeType wrongFormat" },
        { "any type", "{key}", "POST", "/uploads", """{"fileName": "a.png", "mimeType": "image/*", "fileSize": 5}""", 400, "invalidRequest", "/mimeType wrongFormat" },
        { "a header in a type", "{key}", "POST", "/uploads", """{"fileName": "a.png", "mimeType": "image/png\r\nX: y", "fileSize": 5}""", 400, "invalidRequest", "/mimeType wrongFormat" },
        { "a file and a url", "{key}", "POST", "/uploads", """{"fileName": "a.png", "url": "https://93.184.215.14/a.png"}""", 400, "invalidRequest", "/fileName unknownField" },
        { "an import from inside", "{key}", "POST", "/uploads", """{"url": "http://169.254.169.254/latest/meta-data/"}""", 400, "invalidRequest", "/url wrongFormat" },
        { "an import from a file", "{key}", "POST", "/uploads", """{"url": "file:///etc/passwd"}""", 400, "invalidRequest", "/url wrongFormat" },
        { "an import from no text", "{key}", "POST", "/uploads", """{"url": 5}""", 400, "invalidRequest", "/url wrongType" },
        { "completing nothing", "{key}", "POST", "/uploads/complete", "{}", 400, "invalidRequest", "/artifactId required" },
        { "completing what nobody has", "{key}", "POST", "/uploads/complete", """{"artifactId": "{nobody}"}""", 400, "invalidRequest", "/artifactId notFound" },
        { "reading an artifact nobody has", "{key}", "GET", "/uploads/{nobody}", null, 404, "notFound", null },
        { "reading no artifact", "{key}", "GET", "/uploads/nonsense", null, 404, "notFound", null },
        { "listing uploads", "{key}", "GET", "/uploads", null, 405, "methodNotAllowed", null },

        // Queries
        { "an unknown parameter", "{key}", "GET", "/posts?userId=1", null, 400, "invalidRequest", "userId unknownField" },
        { "an unknown status", "{key}", "GET", "/posts?status=deleted", null, 400, "invalidRequest", "status wrongFormat" },
        { "a number for a status", "{key}", "GET", "/posts?status=1", null, 400, "invalidRequest", "status wrongFormat" },
        { "limit zero", "{key}", "GET", "/posts?limit=0", null, 400, "invalidRequest", "limit outOfRange" },
        { "limit a million", "{key}", "GET", "/posts?limit=1000000", null, 400, "invalidRequest", "limit outOfRange" },
        { "limit twice", "{key}", "GET", "/posts?limit=1&limit=2", null, 400, "invalidRequest", "limit tooMany" },
        { "a forged cursor", "{key}", "GET", "/posts?cursor=AAAAAAAA", null, 400, "invalidRequest", "cursor wrongFormat" },
        { "cursor and page", "{key}", "GET", "/posts?page=0&limit=2", null, 400, "invalidRequest", "page excluded" },
        { "SQL for a sort", "{key}", "GET", "/posts?sort=createdAt;DROP%20TABLE%20posts", null, 400, "invalidRequest", "sort wrongFormat" },
        { "SQL for an external id", "{key}", "GET", "/posts?externalId=%27%20OR%201%3D1--", null, 200, null, null },
        { "NUL in a query", "{key}", "GET", "/posts?externalId=a%00b", null, 400, "invalidRequest", "externalId wrongFormat" },
        { "bad UTF-8 in a query, which is left as it came", "{key}", "GET", "/posts?externalId=%FF%FE", null, 200, null, null },
        { "a time without a zone", "{key}", "GET", "/posts?createdAfter=2027-01-01", null, 400, "invalidRequest", "createdAfter wrongFormat" },

        // Feeds
        { "events without a key", null, "GET", "/events", null, 401, "unauthorized", null },
        { "an unknown type of event", "{key}", "GET", "/events?types=post.exploded", null, 400, "invalidRequest", "types wrongFormat" },
        { "a type in other letters", "{key}", "GET", "/events?types=POST.CREATED", null, 400, "invalidRequest", "types wrongFormat" },
        { "types in one value", "{key}", "GET", "/events?types=post.created,post.updated", null, 400, "invalidRequest", "types wrongFormat" },
        { "no type", "{key}", "GET", "/events?types=", null, 400, "invalidRequest", "types tooShort" },
        { "101 types", "{key}", "GET", "/events?types={hundredTypes}", null, 400, "invalidRequest", "types tooMany" },
        { "a sequence below zero", "{key}", "GET", "/events?afterSequence=-1", null, 400, "invalidRequest", "afterSequence wrongType" },
        { "a sequence beyond any number", "{key}", "GET", "/events?afterSequence=99999999999999999999", null, 400, "invalidRequest", "afterSequence wrongType" },
        { "a sequence in hexadecimal", "{key}", "GET", "/events?afterSequence=0x10", null, 400, "invalidRequest", "afterSequence wrongType" },
        { "SQL for a sequence", "{key}", "GET", "/events?afterSequence=1;DROP%20TABLE%20events", null, 400, "invalidRequest", "afterSequence wrongType" },
        { "a sequence twice", "{key}", "GET", "/events?afterSequence=1&afterSequence=2", null, 400, "invalidRequest", "afterSequence tooMany" },
        { "the last sequence there can be", "{key}", "GET", "/events?afterSequence=9223372036854775807", null, 200, null, null },
        { "a sequence and a cursor", "{key}", "GET", "/events?afterSequence=1&cursor=2", null, 400, "invalidRequest", "afterSequence excluded" },
        { "a cursor of another list", "{key}", "GET", "/events?cursor=CN7fJ2", null, 400, "invalidRequest", "cursor wrongFormat" },
        { "a cursor below zero", "{key}", "GET", "/publish/logs?cursor=-5", null, 400, "invalidRequest", "cursor wrongFormat" },
        { "more events than a page holds", "{key}", "GET", "/events?limit=101", null, 400, "invalidRequest", "limit outOfRange" },
        { "an unknown parameter of events", "{key}", "GET", "/events?type=post.created", null, 400, "invalidRequest", "type unknownField" },
        { "reading what only takes posts", "{key}", "GET", "/posts/{theirPost}/publish", null, 405, "methodNotAllowed", null },
        { "writing an event", "{key}", "POST", "/events", "{}", 405, "methodNotAllowed", null },
        { "a type the log does not hold", "{key}", "GET", "/publish/logs?type=profile.connected", null, 400, "invalidRequest", "type wrongFormat" },
        { "a log of no post", "{key}", "GET", "/publish/logs?postId=nonsense", null, 400, "invalidRequest", "postId wrongFormat" },
        { "a log of no profile", "{key}", "GET", "/publish/logs?profileId=1", null, 400, "invalidRequest", "profileId wrongFormat" },
        { "a log of another user's post", "{key}", "GET", "/publish/logs?postId={theirPost}", null, 200, null, null },
        { "a log after no time", "{key}", "GET", "/publish/logs?after=yesterday", null, 400, "invalidRequest", "after wrongFormat" },
        { "a log before a time without a zone", "{key}", "GET", "/publish/logs?before=2027-01-01T00:00:00", null, 400, "invalidRequest", "before wrongFormat" },
        { "SQL for a provider of the log", "{key}", "GET", "/publish/logs?provider=%27%20OR%201%3D1--", null, 200, null, null },
        { "an order of the log", "{key}", "GET", "/publish/logs?sort=sequence", null, 400, "invalidRequest", "sort unknownField" },

        // Methods and places
        { "a method nobody has", "{key}", "BREW", "/posts", null, 405, "methodNotAllowed", null },
        { "PUT", "{key}", "PUT", "/posts/{post}", "{}", 405, "methodNotAllowed", null },
        { "a place that is not there", "{key}", "GET", "/admin", null, 404, "notFound", null },
        { "another version", "{key}", "GET", "/../v2/posts", null, 404, "notFound", null },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Hostile_input_gets_its_exact_answer(string name, string? key, string method, string path, string? body,
        int status, string? code, string? issue)
    {
        Assert.NotEmpty(name);
        var verb = method.Split(':', 2);
        using var request = new HttpRequestMessage(new HttpMethod(verb[0]), "/api/v1" + Fill(path));
        if (key is not null) request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + Fill(key));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Bytes(body));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(verb.Length > 1 ? verb[1]
                : verb[0] == "PATCH" ? "application/merge-patch+json" : "application/json");
        }
        var reply = await new ApiClient(instance.Host, null).SendAsync(request);

        Assert.Equal((status, code), (reply.Status, reply.Code));
        if (issue is not null) Assert.Equal(Fill(issue), reply.Issue);
        if (code is null) return;
        Assert.StartsWith("application/problem+json", reply.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.Equal(reply.Headers["X-Request-Id"], (string?)reply.Json!["traceId"]);
        Assert.DoesNotContain(" at PostMantis", reply.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Npgsql", reply.Text, StringComparison.Ordinal);
        if (key?.Length > 10) Assert.DoesNotContain(Fill(key), reply.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("tab\there")]
    [InlineData("\"\"")]
    public async Task A_malformed_idempotency_key_is_refused(string key)
    {
        var reply = await new ApiClient(instance.Host, instance.Words["key"]).PostAsync("/posts", Fill(Ok),
            ("Idempotency-Key", key));
        Assert.Equal((400, "Idempotency-Key wrongFormat"), (reply.Status, reply.Issue));
    }

    [Theory]
    [InlineData("7", 400)]
    [InlineData("W/\"1\"", 400)]
    [InlineData("\"1\", \"2\"", 400)]
    [InlineData("\"x\"", 412)]
    [InlineData("\"99\"", 412)]
    public async Task A_malformed_or_stale_if_match_is_refused(string tag, int status)
    {
        var reply = await new ApiClient(instance.Host, instance.Words["key"]).PatchAsync($"/posts/{instance.Words["post"]}",
            "{}", ("If-Match", tag));
        Assert.Equal(status, reply.Status);
    }

    [Theory]
    [InlineData("pm-session=forged")]
    [InlineData("pm-session=CfDJ8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task A_forged_cookie_opens_no_page_and_never_the_api(string cookie)
    {
        foreach (var (path, status) in (ReadOnlySpan<(string, int)>)[("/", 302), ("/api/v1/posts", 401)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Cookie", cookie);
            request.Headers.TryAddWithoutValidation("Accept", "text/html");
            using var response = instance.Host.Client.Send(request);
            Assert.Equal(status, (int)response.StatusCode);
        }
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Nothing_of_it_was_stored()
    {
        var reply = await new ApiClient(instance.Host, instance.Words["key"]).GetAsync("/posts?page=0&perPage=100");
        Assert.Equal(2, (int)reply.Json!["pagination"]!["total"]!);
    }

    private byte[] Bytes(string body) => body switch
    {
        "{huge}" => Encoding.UTF8.GetBytes($$$"""{"post": {"body": "{{{new string('x', 10 << 20)}}}"}}"""),
        "{badUtf8}" => [.. "{\"post\": {\"body\": \""u8, 0xC3, 0x28, .. "\"}}"u8],
        "{deep}" => Encoding.UTF8.GetBytes(new string('[', 10_000) + new string(']', 10_000)),
        _ => Encoding.UTF8.GetBytes(Fill(body)),
    };

    private string Fill(string text)
    {
        text = text.Replace("{long}", new string('k', 100_000), StringComparison.Ordinal)
            .Replace("{thousand}", new string('x', 1000), StringComparison.Ordinal)
            .Replace("{fiftyOne}", string.Join(",", Enumerable.Range(0, 51).Select(_ => $"\"{Guid.CreateVersion7()}\"")), StringComparison.Ordinal)
            .Replace("{hundredTypes}", string.Join("&types=", Enumerable.Repeat("post.created", 101)), StringComparison.Ordinal)
            .Replace("{fiftyOneNames}", string.Join(",", Enumerable.Range(0, 51).Select(i => $"\"n{i}\": \"v\"")), StringComparison.Ordinal);
        foreach (var (word, value) in instance.Words) text = text.Replace($"{{{word}}}", value, StringComparison.Ordinal);
        return text;
    }
}
