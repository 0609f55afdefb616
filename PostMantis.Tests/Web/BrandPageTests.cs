using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Profiles;
using PostMantis.Tests.Support;

namespace PostMantis.Tests.Web;

/// <summary>An agency's clients.</summary>
public sealed class BrandPageTests : IAsyncLifetime
{
    private DashboardWorld _world = null!;

    public async ValueTask InitializeAsync() => _world = await DashboardWorld.StartAsync();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_brand_is_made_filled_chosen_everywhere_renamed_and_deleted()
    {
        Assert.DoesNotContain("action=\"/brand\"", await _world.TextAsync("/"), StringComparison.Ordinal);
        var acme = await _world.GoAsync("/brands", "new-brand", ("name", " Acme "));
        using (var twice = await _world.SubmitAsync("/brands", "new-brand", ("name", "Acme")))
            Assert.Contains("There is a brand of this name already.", await twice.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using (var empty = await _world.SubmitAsync("/brands", "new-brand", ("name", " ")))
            Assert.Contains("Give the brand a name.", await empty.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var (ours, other) = (_world.Pages[0], _world.Pages[1]);
        await _world.GoAsync(acme, "assign", ("profiles", ours.Id.ToString()), ("profiles", other.Id.ToString()));
        await _world.GoAsync(acme, "assign", ("profiles", ours.Id.ToString()));
        Assert.Equal([ours.Id], await OfBrandAsync(acme));

        await _world.PostAsync("said by acme", ours);
        await _world.PostAsync("said by nobody's brand", other);
        foreach (var path in (string[])["/", "/posts"])
        {
            Assert.Contains("said by acme", await _world.TextAsync(path), StringComparison.Ordinal);
            Assert.Contains("said by nobody's brand", await _world.TextAsync(path), StringComparison.Ordinal);
        }
        await ChooseAsync(acme.Split('/')[2]);
        foreach (var path in (string[])["/", "/posts"])
        {
            var page = await _world.TextAsync(path);
            Assert.Contains("said by acme", page, StringComparison.Ordinal);
            Assert.DoesNotContain("said by nobody's brand", page, StringComparison.Ordinal);
        }
        var profiles = await _world.TextAsync("/profiles");
        Assert.Contains(ours.Name, profiles, StringComparison.Ordinal);
        Assert.DoesNotContain(other.Name, profiles, StringComparison.Ordinal);

        await _world.GoAsync(acme, "rename", ("name", "Acme & Sons"));
        Assert.Contains("selected>Acme & Sons</option>", await _world.TextAsync("/posts"), StringComparison.Ordinal);
        Assert.Equal("/brands", await _world.GoAsync(acme, "delete"));
        Assert.Contains("said by nobody's brand", await _world.TextAsync("/posts"), StringComparison.Ordinal);
        Assert.Equal(2, await _world.Host.InDatabaseAsync(db => db.Profiles.CountAsync(p => p.BrandId == null && (p.Id == ours.Id || p.Id == other.Id))));
    }

    [Fact]
    public async Task Deleting_a_brand_widens_no_key_and_anothers_brand_is_not_there()
    {
        var acme = await _world.GoAsync("/brands", "new-brand", ("name", "Acme"));
        var id = Guid.Parse(acme.Split('/')[2]);
        await _world.GoAsync(acme, "assign", ("profiles", _world.Pages[0].Id.ToString()));
        var key = await _world.Host.InScopeAsync(s => s.GetRequiredService<Core.Access.ApiKeys>().CreateAsync(_world.Person,
            new("held", Core.Access.Permission.Publish, true, [], [], [id], [], null, Core.Access.KeyRules.None), default));
        var program = new ApiClient(_world.Host, key.Text);
        Assert.Single((await program.GetAsync("/profiles")).Json!["data"]!.AsArray());
        Assert.Contains("1 key is held to this brand", await _world.TextAsync(acme), StringComparison.Ordinal);
        await _world.GoAsync(acme, "delete");
        Assert.Empty((await program.GetAsync("/profiles")).Json!["data"]!.AsArray());

        var bob = await Seed.UserAsync(_world.Host, "bob");
        var theirs = await _world.Host.InScopeAsync(s => s.GetRequiredService<BrandEditor>().CreateAsync(bob, "Bob's", default));
        using (var missing = await _world.Browser.GetAsync($"/brands/{theirs}")) Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        await ChooseAsync(theirs.ToString());
        await _world.PostAsync("still seen", _world.Pages[0]);
        Assert.Contains("still seen", await _world.TextAsync("/posts"), StringComparison.Ordinal);
        var stolen = await Assert.ThrowsAsync<Core.Common.ProblemException>(() => _world.Host.InScopeAsync(async s =>
        {
            await s.GetRequiredService<BrandEditor>().AssignAsync(bob, theirs, [_world.Pages[0].Id], [], default);
            return 0;
        }));
        Assert.Equal("/profiles", Assert.Single(stolen.Issues).Pointer);
    }

    private async Task ChooseAsync(string brand)
    {
        // The switch is there once the person has a brand.
        var made = await _world.GoAsync("/brands", "new-brand", ("name", $"For the switch {brand}"));
        using var chosen = await _world.Browser.SubmitToAsync("/brands", "/brand",
            [new("brand", brand), new("returnUrl", "/posts?status=draft")]);
        Assert.Equal("/posts?status=draft", chosen.Headers.Location!.OriginalString);
        await _world.GoAsync(made, "delete");
    }

    private Task<Guid[]> OfBrandAsync(string path)
    {
        var id = Guid.Parse(path.Split('/')[2]);
        return _world.Host.InDatabaseAsync(db => db.Profiles.Where(p => p.BrandId == id).Select(p => p.Id).ToArrayAsync());
    }
}
