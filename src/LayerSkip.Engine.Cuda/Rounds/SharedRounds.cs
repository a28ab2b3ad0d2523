using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Weights;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>Runs rounds of several sequences as one captured graph: each step of their drafts is one pass over all of them, and so is the verification.</summary>
/// <remarks>
/// As <see cref="RoundRunner"/>, but for the order of slots (<see cref="SharedRoundBlock"/>), and that the host compares drafts with what the full model chose.
/// What a row computes depends on it and its cache alone (invariant I1), so it does not matter whose rows it shares a pass with.
/// </remarks>
internal sealed unsafe class SharedRounds
{
    private readonly CudaContext _context;
    private readonly Transformer _transformer;
    private readonly RoundGraphs _graphs;
    private readonly Action<RoundShape> _record;
    private readonly SharedRoundBlock _block;
    private readonly RowPointers _rows;
    private readonly int* _resultOnHost; // tokens, then choices
    private readonly DraftVocabulary _draftVocabulary;
    private readonly LogitMemory _logits;
    private bool _hasStaleKeys;

    /// <param name="context">The device.</param>
    /// <param name="transformer">The model there.</param>
    /// <param name="draftVocabulary">The checkpoint's.</param>
    /// <param name="logits">For rounds that draw or judge.</param>
    /// <param name="graphs">The graphs.</param>
    public SharedRounds(CudaContext context, Transformer transformer, DraftVocabulary draftVocabulary, LogitMemory logits, RoundGraphs graphs)
    {
        _context = context;
        _transformer = transformer;
        _draftVocabulary = draftVocabulary;
        _logits = logits;
        (_graphs, _record) = (graphs, Record);
        _block = new SharedRoundBlock(context.AllocateHost(SharedRoundBlock.Bytes), context.Allocate(SharedRoundBlock.Bytes));
        const int Slots = SharedRoundBlock.Slots;
        _rows = CudaRows.PointersIn(context.Allocate(CudaRows.BytesOf(transformer.Geometry, Slots)), transformer.Geometry, Slots) with
        {
            Tokens = _block.Tokens,
            Positions = _block.Positions,
            Tables = _block.Tables,
            AreApart = true,
        };
        _resultOnHost = (int*)context.AllocateHost(SharedRoundBlock.ResultBytes);
    }

    /// <summary>Runs rounds, for which the caches have room.</summary>
    /// <param name="rounds">As <see cref="IDeviceModel.RunRounds"/> wants them.</param>
    /// <param name="results">What came of each.</param>
    public void Run(ReadOnlySpan<DeviceRound> rounds, Span<DeviceRoundResult> results)
    {
        var shape = Shape(rounds);
        var graph = _graphs.Of(shape, _record);
        if (_hasStaleKeys)
        {
            // The round that failed may have been launched, and be reading what is written next.
            _context.Settle();
            _context.Clear(_rows.Best, SharedRoundBlock.Slots * sizeof(ulong));
        }

        _hasStaleKeys = true;
        _context.Write(_block.Tokens, _block.Fill(rounds, shape));
        graph.Launch();
        _context.Read((nint)_resultOnHost, _block.Tokens, SharedRoundBlock.ResultBytes);
        _context.Synchronize();
        _hasStaleKeys = false;
        for (var i = 0; i < rounds.Length; i++)
        {
            results[i] = Accept(rounds[i], i, shape.Requests);
        }
    }

