using PostMantis.Core.Vault;

namespace PostMantis.Api.Operations;

/// <summary>The vault's master keys: adding one, bringing values under it, knowing when an old one is of no more use.</summary>
internal sealed class KeysVerb(OperatorTool tool)
{
    private readonly KeyKeeper _keys = tool.Get<KeyKeeper>();

    public async Task<int> RotateAsync(CancellationToken ct)
    {
        var rotation = await _keys.RotateAsync(ct);
        if (rotation.NewKeyId is null)
        {
            // The configuration belongs to whoever starts the process; here is what to put there.
            var text = KeyKeeper.NewKeyText();
            await tool.SayAsync(new { rotation.OldKeyId, Value = text }, [
                "The configuration has the master keys, so you add one there:",
                $"1. As a further key, with an id of your own, on every replica: Vault__MasterKeys__1__Value={text}",
                "   and restart them: all can open what it will seal.",
                "2. Make it the first, or name it in Vault__CurrentKeyId, and restart them again.",
                "3. 'keys reseal', then 'keys check' until nothing is under the old one; then take that away.",
            ]);
            return 0;
        }
        var uses = await _keys.CheckAsync(ct);
        await tool.SayAsync(new { rotation.OldKeyId, rotation.NewKeyId, rotation.IsCurrent, rotation.Resealed, Uses = uses }, [
            $"made {rotation.NewKeyId}",
            .. rotation.IsCurrent
                ? (IEnumerable<string>)[$"{rotation.Resealed} values sealed anew under {rotation.NewKeyId}", .. Lines(uses),
                    "Processes that run open what it seals at once, and seal with it after their next re-seal pass or start.",
                    $"When 'keys check' shows nothing under {rotation.OldKeyId} a day later, take its file away."]
                : [$"Vault:CurrentKeyId still names {rotation.OldKeyId}: name {rotation.NewKeyId} there, restart, then 'keys reseal'."],
        ]);
        return Verdict(uses);
    }

    public async Task<int> ResealAsync(CancellationToken ct)
    {
        var resealed = await _keys.ResealAsync(ct);
        var uses = await _keys.CheckAsync(ct);
        await tool.SayAsync(new { _keys.CurrentKeyId, Resealed = resealed, Uses = uses },
            [$"{resealed} values sealed anew under {_keys.CurrentKeyId}", .. Lines(uses)]);
        return Verdict(uses);
    }

    public async Task<int> CheckAsync(CancellationToken ct)
    {
        var uses = await _keys.CheckAsync(ct);
        var unused = _keys.KeyIds.Where(id => id != _keys.CurrentKeyId && uses.All(use => use.KeyId != id)).ToList();
        await tool.SayAsync(new { _keys.CurrentKeyId, Uses = uses, UnusedKeyIds = unused }, [
            $"current key: {_keys.CurrentKeyId}", .. Lines(uses),
            .. unused.Select(id => $"nothing is under {id} any more"),
        ]);
        return Verdict(uses);
    }

    private static IEnumerable<string> Lines(IEnumerable<KeyUse> uses) => uses.Select(use =>
        $"{use.Place}: {use.Values} under {use.KeyId ?? "no key of ours"}"
        + (use.NotOpened > 0 ? $", {use.NotOpened} of them DO NOT OPEN" : use.IsCurrent ? "" : ", an older key"));

    private static int Verdict(IEnumerable<KeyUse> uses) => uses.Any(use => use.NotOpened > 0) ? OperatorCommands.Refused : 0;
}
