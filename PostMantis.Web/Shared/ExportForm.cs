using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using PostMantis.Core.Privacy;

namespace PostMantis.Web.Shared;

/// <summary>Hands a person everything of theirs, while it is gathered.</summary>
internal static class ExportForm
{
    public static void MapExport(this IEndpointRouteBuilder app) =>
        app.MapPost("/account/export", ExportAsync).RequireAuthorization().ExcludeFromDescription();

    private static async Task ExportAsync(
        HttpContext http, Exporter exporter, TimeProvider time, [FromForm] bool all, CancellationToken ct)
    {
        if (!all)
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        var name = string.Create(CultureInfo.InvariantCulture, $"postmantis-{time.GetUtcNow():yyyy-MM-dd}.zip");
        http.Response.ContentType = "application/zip";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"{name}\"";
        await exporter.WriteAsync(PersonSession.CallerOf(http)!, http.Response.Body, ct);
    }
}
