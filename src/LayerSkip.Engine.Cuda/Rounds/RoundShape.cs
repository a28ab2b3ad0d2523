using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>What a captured round is for. Everything else about a round lies in device memory.</summary>
/// <param name="ExitLayer">Layers of the draft.</param>
/// <param name="Depth">Layers that decide.</param>
/// <param name="Length">Most tokens of its drafts, as <see cref="LengthFor"/> has it, or where that would be too many for all of them.</param>
/// <param name="Spans">Spans that attention reaches over.</param>
/// <param name="Choice">How its tokens are chosen.</param>
/// <param name="Judges">Whether the draft ends with a guess that is not likely enough.</param>
/// <param name="Requests">Sequences whose rounds it is for.</param>
internal readonly record struct RoundShape(int ExitLayer, int Depth, int Length, int Spans, RoundChoice Choice, bool Judges, int Requests = 1)
{
    /// <summary>Slots of all sequences: their last inputs and drafts.</summary>
    public int Slots => Requests * (1 + Length);

    /// <summary>Whether it takes the logits of all tokens.</summary>
    public bool NeedsLogits => Choice == RoundChoice.Drawn || Judges;

    /// <summary>The shape of the graph that runs rounds of one kind together.</summary>
    /// <param name="rounds">The rounds, one or several.</param>
    /// <param name="length">As <see cref="LengthFor"/> has it.</param>
    /// <param name="requests">As many as there are rounds, or more.</param>
    public static RoundShape Of(ReadOnlySpan<DeviceRound> rounds, int length, int requests)
    {
        var (first, positions) = (rounds[0], 0);
        foreach (var round in rounds)
        {
            positions = Math.Max(positions, round.Position + round.Slots);
        }

        var choice = first.Draw is not null ? RoundChoice.Drawn : first.Head is not null ? RoundChoice.Listed : RoundChoice.Greedy;
        return new(first.ExitLayer, first.Depth, length, Geometry.PowerOfTwo(Geometry.Spans(positions)), choice, first.LastBelow > 0, requests);
    }

    /// <summary>
    /// The length of the graph that runs drafts of some length: its own up to 8; above, 12, 15, 16, 24, 32, 48 or 64, so that a controller that changes its mind
    /// from round to round has few graphs captured. The slots too many have no rows, and their launches end at once.
    /// </summary>
    public static int LengthFor(int length)
    {
        if (length <= 8)
        {
            return length;
        }

        if (length is > 12 and < Scratch.MostSplitRows)
        {
            // With the input, as many rows as attention is split for.
            return Scratch.MostSplitRows - 1;
        }

        var power = Geometry.PowerOfTwo(length);
        return length <= power / 4 * 3 ? power / 4 * 3 : power;
    }
}
