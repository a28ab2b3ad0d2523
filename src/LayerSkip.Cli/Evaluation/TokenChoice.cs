using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Sampling;

namespace LayerSkip.Cli.Evaluation;

/// <summary>How models choose a token together: by the mean of their distributions, its likeliest one or one drawn from it.</summary>
/// <remarks>The mean of the probabilities is what an ensemble is distilled from (Hinton, Vinyals and Dean, arXiv 1503.02531).</remarks>
/// <param name="sampling">How, valid. A sequence draws the same token wherever else it stands in the batch.</param>
/// <param name="vocabularySize">The models' vocabulary.</param>
internal sealed class TokenChoice(SamplingOptions sampling, int vocabularySize)
{
    private readonly Distribution _softmax = new(new SamplingOptions { Temperature = 1 });
    private readonly Distribution _distribution = new(sampling);
    private readonly ulong _seed = sampling.Seed ?? 0;
    private float[] _logits = [];
    private float[] _means = [];

    /// <summary>Chooses a token for each of the first slots.</summary>
    /// <param name="models">The models, at least one.</param>
    /// <param name="rows">Each one's rows, standing after its last layer.</param>
    /// <param name="sequences">The sequence in each slot.</param>
    /// <param name="positions">Its last token's position.</param>
    /// <param name="tokens">The results.</param>
    /// <exception cref="CheckpointException">A model computes no finite numbers; the message names it.</exception>
    public void Choose(
        IReadOnlyList<LayerSkipModel> models, IReadOnlyList<RowBuffer> rows, ReadOnlySpan<int> sequences, ReadOnlySpan<int> positions, Span<int> tokens)
    {
        Array.Resize(ref _logits, Math.Max(_logits.Length, tokens.Length * vocabularySize));
        Array.Resize(ref _means, _logits.Length);
        var logits = _logits.AsSpan(0, tokens.Length * vocabularySize);
        var means = _means.AsSpan(0, logits.Length);
        means.Clear();
        for (var i = 0; i < models.Count; i++)
        {
            models[i].Steps.Logits(rows[i], 0, tokens.Length, logits);
            for (var slot = 0; slot < tokens.Length; slot++)
            {
                var own = Of(logits, slot);
                var mean = Of(means, slot);
                if (!_softmax.TryFromLogits(own))
                {
                    throw CheckpointException.NoLogit(models[i].Name);
                }

                for (var token = 0; token < own.Length; token++)
                {
                    mean[token] += own[token] / models.Count;
                }
            }
        }

        for (var slot = 0; slot < tokens.Length; slot++)
        {
            tokens[slot] = Draw(Of(means, slot), sequences[slot], positions[slot]);
        }

        Span<float> Of(Span<float> values, int slot) => values.Slice(slot * vocabularySize, vocabularySize);
    }

    private int Draw(Span<float> mean, int sequence, int position)
    {
        foreach (ref var probability in mean)
        {
            probability = MathF.Log(probability);
        }

        _distribution.TryFromLogits(mean);
        return new ExponentialRace(_seed + ((ulong)sequence << 32)).Winner(mean, position);
    }
}
