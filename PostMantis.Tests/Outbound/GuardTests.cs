using System.Net;
using Microsoft.Extensions.Options;
using PostMantis.Core.Outbound;
using PostMantis.Tests.Media;

namespace PostMantis.Tests.Outbound;

/// <summary>Addresses and tricks that must not reach anything inside.</summary>
public sealed class GuardTests
{
    public static TheoryData<string> Tricks() =>
    [
        "http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/",
        "http://0177.0.0.1/", "http://017700000001/", "http://0/", "http://0.0.0.0/", "http://10.0.0.1/", "http://10.255.255.255/",
        "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/", "http://2852039166/", "http://100.64.0.1/", "http://100.100.100.200/", "http://168.63.129.16/",
        "http://192.0.0.192/", "http://192.0.2.1/", "http://198.18.0.1/", "http://198.51.100.7/", "http://203.0.113.9/",
        "http://224.0.0.1/", "http://239.255.255.250/", "http://240.0.0.1/", "http://255.255.255.255/", "http://[::1]/", "http://[::]/",
        "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:10.0.0.1]/", "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a00:1]/", "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/",
        "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/", "http://[fec0::1]/",
        "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[3fff::1]/", "http://[100::1]/", "http://localhost/",
        "http://LOCALHOST/", "http://localhost./", "http://a.localhost/", "http://a.localhost./", "http://printer/",
        "http://db.internal/", "http://metadata.google.internal/", "http://nas.local/", "http://x.home/", "http://1.0.0.127.in-addr.arpa/",
        "http://user@media.trap.net/", "http://media.trap.net@127.0.0.1/", "http://user:pw@media.trap.net/",
        "http://media.trap.net:22/", "http://media.trap.net:25/", "https://media.trap.net:21/", "http://media.trap.net:0/",
        "ftp://media.trap.net/", "file:///etc/passwd", "gopher://media.trap.net/", "data:image/png;base64,AAAA", "javascript:alert(1)",
        "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://%31%32%37.0.0.1/",
    ];

    [Theory]
    [MemberData(nameof(Tricks))]
    public void An_address_that_is_not_public_is_refused_before_anything_is_asked(string address)
    {
        var names = new HostileNames();
        var guard = new OutboundGuard(names, Options.Create(new OutboundOptions()));
        Assert.True(!Uri.TryCreate(address, UriKind.Absolute, out var parsed) || guard.Refusal(parsed) is not null);
        Assert.Empty(names.Asked);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("169.254.169.254")]
    [InlineData("::1")]
    [InlineData("::ffff:192.168.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("2002:a00:1::")]
    [InlineData("fd00::1")]
    public async Task A_name_that_means_an_inner_address_is_not_connected_to(string inner)
    {
        var names = new HostileNames { Answers = { ["media.trap.net"] = [_ => IPAddress.Parse(inner)] } };
        var guard = new OutboundGuard(names, Options.Create(new OutboundOptions()));
        Assert.Null(guard.Refusal(new Uri("http://media.trap.net/")));
        await Assert.ThrowsAsync<OutboundRefusedException>(() =>
            guard.ConnectAsync(new DnsEndPoint("media.trap.net", 80), CancellationToken.None));
    }

    [Fact]
    public async Task The_name_of_this_machine_is_an_exception_where_its_addresses_are()
    {
        var options = new OutboundOptions { AllowedRanges = { "127.0.0.0/8" } };
        var guard = new OutboundGuard(new HostileNames { Answers = { ["localhost"] = [_ => IPAddress.IPv6Loopback] } }, Options.Create(options));
        Assert.Null(guard.Refusal(new Uri("http://localhost:8080/")));
        foreach (var other in (string[])["http://a.localhost:8080/", "http://printer:8080/", "http://localhost:22/"])
            Assert.NotNull(guard.Refusal(new Uri(other)));

        // What it means is checked all the same.
        await Assert.ThrowsAsync<OutboundRefusedException>(() => guard.ConnectAsync(new DnsEndPoint("localhost", 8080), default));
    }

    [Theory]
    [InlineData("https://cdn.trap.net/a.png")]
    [InlineData("http://93.184.215.14/a.png")]
    [InlineData("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/a.png")]
    [InlineData("https://cdn.trap.net:8443/a.png")]
    [InlineData("https://bücher.trap.net/")]
    public void A_public_address_is_let_through(string address) =>
        Assert.Null(new OutboundGuard(new HostileNames(), Options.Create(new OutboundOptions())).Refusal(new Uri(address)));
}
