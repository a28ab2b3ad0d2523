using LayerSkip.Training.Models;

namespace LayerSkip.Training;

/// <summary>Sequences of any lengths packed into rows without padding; each attends within itself alone.</summary>
/// <remarks>A row is a token that has a successor: n tokens make n − 1 rows. Immutable.</remarks>
public sealed class SequenceBatch
{
    /// <summary>Packs sequences in their order.</summary>
    /// <param name="sequences">At least one.</param>
    /// <exception cref="ArgumentException">There is none, or one of them is too short, all prompt, or has a weight outside its range; the message gives its number, from 0.</exception>
    /// <exception cref="OverflowException">There are more rows than an array holds.</exception>
    public SequenceBatch(IReadOnlyList<TrainingSequence> sequences)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        if (sequences.Count == 0)
        {
            throw new ArgumentException("A batch needs at least one sequence.", nameof(sequences));
        }

        for (var s = 0; s < sequences.Count; s++)
        {
            var (count, prompt) = (sequences[s].Tokens.Count, sequences[s].PromptLength);
            if (count < 2 || prompt < 0 || prompt >= count)
            {
                throw new ArgumentException(
                    $"Sequence {s} has {count} tokens and a prompt of {prompt}, expected at least 2 tokens and a prompt of fewer.", nameof(sequences));
            }

            if (sequences[s].PromptWeight is not (>= 0 and <= 1))
            {
                throw new ArgumentException($"Sequence {s} has a prompt that counts {sequences[s].PromptWeight}, expected 0 to 1.", nameof(sequences));
            }
        }

        Layout = new SequenceLayout([.. sequences.Select(sequence => sequence.Tokens.Count - 1)]);
        Tokens = new int[Layout.Rows];
        var rows = new List<int>();
        var targets = new List<int>();
        var weights = new List<float>();
        for (var s = 0; s < sequences.Count; s++)
        {
            var (tokens, start) = (sequences[s].Tokens, Layout.Start(s));
            for (var i = 0; i < tokens.Count - 1; i++)
            {
                Tokens[start + i] = tokens[i];
                var weight = i + 1 >= sequences[s].PromptLength ? 1 : (float)sequences[s].PromptWeight;
                if (weight > 0)
                {
                    rows.Add(start + i);
                    targets.Add(tokens[i + 1]);
                    weights.Add(weight);
                }
            }
        }

        (LossRows, LossTargets, LossWeights) = ([.. rows], [.. targets], [.. weights]);
        TotalWeight = weights.Sum(static weight => (double)weight);
    }

    /// <summary>Sequences packed.</summary>
    public int Sequences => Layout.Sequences;

    /// <summary>Rows in all.</summary>
    public int Rows => Layout.Rows;

    /// <summary>Rows that bear a loss.</summary>
    public int Targets => LossRows.Length;

    internal SequenceLayout Layout { get; }

    /// <summary>[R].</summary>
    internal int[] Tokens { get; }

    /// <summary>Rows that bear a loss, ascending.</summary>
    internal int[] LossRows { get; }

    /// <summary>The token that each of them is to predict.</summary>
    internal int[] LossTargets { get; }

    /// <summary>What each of them counts for, above 0.</summary>
    internal float[] LossWeights { get; }

    /// <summary>What they count for together.</summary>
    internal double TotalWeight { get; }

    /// <summary>Throws unless every token is within the vocabulary and every sequence within the context.</summary>
    internal void Validate(int vocabulary, int maxPositions)
    {
        foreach (var token in Tokens.Concat(LossTargets))
        {
            if ((uint)token >= (uint)vocabulary)
            {
                throw new ArgumentException($"The batch holds token {token}, expected ids in 0..{vocabulary - 1}.");
            }
        }

        if (Layout.Longest > maxPositions)
        {
            throw new ArgumentException($"The batch holds a sequence of {Layout.Longest + 1} tokens, expected at most {maxPositions + 1}.");
        }
    }
}
