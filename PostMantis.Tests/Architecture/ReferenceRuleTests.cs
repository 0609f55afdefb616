using System.Reflection;
using System.Xml.Linq;
using PostMantis.Core.Common;
using PostMantis.Core.Vault;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Architecture;

public sealed class ReferenceRuleTests
{
    private static readonly Assembly _core = typeof(Ids).Assembly;

    // Packages of that name which need no web framework.
    private static readonly string[] _plainAspNetPackages =
    [
        "Microsoft.AspNetCore.Cryptography.Internal",
        "Microsoft.AspNetCore.Cryptography.KeyDerivation",
        "Microsoft.AspNetCore.DataProtection",
        "Microsoft.AspNetCore.DataProtection.Abstractions",
        "Microsoft.AspNetCore.DataProtection.EntityFrameworkCore",
        "Microsoft.AspNetCore.Identity.EntityFrameworkCore",
    ];

    public static TheoryData<string, string[]> Projects => new()
    {
        { "PostMantis.AppHost", ["PostMantis.Api"] },
        { "PostMantis.Api", ["PostMantis.ServiceDefaults", "PostMantis.Web"] },
        { "PostMantis.Web", ["PostMantis.Core"] },
        { "PostMantis.Core", [] },
        { "PostMantis.ServiceDefaults", [] },
    };

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_references_its_neighbour_only(string project, string[] allowed)
    {
        var referenced = Items(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path));
        Assert.Equal(allowed, referenced.Distinct().Order());
    }

    [Fact]
    public void Core_does_not_know_the_web_framework()
    {
        Assert.Empty(Items("PostMantis.Core", "FrameworkReference"));
        var web = _core.GetReferencedAssemblies().Select(assembly => assembly.Name!)
            .Where(name => name.StartsWith("Microsoft.AspNetCore.", StringComparison.Ordinal));
        Assert.Empty(web.Except(_plainAspNetPackages));
    }

    [Fact]
    public void The_rooms_of_Core_see_what_they_may()
    {
        Assert.Empty(new RoomRules("PostMantis.Core").Violations(_core));
    }

    [Fact]
    public void A_forbidden_reference_is_found_wherever_it_hides()
    {
        const string planted = "PostMantis.Tests.Architecture.Planted";
        var users = new RoomRules(planted).Violations(GetType().Assembly)
            .Select(line => line[(planted.Length + 1)..].Split(' ', '+')[0]).Distinct();
        Assert.Equal(
            ["Posts.SeesInBody", "Posts.SeesInField", "Posts.SeesInLambda", "Providers.First.SeesOtherNetwork",
                "Providers.Shared"],
            users.Order());
    }

    [Fact]
    public void Sealed_secrets_are_opened_by_what_publishes_renews_or_signs_and_by_nothing_that_answers()
    {
        string[] openers =
        [
            "Access.SecondSteps", "Audit.AuditChain", "Connections.ConnectionSessions", "Connections.GrantStore",
            "Deliveries.ProfileDisconnector", "Webhooks.WebhookEndpoints", "Webhooks.WebhookRunner", "Webhooks.WebhookSigner",
        ];
        Assert.Equal(openers, Openers(_core).Where(name => !name.StartsWith("Vault.", StringComparison.Ordinal)));
        Assert.Empty(Openers(typeof(Api.Operations.OperatorCommands).Assembly));
        Assert.Empty(Openers(typeof(PostMantis.Web.Shared.SecurityStatements).Assembly));

        static IEnumerable<string> Openers(Assembly assembly) => TypeUses.Of(assembly, _core)
            .Where(use => use.Used == typeof(OpenedSecret)).Select(use => Outermost(use.User).FullName!["PostMantis.Core.".Length..])
            .Distinct().Order(StringComparer.Ordinal);

        static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;
    }

    private static IEnumerable<string> Items(string project, string kind) =>
        XDocument.Load(Path.Combine(Repository.Root, project, $"{project}.csproj")).Descendants(kind)
            .Select(item => item.Attribute("Include")!.Value);
}
