using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using PostMantis.Core.Access;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Http;

/// <summary>
/// Valid and broken requests for every operation of the document, by a seed: no answer is a 500, every answer has a
/// documented status, headers and schema, and what breaks the documented schema is refused.
/// <c>POSTMANTIS_FUZZ=20000 POSTMANTIS_SEED=7 ./test --filter-class '*ContractFuzzTests'</c> runs more, from elsewhere.
/// </summary>
public sealed class ContractFuzzTests(ContractInstance instance, ITestOutputHelper output) : IClassFixture<ContractInstance>
{
    private const int Short = 800;
    private const int Full = 20_000;
    private static readonly int _count = Number("POSTMANTIS_FUZZ") ?? (Number("POSTMANTIS_FULL") is 1 ? Full : Short);
    private static readonly int _seed = Number("POSTMANTIS_SEED") ?? 20261128;

    [Fact]
    public async Task Every_answer_is_as_documented()
    {
        var document = await instance.DocumentAsync();
        var answers = new DocumentedAnswers(document);
        var random = new Random(_seed);
        var pool = new IdPool(instance, random);
        var maker = new RequestMaker(document, random, instance.Host.Clock.GetUtcNow(), pool.For);
        var operations = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()
            .Select(method => (Path: path.Key, Method: method.Key, Operation: method.Value!.AsObject()))).ToList();
        ApiClient[] others =
        [
            new(instance.Host, null),
            await ApiClient.WithKeyAsync(instance.Host, instance.World.Person, Permission.Read),
            await ApiClient.WithKeyAsync(instance.Host, instance.World.Person, Permission.Draft),
            await ApiClient.WithKeyAsync(instance.Host, instance.World.Person, profiles: [instance.World.Pages[0].Id]),
            await ApiClient.WithKeyAsync(instance.Host, await Seed.UserAsync(instance.Host)),
        ];
        List<string> faults = [];
        Dictionary<string, Dictionary<int, int>> seen = [];
        var forms = 0;
        for (var i = 0; i < _count && faults.Count < 20; i++)
        {
            // Each in turn, so that none is left out however few there are.
            var (path, method, operation) = operations[i % operations.Count];
            var api = maker.Chance(0.85) ? instance.Api : maker.Pick(others);
            using var request = Make(document, path, method, operation, maker, pool, api.Key, out var isBroken);
            var shown = $"#{i} {request.Method} {request.RequestUri} {await ShownAsync(request)}";
            var reply = await api.SendAsync(request);
            var counts = seen.TryGetValue((string)operation["operationId"]!, out var known) ? known : seen[(string)operation["operationId"]!] = [];
            counts[reply.Status] = counts.GetValueOrDefault(reply.Status) + 1;
            if (reply.Status >= 500) faults.Add($"{shown}\n  → {reply.Status} {reply.Text}");
            else if (answers.Fault(operation, reply) is { } fault)
                faults.Add($"{shown}\n  → {reply.Status}: {fault}\n  {reply.Text[..Math.Min(reply.Text.Length, 1500)]}");
            else if (isBroken && IsTaken(operation, reply))
                faults.Add($"{shown}\n  → {reply.Status}, though it breaks the documented schema\n  {reply.Text[..Math.Min(reply.Text.Length, 600)]}");
            pool.Learn(reply);
            if (request.Content is MultipartContent && reply.Status < 300) forms++;
            if ((string?)operation["operationId"] == "CreateUpload" && reply.Status == 201 && await SendAsync(reply.Data, maker) is { } refusal)
                faults.Add($"{shown}\n  → its upload: {refusal}");
        }
        foreach (var (operation, counts) in seen)
            output.WriteLine($"{operation}: {string.Join(", ", counts.OrderBy(c => c.Key).Select(c => $"{c.Key} × {c.Value}"))}");
        Assert.True(faults.Count == 0, $"seed {_seed}:\n{string.Join('\n', faults)}");
        Assert.Equal(operations.Count, seen.Count);
        output.WriteLine($"forms taken: {forms}");
        if (_count < Full) return;
        Assert.All(seen, operation => Assert.Contains(operation.Value.Keys, status => status < 400));
        Assert.True(forms > 0);
    }

    // The bytes that were announced, or others: the address for them is no operation of the document, but must hold out too.
    private async Task<string?> SendAsync(JsonObject ticket, RequestMaker maker)
    {
        byte[] bytes = maker.Chance(0.7) ? ContractInstance.Dot : maker.Garbage();
        using var request = new HttpRequestMessage(HttpMethod.Parse((string)ticket["uploadMethod"]!), (string)ticket["uploadUrl"]!)
        {
            Content = new ByteArrayContent(bytes),
        };
        foreach (var (name, value) in ticket["requiredHeaders"]!.AsObject())
            request.Content.Headers.TryAddWithoutValidation(name, (string)value!);
        if (maker.Chance(0.2))
            request.Content.Headers.TryAddWithoutValidation("Content-Range", maker.Pick(
                [$"bytes 0-{bytes.Length - 1}/{bytes.Length}", $"bytes 5-{bytes.Length + 4}/{bytes.Length + 5}", "bytes 9-1/3", "nonsense"]));
        using var reply = await instance.Host.Client.SendAsync(request);
        return (int)reply.StatusCode >= 500 ? $"{(int)reply.StatusCode} {await reply.Content.ReadAsStringAsync()}" : null;
    }

    // A dry run says in its answer that it would be refused.
    private static bool IsTaken(JsonObject operation, ApiReply reply) => reply.Status < 400
        && !((string?)operation["operationId"] == "ValidatePost" && !(bool)reply.Data["valid"]!);

    private static HttpRequestMessage Make(JsonObject document, string path, string method, JsonObject operation,
        RequestMaker maker, IdPool pool, string? key, out bool isBroken)
    {
        isBroken = false;
        var query = new List<string>();
        var request = new HttpRequestMessage { Method = HttpMethod.Parse(method.ToUpperInvariant()) };
        var address = path;
        foreach (var parameter in (operation["parameters"] as JsonArray ?? []).Select(p => p!.AsObject()))
        {
            var (name, schema) = ((string)parameter["name"]!, parameter["schema"]!);
            switch ((string)parameter["in"]!)
            {
                case "path":
                    address = address.Replace($"{{{name}}}", Uri.EscapeDataString(pool.ForPath(path, name,
                        (string)operation["operationId"]!)), StringComparison.Ordinal);
                    break;
                case "query" when maker.Chance(0.15):
                    foreach (var (at, value) in Query(name, schema, maker, ref isBroken))
                        query.Add($"{Uri.EscapeDataString(at)}={Uri.EscapeDataString(value)}");
                    break;
                case "header" when maker.Chance(0.3):
                    request.Headers.TryAddWithoutValidation(name, name.StartsWith("If-", StringComparison.Ordinal)
                        ? maker.Pick(["\"1\"", "\"2\"", "*", "nonsense"]) : maker.Pick(["a", "\"b\"", Guid.CreateVersion7().ToString()]));
                    break;
                default:
                    break;
            }
        }
        if (maker.Chance(0.03))
        {
            query.Add("noSuchParameter=1");
            isBroken = true;
        }
        request.RequestUri = new Uri(address + (query.Count > 0 ? "?" + string.Join('&', query) : ""), UriKind.Relative);
        if (key is not null) request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
        if (operation["requestBody"]?["content"] is JsonObject content)
        {
            if (content["multipart/form-data"] is { } form && maker.Chance(0.5))
            {
                request.Content = new FormMaker(maker).Make(form["schema"]!["properties"]!["payload"]!, out var isBrokenForm);
                isBroken |= isBrokenForm;
                return request;
            }
            var (type, media) = maker.Pick([.. content.Where(c => c.Key.EndsWith("json", StringComparison.Ordinal))]);
            var breaks = maker.Chance(0.35);
            var bytes = Encoding.UTF8.GetBytes(maker.Body(media!["schema"]!, breaks)!.ToJsonString());
            isBroken |= maker.IsBroken;
            if (maker.Chance(0.03)) (bytes, isBroken) = (maker.Garbage(), true);
            if (maker.Chance(0.02)) (type, isBroken) = ("text/plain", true);
            request.Content = new ByteArrayContent(bytes);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(type);
        }
        return request;
    }

    private static List<(string Name, string Value)> Query(string name, JsonNode schema, RequestMaker maker, ref bool isBroken)
    {
        if (name == "metadata") return [("metadata[campaign]", "spring")];
        var one = maker.Resolve(schema["items"] ?? schema);
        var isClosed = one["enum"] is not null || one["format"] is not null;
        if (isClosed && maker.Chance(0.15))
        {
            isBroken = true;
            return [(name, "nonsense")];
        }
        if (name == "cursor") return [];
        return schema["items"] is null
            ? [(name, maker.Text(one, name))]
            : [.. Enumerable.Range(0, maker.Chance(0.3) ? 2 : 1).Select(_ => (name, maker.Text(one, name)))];
    }

    private static async Task<string> ShownAsync(HttpRequestMessage request)
    {
        if (request.Content is not { } content) return "";
        var text = await content.ReadAsStringAsync();
        return $"{content.Headers.ContentType} {text[..Math.Min(text.Length, 1500)]}";
    }

    private static int? Number(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>Ids that exist, and those that answers name.</summary>
    private sealed class IdPool(ContractInstance instance, Random random)
    {
        private const int Most = 300;
        private readonly List<(string Post, string Delivery)> _deliveries = [.. instance.Posts
            .SelectMany(p => p.Deliveries.Select(d => (p.Id.ToString(), d.Id.ToString())))];
        private readonly List<string> _artifacts = [instance.ArtifactId];
        private (string Post, string Delivery) _chosen;

        public string? For(string name) => name switch
        {
            "profiles" or "profileIds" or "profileId" => Pick(instance.World.Pages).Id.ToString(),
            "postId" => Pick(_deliveries).Post,
            "artifactId" => Pick(_artifacts),
            "mimeType" => "image/png",
            "fileName" => "card.png",
            "url" => "https://93.184.215.14/card.png",
            _ => null,
        };

        public string ForPath(string path, string name, string operation)
        {
            if (random.Next(20) == 0) return name == "provider" ? "myspace" : Guid.CreateVersion7().ToString();
            if (name == "provider") return "sandbox";
            if (name == "deliveryId") return _chosen.Delivery;
            if (path.Contains("/posts/", StringComparison.Ordinal)) return (_chosen = Pick(_deliveries)).Post;
            if (path.Contains("/uploads/", StringComparison.Ordinal)) return Pick(_artifacts);
            return operation == "DisconnectProfile" ? Pick(instance.Spares).Id.ToString() : Pick(instance.World.Pages).Id.ToString();
        }

        public void Learn(ApiReply reply)
        {
            if (reply.Json?["data"] is not JsonObject data) return;
            if ((string?)data["object"] == "post" && data["deliveries"] is JsonArray { Count: > 0 } deliveries)
                Keep(_deliveries, ((string)data["id"]!, (string)deliveries[random.Next(deliveries.Count)]!["id"]!));
            if ((string?)data["artifactId"] is { } artifact) Keep(_artifacts, artifact);
        }

        private T Pick<T>(IReadOnlyList<T> items) => items[random.Next(items.Count)];

        // What was there from the start stays: it has the states that take work to reach.
        private void Keep<T>(List<T> items, T one)
        {
            if (items.Count < Most) items.Add(one);
            else items[random.Next(instance.Posts.Count, Most)] = one;
        }
    }
}
