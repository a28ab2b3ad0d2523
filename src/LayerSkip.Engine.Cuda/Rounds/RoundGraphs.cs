using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;

namespace LayerSkip.Engine.Cuda.Rounds;

/// <summary>The graphs of rounds, captured when a shape is first asked for. At most <see cref="Most"/> are kept, those that ran last.</summary>
/// <param name="context">The device.</param>
/// <param name="geometry">The model's sizes.</param>
/// <param name="logits">For rounds that draw or judge.</param>
internal sealed class RoundGraphs(CudaContext context, Geometry geometry, LogitMemory logits)
{
    /// <summary>
    /// Most graphs kept. One exit layer and depth take up to 16 lengths (<see cref="RoundShape.LengthFor"/>) at each doubling of the context, and of the sequences at once.
    /// </summary>
    public const int Most = 64;

    private readonly Dictionary<RoundShape, KeptGraph> _graphs = [];
    private long _rounds;

    /// <summary>What layers compute on their way, in every graph.</summary>
    public Scratch Scratch { get; } = new(context, geometry);

    /// <summary>The graph of a shape.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="record">Launches what it is to run.</param>
    public CudaGraph Of(RoundShape shape, Action<RoundShape> record)
    {
        if (Scratch.Reserve(shape.Slots, shape.Spans))
        {
            Forget(keep: 0);
        }

        if (!_graphs.TryGetValue(shape, out var kept))
        {
            if (shape.NeedsLogits)
            {
                logits.Reserve();
            }

            Forget(keep: Most - 1);
            _graphs.Add(shape, kept = Capture(shape, record));
        }

        kept.LastRound = ++_rounds;
        return kept.Graph;
    }

    // By itself, since a lambda's captures are allocated where their scope begins.
    private KeptGraph Capture(RoundShape shape, Action<RoundShape> record) => new(CudaGraph.Capture(context, () => record(shape)));

    /// <summary>Destroys the graphs that have not run for longest.</summary>
    private void Forget(int keep)
    {
        while (_graphs.Count > keep)
        {
            var oldest = default(KeyValuePair<RoundShape, KeptGraph>);
            foreach (var entry in _graphs)
            {
                oldest = oldest.Value is null || entry.Value.LastRound < oldest.Value.LastRound ? entry : oldest;
            }

            oldest.Value.Graph.Dispose();
            _graphs.Remove(oldest.Key);
        }
    }

    private sealed class KeptGraph(CudaGraph graph)
    {
        public CudaGraph Graph => graph;

        public long LastRound { get; set; }
    }
}
