using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using PostMantis.Core.Outbox;

namespace PostMantis.Tests.Http;

/// <summary>What the document says of webhooks, held against the events themselves.</summary>
public sealed class WebhookDocumentTests(ContractInstance instance) : IClassFixture<ContractInstance>
{
    private static readonly EvaluationOptions _strict = new() { OutputFormat = OutputFormat.List, RequireFormatValidation = true };

    [Fact]
    public async Task Every_type_of_event_is_described_by_an_example_that_is_valid()
    {
        var document = await DocumentAsync();
        var webhooks = document["webhooks"]!.AsObject();
        Assert.Equal(EventTypes.All, webhooks.Select(w => w.Key));
        foreach (var (type, webhook) in webhooks)
        {
            var media = webhook!["post"]!["requestBody"]!["content"]!["application/json"]!;
            Assert.Equal(type, (string?)media["example"]!["type"]);
            Assert.Null(Fault(document, type, media["example"]!));
        }
    }

    [Fact]
    public async Task What_happens_is_as_it_is_described()
    {
        var document = await DocumentAsync();
        while (await instance.Host.InScopeAsync(s => s.GetRequiredService<Sequencer>().RunOnceAsync(default)) > 0)
        {
        }
        var events = await instance.Host.InDatabaseAsync(db => db.Events.AsNoTracking().ToListAsync());
        Assert.NotEmpty(events);
        foreach (var happened in events)
        {
            var sent = JsonSerializer.SerializeToNode(EventResource.From(happened, 1), Core.Common.Json.Options)!;
            Assert.True(Fault(document, happened.Type, sent) is null, $"{happened.Type}: {Fault(document, happened.Type, sent)}");
        }
        string[] least = [EventTypes.PostCreated, EventTypes.PostCompleted, EventTypes.DeliveryPublished, EventTypes.DeliveryFailed,
            EventTypes.ProfileConnected];
        Assert.Empty(least.Except(events.Select(e => e.Type)));
    }

    private async Task<JsonObject> DocumentAsync() =>
        JsonNode.Parse(await instance.Host.Client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative)))!.AsObject();

    private static string? Fault(JsonObject document, string type, JsonNode sent)
    {
        var schema = document["webhooks"]![type]!["post"]!["requestBody"]!["content"]!["application/json"]!["schema"]!.DeepClone();
        schema["$defs"] = document["components"]!["schemas"]!.DeepClone();
        var known = JsonSchema.FromText(schema.ToJsonString().Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal));
        var result = known.Evaluate(JsonSerializer.SerializeToElement(sent), _strict);
        return result.IsValid ? null : string.Join("; ", (result.Details ?? []).Where(d => d.Errors is not null)
            .SelectMany(d => d.Errors!.Select(e => $"{d.InstanceLocation} {e.Key}: {e.Value}")).Take(5));
    }
}