    /// <summary>The shape that serves rounds: of a power of two of sequences, so that few graphs are captured while requests come and go, or as many as fit.</summary>
    private static RoundShape Shape(ReadOnlySpan<DeviceRound> rounds)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds.Length, 2, nameof(rounds));
        var longest = 0;
        foreach (var round in rounds)
        {
            longest = Math.Max(longest, round.Length);
        }

        var length = RoundShape.LengthFor(longest);
        length = rounds.Length * (1 + length) <= SharedRoundBlock.Slots ? length : longest;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rounds.Length * (1 + length), SharedRoundBlock.Slots, nameof(rounds));
        return RoundShape.Of(rounds, length, Math.Min(Geometry.PowerOfTwo(rounds.Length), SharedRoundBlock.Slots / (1 + length)));
    }

    /// <summary>The draft of a sequence, the longest prefix of it that the full model chooses, too, and its own next token.</summary>
    private DeviceRoundResult Accept(in DeviceRound round, int sequence, int sequences)
    {
        var tokens = _resultOnHost + sequence;
        var choices = tokens + SharedRoundBlock.Slots;
        var (drafted, accepted) = (0, 0);
        for (; drafted < round.Room && tokens[(1 + drafted) * sequences] >= 0; drafted++)
        {
            round.Draft[drafted] = tokens[(1 + drafted) * sequences];
        }

        while (accepted < drafted && choices[accepted * sequences] == round.Draft[accepted])
        {
            accepted++;
        }

        // Behind a stop token there is no row.
        var stops = accepted > 0 && accepted == drafted && round.StopIds.AsSpan().Contains(round.Draft[accepted - 1]);
        return new(drafted, accepted, stops ? null : choices[accepted * sequences]);
    }

    /// <summary>Drafting step by step, one verification of all slots, and the choices of the full model, in launches.</summary>
    private void Record(RoundShape shape)
    {
        for (var step = 0; step <= shape.Length; step++)
        {
            // Each sequence's row runs the first layers, and its exit state says the next token. A draft that ends early has no rows any more.
            var rows = _rows.At(step * shape.Requests, _transformer.Geometry) with
            {
                Positions = _block.DraftPositions + (ulong)(step * sizeof(int)),
                Tables = _block.DraftTables + (ulong)(step * sizeof(ulong)),
            };
            _transformer.Embed(rows, shape.Requests);
            _transformer.Run(rows, shape.Requests, 0, shape.ExitLayer, _graphs.Scratch, shape.Spans);
            if (step < shape.Length)
            {
                Guess(rows, shape);
                GoOn(shape, step);
            }
        }

        _transformer.Run(_rows, shape.Slots, shape.ExitLayer, shape.Depth, _graphs.Scratch, shape.Spans);
        if (shape.Choice == RoundChoice.Drawn)
        {
            Draw(_rows, shape.Slots, shape);
        }
        else
        {
            _transformer.Head(_rows, shape.Slots);
        }

        _transformer.Choices.Choose(_block.Choices, _rows, shape.Slots);
    }

    /// <summary>From exit states to the keys of drafts' tokens, and to their likelihoods where those are asked for.</summary>
    private void Guess(in RowPointers rows, RoundShape shape)
    {
        var isListed = shape.Choice == RoundChoice.Listed;
        if (shape.Choice == RoundChoice.Drawn)
        {
            Draw(rows, shape.Requests, shape);
        }
        else if (shape.Judges)
        {
            _transformer.Logits(_logits.Logits, rows, shape.Requests);
            for (var i = 0; i < shape.Requests; i++)
            {
                _transformer.Sampling.Guess(_logits, i, rows.At(i, _transformer.Geometry), 1, isListed ? _draftVocabulary.List : 0, _block.Rounds[i].Own);
            }
        }
        else if (isListed)
        {
            _transformer.Head(rows, shape.Requests, _draftVocabulary.List, _draftVocabulary.Ids.Length, _block.Rounds[0].Own, DraftHead.MaxPromptTokens, RoundBlock.Bytes);
        }
        else
        {
            _transformer.Head(rows, shape.Requests);
        }
    }

    /// <summary>Keys of tokens that each row draws as its sequence asks, and how likely they were to be.</summary>
    private void Draw(in RowPointers rows, int count, RoundShape shape)
    {
        _transformer.Logits(_logits.Logits, rows, count);
        for (var i = 0; i < count; i++)
        {
            _transformer.Sampling.Draw(_logits, i, rows.At(i, _transformer.Geometry), 1, _block.Rounds[i % shape.Requests].Sampling);
        }
    }

    /// <summary>From keys to the rows of the next step.</summary>
    private void GoOn(RoundShape shape, int step)
    {
        // The kernel counts slots of one sequence, which stand together: it gets addresses from which on those of the step and of the next do. Positions and tables of a
        // sequence take the places of the next sequence's, which have been read by then: the last sequence goes first.
        for (var i = shape.Requests - 1; i >= 0; i--)
        {
            var (here, next) = ((step * shape.Requests) + i - step, ((step + 1) * shape.Requests) + i - (step + 1));
            var rows = _rows with
            {
                Tokens = _block.Tokens + (ulong)(next * sizeof(int)),
                Positions = _block.DraftPositions + (ulong)(i * sizeof(int)),
                Tables = _block.DraftTables + (ulong)(i * sizeof(ulong)),
                Best = _rows.Best + (ulong)(here * sizeof(ulong)),
            };
            var (round, likelihood) = (_block.Rounds[i], shape.Judges ? _logits.LikelihoodsOf(i) : 0);
            _transformer.Choices.DraftNext(rows, round.Stops, round.Room, likelihood, round.LastBelow, step);
        }
    }
}
