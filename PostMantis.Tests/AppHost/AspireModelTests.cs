using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace PostMantis.Tests.AppHost;

/// <summary>What the AppHost declares, read without starting anything.</summary>
public sealed class AspireModelTests
{
    [Fact]
    public async Task The_Api_waits_for_its_database()
    {
        await using var builder = await ModelAsync();
        var waits = Api(builder).Annotations.OfType<WaitAnnotation>();
        Assert.Contains(waits, wait => wait.Resource.Name == "postmantis");
    }

    [Fact]
    public async Task The_Api_is_watched_and_reached_from_outside()
    {
        await using var builder = await ModelAsync();
        var api = Api(builder);
        Assert.NotEmpty(api.Annotations.OfType<HealthCheckAnnotation>());
        var http = Assert.Single(api.Annotations.OfType<EndpointAnnotation>(), endpoint => endpoint.Name == "http");
        Assert.True(http.IsExternal);
        Assert.Equal(5080, http.Port);
    }

    [Fact]
    public async Task Its_pages_are_named_where_it_is_shown()
    {
        await using var builder = await ModelAsync();

        // One for the dashboard, the reference, health and metrics each.
        Assert.True(Api(builder).Annotations.OfType<ResourceUrlsCallbackAnnotation>().Count() >= 4);
    }

    [Fact]
    public async Task The_database_outlives_its_container()
    {
        await using var builder = await ModelAsync();
        var server = Assert.Single(builder.Resources, resource => resource.Name == "postgres");
        var mount = Assert.Single(server.Annotations.OfType<ContainerMountAnnotation>());
        Assert.Equal(ContainerMountType.Volume, mount.Type);
        Assert.Equal("postmantis-postgres", mount.Source);
    }

    [Theory]
    [InlineData("vault-master-key")]
    [InlineData("setup-token")]
    public async Task Its_secrets_are_generated_and_marked_secret(string name)
    {
        await using var builder = await ModelAsync();
        var parameter = Assert.Single(builder.Resources.OfType<ParameterResource>(), p => p.Name == name);
        Assert.True(parameter.Secret);
        Assert.NotNull(parameter.Default);
    }

    private static Task<IDistributedApplicationTestingBuilder> ModelAsync() =>
        DistributedApplicationTestingBuilder.CreateAsync<Projects.PostMantis_AppHost>(
            [], (options, _) => options.DisableDashboard = true);

    private static IResource Api(IDistributedApplicationTestingBuilder builder) =>
        Assert.Single(builder.Resources, resource => resource.Name == "api");
}
