using System.Globalization;
using PostMantis.Core.Webhooks;

namespace PostMantis.Web.Shared;

/// <summary>Webhooks in words.</summary>
public static class WebhookWords
{
    /// <summary>Why an endpoint is disabled, as a sentence.</summary>
    public static string Why(DisabledReason reason) => reason switch
    {
        DisabledReason.Gone => "It answered 410 Gone.",
        DisabledReason.Failing => "For days there was nothing but failure.",
        _ => "You switched it off.",
    };

    /// <summary>What went wrong with an attempt.</summary>
    public static string Of(WebhookError error, int? statusCode = null) => error switch
    {
        WebhookError.Status => statusCode is { } status
            ? string.Create(CultureInfo.InvariantCulture, $"Answered {status}") : "Answered with an error",
        WebhookError.Redirect => "Answered with a redirect, which is not followed",
        WebhookError.Gone => "Answered 410 Gone",
        WebhookError.Timeout => "No answer in time",
        WebhookError.NotReachable => "No connection",
        WebhookError.NameNotFound => "Its name has no address",
        WebhookError.TlsFailed => "Its certificate or TLS is not acceptable",
        WebhookError.BadAnswer => "What came is no HTTP answer",
        WebhookError.AddressRefused => "Its address is not public",
        _ => "The event is no longer kept",
    };

    /// <summary>Where a message stands, and the colour of that.</summary>
    public static (string Text, string Tone) Of(WebhookMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.Status switch
        {
            MessageStatus.Delivered => ("Delivered", "good"),
            MessageStatus.Failed => ("Failed", "bad"),
            _ => message.Attempts == 0 ? ("Waiting", "plan") : ("To be tried again", "warn"),
        };
    }

    /// <summary>How an endpoint does, and the colour of that.</summary>
    public static (string Text, string Tone) Of(WebhookEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return endpoint switch
        {
            { DisabledAt: not null } => ("Disabled", "bad"),
            { FailingSince: not null } => ("Failing", "warn"),
            _ => ("Enabled", "good"),
        };
    }

    /// <summary>Such as "98.5 %".</summary>
    public static string Rate(double? rate) =>
        rate is { } known ? string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(known * 1000) / 10:0.#} %") : "–";

    /// <summary>How receivers verify what is sent, ready to paste.</summary>
    public static IReadOnlyList<(string Language, string Note, string Code)> Snippets { get; } =
    [
        ("C#", "Nothing to install.", """
            // app.MapPost("/hooks", async (HttpRequest request) => { … read the raw body, then: })
            static bool IsOurs(string secret, IHeaderDictionary headers, byte[] body)
            {
                var key = Convert.FromBase64String(secret["whsec_".Length..]);
                byte[] signed = [.. Encoding.UTF8.GetBytes($"{headers["webhook-id"]}.{headers["webhook-timestamp"]}."), .. body];
                var expected = Encoding.ASCII.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed)));
                return long.TryParse(headers["webhook-timestamp"], out var sent)
                    && Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - sent) <= 300
                    && headers["webhook-signature"].ToString().Split(' ').Any(signature =>
                        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(signature), expected));
            }
            """),
        ("Node", "npm install standardwebhooks", """
            import { Webhook } from "standardwebhooks";

            // The raw body as text, and the request's headers. It throws when the request is not ours.
            app.post("/hooks", express.text({ type: "*/*" }), (request, response) => {
              const event = new Webhook(process.env.WEBHOOK_SECRET).verify(request.body, request.headers);
              response.sendStatus(204);
              handleOnce(event.id, event);
            });
            """),
        ("Python", "pip install standardwebhooks", """
            import os
            from standardwebhooks import Webhook

            @app.post("/hooks")
            def hooks():
                # The raw body and the request's headers. It raises when the request is not ours.
                event = Webhook(os.environ["WEBHOOK_SECRET"]).verify(request.get_data(), dict(request.headers))
                handle_once(event["id"], event)
                return "", 204
            """),
    ];
}
