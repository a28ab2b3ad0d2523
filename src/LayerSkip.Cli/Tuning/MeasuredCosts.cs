using LayerSkip.Engine.Decoding;

namespace LayerSkip.Cli.Tuning;

/// <summary>What steps of a model take on a machine, in seconds.</summary>
internal sealed record MeasuredCosts
{
    /// <summary>The model's layers L.</summary>
    public required int Layers { get; init; }

    /// <summary>One token at full depth: embedding, all layers and the head.</summary>
    public required double PlainStep { get; init; }

    /// <summary>One drafted token for each exit layer 1 .. L - 1: embedding, E layers and the draft's head.</summary>
    public required IReadOnlyList<double> DraftSteps { get; init; }

    /// <summary>One layer over one row by coarse weights, for those that the device drafts by.</summary>
    public IReadOnlyDictionary<DraftWeights, double> CoarseLayer { get; init; } = new Dictionary<DraftWeights, double>();

    /// <summary>The draft's head alone, for one token.</summary>
    public required double DraftHead { get; init; }

    /// <summary>One layer, by the number of rows in its pass; ascending, from one row on. Fewer rows take no longer than more: where a busy machine measured otherwise, what more of them took counts.</summary>
    public required IReadOnlyList<(int Rows, double Seconds)> Layer { get; init => field = Rising(value); }

    /// <summary>The head with its choice of tokens, by the number of rows; likewise.</summary>
    public required IReadOnlyList<(int Rows, double Seconds)> Head { get; init => field = Rising(value); }

    /// <summary>Setting up a request and ending it, autoregressive.</summary>
    public double PlainRequest { get; init; }

    /// <summary>The same, self-speculative: with a draft vocabulary, the prompt's own tokens are added to it.</summary>
    public double DraftRequest { get; init; }

    /// <summary>One layer over rows.</summary>
    public double LayerOf(int rows) => At(Layer, rows);

    /// <summary>The head over rows.</summary>
    public double HeadOf(int rows) => At(Head, rows);

    /// <summary>One token drafted by all layers, by coarse weights, and the draft's head.</summary>
    public double CoarseStep(DraftWeights weights) => (Layers * CoarseLayer[weights]) + DraftHead;

    /// <summary>Layers E .. L - 1 and the head over a round's rows: what verifies a draft.</summary>
    public double Verification(int exitLayer, int rows) => ((Layers - exitLayer) * LayerOf(rows)) + HeadOf(rows);

    private static (int Rows, double Seconds)[] Rising(IReadOnlyList<(int Rows, double Seconds)> measured)
    {
        var rising = measured.ToArray();
        for (var i = rising.Length - 2; i >= 0; i--)
        {
            rising[i].Seconds = Math.Min(rising[i].Seconds, rising[i + 1].Seconds);
        }

        return rising;
    }

    /// <summary>Straight lines between what is measured; on from the last by its share a row.</summary>
    private static double At(IReadOnlyList<(int Rows, double Seconds)> measured, int rows)
    {
        var next = 0;
        while (next < measured.Count && measured[next].Rows < rows)
        {
            next++;
        }

        if (next == measured.Count)
        {
            return measured[^1].Seconds * rows / measured[^1].Rows;
        }

        var (above, seconds) = measured[next];
        if (above == rows || next == 0)
        {
            return seconds;
        }

        var (below, less) = measured[next - 1];
        return less + ((seconds - less) * (rows - below) / (above - below));
    }
}
