using System.Text.Json;
using PostMantis.Core.Common;
using PostMantis.Core.Providers;

namespace PostMantis.Web.Shared;

/// <summary>What one code means and what to do about it.</summary>
internal sealed record ProblemText(string Code, string Slug, int? Status, string Title, string Meaning, string Remedy);

/// <summary>The pages that the <c>type</c> of every problem and the <c>docUrl</c> of every delivery error point to.</summary>
internal static class Problems
{
    public static IReadOnlyList<(string Heading, IReadOnlyList<ProblemText> Problems)> Groups { get; } =
    [
        ("Answers of the API", [.. Enum.GetValues<ProblemCode>().Select(Of)]),
        ("Errors of deliveries", [.. Enum.GetValues<DeliveryErrorCode>().Select(Of)]),
    ];

    private static readonly Dictionary<string, ProblemText> _bySlug =
        Groups.SelectMany(group => group.Problems).ToDictionary(problem => problem.Slug);

    public static ProblemText? Find(string slug) => _bySlug.GetValueOrDefault(slug);

    private static ProblemText Of(ProblemCode code)
    {
        var (status, title, meaning, remedy) = code switch
        {
            ProblemCode.InvalidRequest => (400, "The request is not valid",
                "Something in the body, the query or a header is wrong. errors[] names each place, its rule and the limit.",
                "Correct what errors[] names and send it again. A draft may be saved with rule issues; a post may not."),
            ProblemCode.Unauthorized => (401, "No valid key", "The key is missing, unknown, expired or revoked.",
                "Send Authorization: Bearer with a key from the dashboard. If it may have leaked, revoke it and make another."),
            ProblemCode.InsufficientPermission => (403, "The key may not do this",
                "The key is valid, but lacks the permission or grant that “needed” names.",
                "Make a key with that permission in the dashboard."),
            ProblemCode.NotFound => (404, "Not found", "The id does not exist, or lies outside this key's scope.",
                "Check the id and the key's mode: a test key sees only the sandbox, a live key never does."),
            ProblemCode.MethodNotAllowed => (405, "Method not allowed", "The address exists, but not with this method.",
                "The Allow header lists the methods."),
            ProblemCode.Conflict => (409, "The state forbids it",
                "The object is in a state that does not allow this. currentStatus and actions say what it is and allows.",
                "Read the object again and choose one of its actions."),
            ProblemCode.DuplicatePost => (409, "The same content again",
                "The same content goes to the same profile within 24 hours; existingPostId is the other one.",
                "If it is meant, send allowDuplicate: true. For safe retries use an Idempotency-Key."),
            ProblemCode.IdempotencyInProgress => (409, "The first request still runs",
                "A request with this Idempotency-Key has not ended yet.", "Wait as long as Retry-After says and repeat."),
            ProblemCode.CursorExpired => (410, "The cursor is too old", "It points before what is kept.",
                "Start again from the oldest that the answer names."),
            ProblemCode.PreconditionFailed => (412, "It has changed", "The If-Match revision is not the current one.",
                "Read the object, decide again and send its new ETag."),
            ProblemCode.PayloadTooLarge => (413, "The body is too large", "It exceeds the limit named.",
                "Send less; upload media by POST /uploads."),
            ProblemCode.UnsupportedMediaType => (415, "Unsupported media type", "The Content-Type is not accepted here.",
                "Send application/json in UTF-8."),
            ProblemCode.IdempotencyMismatch => (422, "The key was used for another request",
                "An Idempotency-Key names one request; this one differs.", "Use a new key for a new request."),
            ProblemCode.RateLimited => (429, "Too many requests", "The key has used up its minute, or its day.",
                "Wait as long as Retry-After says. The RateLimit header tells what is left."),
            ProblemCode.Unavailable => (503, "Unavailable for a moment",
                "The database cannot be reached. Nothing was accepted.", "Repeat after Retry-After, with the same Idempotency-Key."),
            _ => (500, "Internal error", "Something went wrong on our side.",
                "Repeat with the same Idempotency-Key; if it stays, give the traceId to whoever runs the instance."),
        };
        return new ProblemText(CamelCase.Of(code), Slug(code.ToString()), status, title, meaning, remedy);
    }

    private static ProblemText Of(DeliveryErrorCode code)
    {
        var (title, meaning, remedy) = code switch
        {
            DeliveryErrorCode.ContentRejected => ("The network refused the content", "It does not take this text.",
                "Change it and retry with an override."),
            DeliveryErrorCode.MediaRejected => ("The network refused the media", "A file does not fit its rules.",
                "Replace the file and retry."),
            DeliveryErrorCode.MediaUnavailable => ("The media could not be fetched", "A file was not there when it was needed.",
                "Upload it again and retry."),
            DeliveryErrorCode.DuplicateContent => ("The network saw it before", "It refuses the same content twice.",
                "Change the text and retry."),
            DeliveryErrorCode.ProviderRateLimited => ("The network asks to slow down", "Nothing was created.",
                "Nothing: it is tried again by itself."),
            DeliveryErrorCode.BudgetExhausted => ("The window is full", "The network allows no more posts for now.",
                "Nothing: it is tried again when the window frees."),
            DeliveryErrorCode.AuthRevoked => ("The grant has ended", "The account no longer allows us to publish.",
                "Connect the account again, then retry."),
            DeliveryErrorCode.ProfileDisconnected => ("The profile was disconnected", "Its tokens are erased.",
                "Connect the account again, then retry."),
            DeliveryErrorCode.AccountRestricted => ("The account may not publish", "The network restricts it.",
                "Its owner has to look at the network."),
            DeliveryErrorCode.ProviderUnavailable => ("The network is away", "It could not be reached or answered with an error.",
                "It was tried several times; retry later."),
            DeliveryErrorCode.ProviderMisconfigured => ("The network is not set up right", "It did not understand us.",
                "Whoever runs this instance has to look."),
            DeliveryErrorCode.TooLate => ("Too late", "Its moment plus maxLatenessSeconds has passed.",
                "Retry if it should still go out."),
            DeliveryErrorCode.OutcomeUnknown => ("Nobody knows the outcome",
                "The network may have taken it, and nothing can prove it. It was not sent again.",
                "Look at the account and resolve the delivery."),
            _ => ("A fault of ours", "Publishing failed on our side.", "Retry; if it stays, give the trace to whoever runs this instance."),
        };
        return new ProblemText(CamelCase.Of(code), Slug(code.ToString()), null, title, meaning, remedy);
    }

    private static string Slug(string name) => JsonNamingPolicy.KebabCaseLower.ConvertName(name);
}
