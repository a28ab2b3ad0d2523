using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Engine.Decoding;

/// <summary>Arg-max of the raw logits on both sides, the draft's perhaps over fewer tokens; only token ids leave the device.</summary>
internal sealed class GreedySelector(IDeviceModel model, DraftHead? draftHead) : TokenSelector
{
    private readonly int[] _choices = new int[DecodingPlan.MaxSpeculations + 1];

    public override int? Draft(RowBuffer rows, int slot, ReadOnlySpan<int> context, int index)
    {
        if (draftHead is not null)
        {
            var best = model.ArgMax(rows, slot, draftHead);
            return best < 0 ? null : best;
        }

        model.ArgMax(rows, slot, _choices.AsSpan(0, 1));
        return _choices[0] < 0 ? null : _choices[0];
    }

    public override (int Accepted, int? Next) Verify(RowBuffer rows, int slot, int count, ReadOnlySpan<int> tokens, int drafted)
    {
        var choices = _choices.AsSpan(0, count);
        model.ArgMax(rows, slot, choices);
        var accepted = choices.CommonPrefixLength(tokens[(tokens.Length - drafted)..]);
        if (accepted < count && choices[accepted] < 0)
        {
            throw Distribution.NoTokenLeft();
        }

        return (accepted, accepted < count ? choices[accepted] : null);
    }
}
