using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>As <see cref="SamplingSelector"/>, where nothing but the model has a say, and the device draws by itself: only tokens leave it.</summary>
internal sealed class DrawSelector(IDeviceModel model, TokenDraw draw) : TokenSelector
{
    private readonly TokenGuess[] _draws = new TokenGuess[DecodingPlan.MaxSpeculations + 1];

    public override RowPass AskDraft(in RowPass pass) => pass with { Draw = draw, Draws = _draws };

    public override TokenGuess? Draft(RowBuffer rows, int slot, ReadOnlySpan<int> context, int index, bool isAnswered)
    {
        if (!isAnswered)
        {
            model.Draw(rows, slot, draw, _draws.AsSpan(0, 1));
        }

        return _draws[0].Token < 0 ? null : _draws[0];
    }

    public override RowPass Ask(in RowPass pass, int drafted) => AskDraft(pass);

    public override (int Accepted, int? Next) Verify(RowBuffer rows, int slot, int count, ReadOnlySpan<int> tokens, int drafted, bool isAnswered)
    {
        var draft = tokens[(tokens.Length - drafted)..];
        if (!isAnswered)
        {
            model.Draw(rows, slot, draw, _draws.AsSpan(0, count));
        }

        var accepted = 0;
        while (accepted < drafted && _draws[accepted].Token == draft[accepted])
        {
            accepted++;
        }

        return (accepted, accepted == count ? null : _draws[accepted].Token);
    }
}
