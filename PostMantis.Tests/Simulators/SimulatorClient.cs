using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Extensions.Time.Testing;
using PostMantis.Simulators.Bones;

namespace PostMantis.Tests.Simulators;

/// <summary>An answer, with its body as JSON where it is JSON.</summary>
internal sealed record Answer(HttpStatusCode Status, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders,
    string Text)
{
    public int Code => (int)Status;

    public JsonNode Json => JsonNode.Parse(Text)!;

    public string Header(string name) => Headers.TryGetValues(name, out var values) ? values.First()
        : ContentHeaders.TryGetValues(name, out var others) ? others.First() : "";
}

/// <summary>A simulator on a port and somebody who speaks HTTP to it.</summary>
internal sealed class SimulatorClient : IAsyncDisposable
{
    public static readonly DateTimeOffset Start = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    public const string Verifier = "a-verifier-of-more-than-43-characters-0123456789";
    private readonly HttpClient _http;

    private SimulatorClient(SimulatorHost host, FakeTimeProvider clock)
    {
        (Host, Clock) = (host, clock);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = host.Address };
    }

    public SimulatorHost Host { get; }
    public FakeTimeProvider Clock { get; }
    public Simulation Sim => Host.Sim;

    public static async Task<SimulatorClient> StartAsync(string network)
    {
        var clock = new FakeTimeProvider(Start);
        var client = new SimulatorClient(await SimulatorHost.StartAsync(network, clock), clock);
        client.Sim.Consent.Approve = client.Sim.Accounts[0].Handle;
        return client;
    }

    public async Task<Answer> SendAsync(HttpRequestMessage request, string? token = null, string scheme = "Bearer")
    {
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue(scheme, token);
        using var response = await _http.SendAsync(request);
        return new Answer(response.StatusCode, response.Headers, response.Content.Headers,
            await response.Content.ReadAsStringAsync());
    }

    public Task<Answer> GetAsync(string path, string? token = null) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), token);

    public Task<Answer> PostAsync(string path, JsonNode? body, string? token = null) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        }, token);

    public Task<Answer> FormAsync(string path, (string Name, string Value)[] form, string? basic = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(form.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
        };
        return basic is null
            ? SendAsync(request)
            : SendAsync(request, Convert.ToBase64String(Encoding.UTF8.GetBytes(basic)), "Basic");
    }

    public Task<Answer> UploadAsync(string path, byte[] file, string fileField, string? token,
        params (string Name, string Value)[] fields)
    {
        var content = new MultipartFormDataContent();
        foreach (var (name, value) in fields) content.Add(new StringContent(value), name);
        content.Add(new ByteArrayContent(file), fileField, "file.bin");
        return SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = content }, token);
    }

    public Task<Answer> BytesAsync(HttpMethod method, string path, byte[] bytes, string type, string? token = null,
        string? range = null)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        if (range is not null) content.Headers.TryAddWithoutValidation("Content-Range", range);
        return SendAsync(new HttpRequestMessage(method, path) { Content = content }, token);
    }

    /// <summary>Goes through a consent page that answers at once; gives the query of the way back.</summary>
    public async Task<System.Collections.Specialized.NameValueCollection> ConsentAsync(string pathAndQuery)
    {
        var answer = await GetAsync(pathAndQuery);
        Assert.Equal(302, answer.Code);
        return HttpUtility.ParseQueryString(new Uri(answer.Header("Location")).Query);
    }

    public Task<IReadOnlyList<Published>> JournalAsync() => Host.JournalAsync();

    public void Advance(double seconds) => Clock.Advance(TimeSpan.FromSeconds(seconds));

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Host.DisposeAsync();
    }
}
