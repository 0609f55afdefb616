using System.Net;
using System.Text.RegularExpressions;

namespace PostMantis.Tests.Support;

/// <summary>A browser without a screen: it keeps cookies, reads forms and sends them; it follows no redirect.</summary>
public sealed partial class Browser : IDisposable
{
    private readonly SocketsHttpHandler _handler = new()
    {
        AllowAutoRedirect = false, UseCookies = false, ActivityHeadersPropagator = null,
    };
    private readonly Dictionary<string, string> _cookies = [];
    private readonly HttpClient _client;

    public Browser(Uri address) => _client = new HttpClient(_handler) { BaseAddress = address };

    /// <summary>The cookies it holds, by name.</summary>
    public IDictionary<string, string> Cookies => _cookies;

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), headers);

    /// <summary>Opens the page, fills its form <paramref name="name"/> and sends it.</summary>
    public async Task<HttpResponseMessage> SubmitAsync(
        string path, string name, IEnumerable<KeyValuePair<string, string>> fields, params (string Name, string Value)[] headers)
    {
        var page = await (await GetAsync(path, headers)).Content.ReadAsStringAsync();
        var token = Token().Match(page).Groups["token"].Value;
        return await PostAsync(path,
            [new("__RequestVerificationToken", WebUtility.HtmlDecode(token)), new("_handler", name), .. fields], headers);
    }

    /// <summary>Opens the page for its form's token and sends the fields to another address, as a form of the shell does.</summary>
    public async Task<HttpResponseMessage> SubmitToAsync(string path, string action, IEnumerable<KeyValuePair<string, string>> fields)
    {
        var page = await (await GetAsync(path)).Content.ReadAsStringAsync();
        return await PostAsync(action,
            [new("__RequestVerificationToken", WebUtility.HtmlDecode(Token().Match(page).Groups["token"].Value)), .. fields]);
    }

    /// <summary>Sends the fields as they are.</summary>
    public Task<HttpResponseMessage> PostAsync(
        string path, IEnumerable<KeyValuePair<string, string>> fields, params (string Name, string Value)[] headers) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(fields) }, headers);

    public void Dispose()
    {
        _client.Dispose();
        _handler.Dispose();
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, (string Name, string Value)[] headers)
    {
        using (request)
        {
            request.Headers.TryAddWithoutValidation("Accept", "text/html");
            foreach (var (name, value) in headers)
            {
                request.Headers.Remove(name);
                request.Headers.TryAddWithoutValidation(name, value);
            }
            if (_cookies.Count > 0)
                request.Headers.TryAddWithoutValidation("Cookie",
                    string.Join("; ", _cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
            var response = await _client.SendAsync(request);
            foreach (var set in SetCookies(response))
            {
                var (name, value) = (set[..set.IndexOf('=', StringComparison.Ordinal)],
                    set[(set.IndexOf('=', StringComparison.Ordinal) + 1)..].Split(';')[0]);
                if (value.Length == 0) _cookies.Remove(name);
                else _cookies[name] = value;
            }
            return response;
        }
    }

    /// <summary>The cookies an answer sets, with their attributes.</summary>
    public static string[] SetCookies(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Set-Cookie", out var cookies) ? [.. cookies] : [];

    [GeneratedRegex("""name="__RequestVerificationToken" value="(?<token>[^"]+)"|value="(?<token>[^"]+)" name="__RequestVerificationToken" """, RegexOptions.ExplicitCapture)]
    private static partial Regex Token();
}
