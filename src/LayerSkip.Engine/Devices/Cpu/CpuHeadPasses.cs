using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Jobs;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>Final norm and head over hidden states: tokens, guesses, logits, normed states. Used under the model's gate.</summary>
/// <param name="config">The model's shape.</param>
/// <param name="weights">Its weights.</param>
/// <param name="pool">The threads.</param>
/// <param name="norm">Of the model's epsilon.</param>
/// <param name="quantizer">Where rows are quantised, if the head is.</param>
internal sealed class CpuHeadPasses(ModelConfig config, CpuWeights weights, ComputePool pool, NormJob norm, RowQuantizer quantizer) : IDisposable
{
    private readonly ActivationBuffer _normed = new(config.HiddenSize);
    private readonly ActivationBuffer _logits = new(config.VocabularySize);
    private readonly HeadJob _head = new(weights.Head);
    private readonly ActivationBuffer _ownLogits = new(DraftHead.MaxPromptTokens);
    private HeadGuess[] _guesses = [];

    /// <summary>Tells sequences what they ask the whole head about their rows.</summary>
    /// <param name="hidden">Their rows, one behind the other.</param>
    /// <param name="passes">What they ask.</param>
    public void Answer(in RowsView hidden, ReadOnlySpan<RowPass> passes)
    {
        Run(hidden);
        var first = 0;
        foreach (var pass in passes)
        {
            Answer(pass, first);
            first += pass.Read;
        }
    }

    /// <summary>Gives sequences the logits that their drafts go by.</summary>
    /// <param name="hidden">A row of each.</param>
    /// <param name="passes">What they ask.</param>
    /// <param name="coarse">What the logits are by.</param>
    public void DraftLogits(in RowsView hidden, ReadOnlySpan<RowPass> passes, CoarseHead coarse)
    {
        var logits = Run(hidden, coarse);
        for (var row = 0; row < passes.Length; row++)
        {
            logits.Row(row, config.VocabularySize).CopyTo(passes[row].Logits);
        }
    }

    /// <summary>Tells sequences what their draft heads guess.</summary>
    /// <param name="hidden">A row of each.</param>
    /// <param name="passes">What they ask.</param>
    /// <param name="shared">What all of them guess by.</param>
    public void Guess(in RowsView hidden, ReadOnlySpan<RowPass> passes, GuessingHead shared)
    {
        var normed = Norm(hidden);
        if (_guesses.Length < hidden.Count)
        {
            _guesses = new HeadGuess[hidden.Count];
        }

        shared.Guess(pool, quantizer, normed, _logits.Rows(hidden.Count), _guesses);
        for (var row = 0; row < passes.Length; row++)
        {
            passes[row].Guess![0] = With(_guesses[row], ((CpuDraftHead)passes[row].GuessHead!).Own, normed.Slice(row, 1)).ToTokenGuess();
        }
    }

    /// <summary>The most likely token of each row; -1 where all logits are NaN.</summary>
    public void ArgMax(in RowsView hidden, Span<int> tokens)
    {
        Run(hidden);
        for (var row = 0; row < tokens.Length; row++)
        {
            tokens[row] = _head.Best(row);
        }
    }

    /// <summary>The most likely token of one row, and how likely it is.</summary>
    public TokenGuess Guess(in RowsView hidden)
    {
        Run(hidden);
        return Guess(0);
    }

    /// <summary>The most likely token of one row by a draft's head, and how likely it is by that.</summary>
    /// <param name="hidden">The row.</param>
    /// <param name="shared">The head.</param>
    /// <param name="own">Further tokens; null: none.</param>
    public TokenGuess Guess(in RowsView hidden, GuessingHead shared, HeadRows? own)
    {
        var normed = Norm(hidden);
        HeadGuess guess = default;
        shared.Guess(pool, quantizer, normed, _logits.Rows(1), new Span<HeadGuess>(ref guess));
        return With(guess, own, normed).ToTokenGuess();
    }

    /// <summary>Normed states, [rows, hidden].</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is room for another number of values.</exception>
    public void Normalize(in RowsView hidden, Span<float> states)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(states.Length, hidden.Count * config.HiddenSize, nameof(states));
        Copy(Norm(hidden), config.HiddenSize, states);
    }

    /// <summary>Logits, [rows, vocabulary].</summary>
    /// <param name="hidden">The rows.</param>
    /// <param name="logits">Takes them.</param>
    /// <param name="coarse">By what else than the head as it is; null: by that.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is room for another number of values.</exception>
    public void Logits(in RowsView hidden, Span<float> logits, CoarseHead? coarse = null)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, hidden.Count * config.VocabularySize, nameof(logits));
        Copy(coarse is null ? Run(hidden) : Run(hidden, coarse), config.VocabularySize, logits);
    }

    public void Dispose()
    {
        _normed.Dispose();
        _logits.Dispose();
        _ownLogits.Dispose();
    }

    /// <summary>The logits of some rows, which stay in device memory until the next call.</summary>
    private RowsView Run(in RowsView hidden)
    {
        var logits = _logits.Rows(hidden.Count);
        _head.Run(pool, quantizer, Norm(hidden), logits);
        return logits;
    }

    private RowsView Run(in RowsView hidden, CoarseHead coarse)
    {
        var logits = _logits.Rows(hidden.Count);
        coarse.Logits(pool, quantizer, Norm(hidden), logits);
        return logits;
    }

    /// <summary>Tells a sequence what it asks of its rows, which were among those of the last run.</summary>
    /// <param name="pass">What it asks.</param>
    /// <param name="first">The first of its rows there.</param>
    private void Answer(in RowPass pass, int first)
    {
        if (pass.Choices is { } choices)
        {
            for (var row = 0; row < pass.Read; row++)
            {
                choices[row] = _head.Best(first + row);
            }
        }

        if (pass.Logits is { } logits)
        {
            Copy(_head.Logits.Slice(first, pass.Read), config.VocabularySize, logits);
        }

        if (pass.Guess is { } guess)
        {
            guess[0] = Guess(first);
        }
    }

    /// <summary>What the whole head guesses by a row of the last run.</summary>
    private TokenGuess Guess(int row)
    {
        var token = _head.Best(row);
        var all = _head.Logits.Row(row, config.VocabularySize);
        return token < 0 ? new(-1, 0) : new(token, (float)(1 / Math.Max(1, SoftmaxSum.Of(all, all[token]))));
    }

    /// <summary>A guess among further tokens, too.</summary>
    private HeadGuess With(in HeadGuess guess, HeadRows? own, in RowsView normed)
    {
        if (own is null)
        {
            return guess;
        }

        HeadGuess other = default;
        own.Guess(pool, quantizer, normed, _ownLogits.Rows(1), new Span<HeadGuess>(ref other));
        return guess.With(other);
    }

    private static void Copy(in RowsView rows, int width, Span<float> values)
    {
        for (var row = 0; row < rows.Count; row++)
        {
            rows.Row(row, width).CopyTo(values[(row * width)..]);
        }
    }

    private RowsView Norm(in RowsView hidden)
    {
        var normed = _normed.Rows(hidden.Count);
        norm.Run(pool, weights.FinalNorm, hidden, normed);
        return normed;
    }
}
