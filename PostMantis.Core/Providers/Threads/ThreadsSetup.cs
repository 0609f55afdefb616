using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Providers.Meta;

namespace PostMantis.Core.Providers.Threads;

/// <summary>Where Threads is, and who we are there.</summary>
public sealed class ThreadsSettings : MetaLoginSettings
{
    public const string Section = "Providers:Threads";

    public ThreadsSettings() => Version = "v1.0";

    [Required]
    public override Uri BaseUrl { get; set; } = new("https://graph.threads.net");

    [Required]
    public override Uri SignInUrl { get; set; } = new("https://threads.net");

    [Required]
    public override Uri TokenUrl { get; set; } = new("https://graph.threads.net");
}

/// <summary>Registers the network.</summary>
internal sealed class ThreadsSetup : IProviderSetup
{
    public void Register(IServiceCollection services) => services.AddNetwork<ThreadsProvider, ThreadsSettings>(
        ThreadsProvider.Name, ThreadsSettings.Section,
        typeof(ThreadsClient), typeof(ThreadsPublisher), typeof(ThreadsReconciler));
}
