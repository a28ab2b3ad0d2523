using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Data;

/// <summary>What a run trains on, step by step: endless epochs over sets of sequences, each shuffled anew. Immutable.</summary>
/// <remarks>
/// What step t trains on depends on the sets, the step's size, the seed and t alone, so a resumed run goes on with the very sequences that
/// would have come. Sequences are never cut: a step takes whole ones until it has its tokens, across the end of an epoch if need be.
/// </remarks>
public sealed class TrainingData
{
    private readonly TrainingSet[] _sets;
    private readonly int _tokensPerStep;
    private readonly ulong _seed;

    /// <param name="sets">At least one.</param>
    /// <param name="tokensPerStep">Tokens that a step is filled with, each sequence's last one aside, at least 1; it exceeds them by less than its last sequence.</param>
    /// <param name="seed">Chooses the order.</param>
    /// <exception cref="ArgumentException">There is no set, or one has no sequence or a share outside its range; the message gives its number, from 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tokensPerStep"/> is less than 1.</exception>
    public TrainingData(IReadOnlyList<TrainingSet> sets, int tokensPerStep, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(sets);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokensPerStep, 1);
        if (sets.Count == 0)
        {
            throw new ArgumentException("Training needs at least one set of sequences.", nameof(sets));
        }

        for (var i = 0; i < sets.Count; i++)
        {
            if (sets[i].Sequences.Count == 0 || sets[i].Share is not (> 0 and <= 1))
            {
                throw new ArgumentException(
                    $"Set {i} has {sets[i].Sequences.Count} sequences and a share of {sets[i].Share}, expected at least one and a share above 0, at most 1.", nameof(sets));
            }
        }

        (_sets, _tokensPerStep, _seed) = ([.. sets], tokensPerStep, seed);
    }

    /// <summary>Sequences of one epoch.</summary>
    public int SequencesPerEpoch => _sets.Sum(Taken);

    /// <summary>Steps that so many epochs make, the last one filled up from the next epoch.</summary>
    /// <param name="epochs">Positive and finite.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="epochs"/> is not.</exception>
    public long Steps(double epochs)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epochs);
        ArgumentOutOfRangeException.ThrowIfEqual(double.IsFinite(epochs), false, nameof(epochs));
        var wanted = (long)Math.Ceiling(epochs * SequencesPerEpoch);
        long seen = 0, steps = 0;
        foreach (var step in From(0))
        {
            seen += step.Count;
            steps++;
            if (seen >= wanted)
            {
                break;
            }
        }

        return steps;
    }

    /// <summary>The sequences of a step, of the next, and so on without end.</summary>
    /// <param name="step">At least 0.</param>
    public IEnumerable<IReadOnlyList<TrainingSequence>> From(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return Steps(step);
    }

    private IEnumerable<IReadOnlyList<TrainingSequence>> Steps(long from)
    {
        // Earlier steps are packed again: that takes milliseconds, and needs no state to be kept.
        var step = new List<TrainingSequence>();
        var (tokens, number) = (0L, 0L);
        for (var epoch = 0UL; ; epoch++)
        {
            foreach (var sequence in Epoch(epoch))
            {
                step.Add(sequence);
                tokens += sequence.Tokens.Count - 1;
                if (tokens >= _tokensPerStep)
                {
                    if (number++ >= from)
                    {
                        yield return step.ToArray();
                    }

                    step.Clear();
                    tokens = 0;
                }
            }
        }
    }

    private TrainingSequence[] Epoch(ulong epoch)
    {
        var random = new RandomNumbers(_seed ^ ((epoch + 1) * 0x9E3779B97F4A7C15));
        var all = new List<TrainingSequence>(SequencesPerEpoch);
        foreach (var set in _sets)
        {
            var taken = Taken(set);
            all.AddRange(taken == set.Sequences.Count ? set.Sequences : Shuffle([.. set.Sequences], random).Take(taken));
        }

        return Shuffle([.. all], random);
    }

    private static int Taken(TrainingSet set) => Math.Max(1, (int)(set.Share * set.Sequences.Count));

    /// <summary>Fisher and Yates's shuffle.</summary>
    private static TrainingSequence[] Shuffle(TrainingSequence[] items, RandomNumbers random)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var other = (int)(random.NextDouble() * (i + 1));
            (items[i], items[other]) = (items[other], items[i]);
        }

        return items;
    }
}
