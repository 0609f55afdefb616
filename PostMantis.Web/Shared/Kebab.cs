using System.Text.Json;
using PostMantis.Core.Providers;

namespace PostMantis.Web.Shared;

/// <summary>Error codes as their pages are addressed.</summary>
public static class Kebab
{
    public static string Of(DeliveryErrorCode code) => JsonNamingPolicy.KebabCaseLower.ConvertName(code.ToString());
}
