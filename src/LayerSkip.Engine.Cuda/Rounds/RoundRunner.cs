using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Weights;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>Runs rounds of decoding as captured graphs: the host tells the round, launches, and waits once for its result.</summary>
/// <remarks>
/// A graph serves every sequence: what differs between rounds of a shape is read from device memory. Driver calls of a round do not depend on its length.
/// </remarks>
internal sealed unsafe class RoundRunner
{
    private const int ResultHeader = 4; // drafted, accepted, next, position

    private readonly CudaContext _context;
    private readonly Transformer _transformer;
    private readonly RoundGraphs _graphs;
    private readonly Action<RoundShape> _record;
    private readonly RoundBlock _block;
    private readonly RowPointers _rows;
    private readonly ulong _result;
    private readonly int* _resultOnHost;
    private readonly DraftVocabulary _draftVocabulary;
    private readonly LogitMemory _logits;
    private bool _hasStaleKeys;

    /// <param name="context">The device.</param>
    /// <param name="transformer">The model there.</param>
    /// <param name="draftVocabulary">The checkpoint's.</param>
    /// <param name="logits">For rounds that draw or judge.</param>
    /// <param name="graphs">The graphs.</param>
    public RoundRunner(CudaContext context, Transformer transformer, DraftVocabulary draftVocabulary, LogitMemory logits, RoundGraphs graphs)
    {
        _context = context;
        _transformer = transformer;
        _draftVocabulary = draftVocabulary;
        _logits = logits;
        (_graphs, _record) = (graphs, Record);
        _block = new RoundBlock(context.AllocateHost(RoundBlock.Bytes), context.Allocate(RoundBlock.Bytes));
        _rows = CudaRows.PointersIn(context.Allocate(CudaRows.BytesOf(transformer.Geometry, RoundBlock.Slots)), transformer.Geometry, RoundBlock.Slots) with
        {
            Tokens = _block.Tokens,
            Positions = _block.Positions,
            Tables = _block.Tables,
        };
        _result = context.Allocate(ResultBytes);
        _resultOnHost = (int*)context.AllocateHost(ResultBytes);
    }

    private static int ResultBytes => (ResultHeader + RoundBlock.Slots) * sizeof(int);

    /// <summary>Runs a round, for which the cache has room.</summary>
    /// <param name="round">The round.</param>
    public DeviceRoundResult Run(in DeviceRound round)
    {
        var graph = _graphs.Of(RoundShape.Of(new ReadOnlySpan<DeviceRound>(in round), RoundShape.LengthFor(round.Length), requests: 1), _record);
        if (_hasStaleKeys)
        {
            // The round that failed may have been launched, and be reading what is written next.
            _context.Settle();
            _context.Clear(_rows.Best, RoundBlock.Slots * sizeof(ulong));
        }

        _hasStaleKeys = true;
        _context.Write(_block.Tokens, _block.Fill(round));
        graph.Launch();
        _context.Read((nint)_resultOnHost, _result, (ResultHeader + round.Length) * sizeof(int));
        _context.Synchronize();
        _hasStaleKeys = false;

        var drafted = _resultOnHost[0];
        new ReadOnlySpan<int>(_resultOnHost + ResultHeader, drafted).CopyTo(round.Draft);
        var next = _resultOnHost[2];
        return new(drafted, _resultOnHost[1], next == -2 ? null : next);
    }

    /// <summary>Drafting token by token, one verification of all slots, acceptance: the decode story, in launches.</summary>
    private void Record(RoundShape shape)
    {
        // Draft: each token's row runs the first layers, and its exit state says the next token. A draft that ends early leaves slots without rows.
        for (var slot = 0; slot <= shape.Length; slot++)
        {
            var row = _rows.At(slot, _transformer.Geometry);
            _transformer.Embed(row, 1);
            _transformer.Run(row, 1, 0, shape.ExitLayer, _graphs.Scratch, shape.Spans);
            if (slot < shape.Length)
            {
                Guess(row, shape);
                _transformer.Choices.DraftNext(_rows, _block.Stops, _block.Room, shape.Judges ? _logits.Likelihoods : 0, _block.LastBelow, slot);
            }
        }

        // Verify: the remaining layers over all slots at once, going on from the exit states.
        _transformer.Run(_rows, 1 + shape.Length, shape.ExitLayer, shape.Depth, _graphs.Scratch, shape.Spans);
        if (shape.Choice == RoundChoice.Drawn)
        {
            _transformer.Draw(_logits, _rows, 1 + shape.Length, _block.Sampling);
        }
        else
        {
            _transformer.Head(_rows, 1 + shape.Length);
        }

        // Accept.
        _transformer.Choices.Accept(_result, _rows, 1 + shape.Length);
    }

    /// <summary>From the exit state to the key of the draft's token, and to its likelihood where that is asked for.</summary>
    private void Guess(in RowPointers row, RoundShape shape)
    {
        if (shape.Choice == RoundChoice.Drawn)
        {
            _transformer.Draw(_logits, row, 1, _block.Sampling);
        }
        else if (shape.Judges)
        {
            _transformer.Guess(_logits, row, 1, shape.Choice == RoundChoice.Listed ? _draftVocabulary.List : 0, _block.Own);
        }
        else if (shape.Choice == RoundChoice.Listed)
        {
            _transformer.Head(row, 1, _draftVocabulary.List, _draftVocabulary.Ids.Length, _block.Own, DraftHead.MaxPromptTokens);
        }
        else
        {
            _transformer.Head(row, 1);
        }
    }
}
