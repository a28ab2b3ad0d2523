using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;
using LayerSkip.Engine.Cuda.Memory;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda;

/// <summary>A GPU's part of a model: consecutive layers, and what their passes and caches take of its memory. The first one has embeddings and head, too.</summary>
/// <remarks>Used under the model's gate, the context being the thread's.</remarks>
internal sealed class CudaStage
{
    private readonly Scratch _scratch;

    /// <param name="weights">The layers' weights.</param>
    /// <param name="context">The GPU that has them.</param>
    /// <param name="geometry">The model's sizes.</param>
    /// <param name="first">The first layer.</param>
    public CudaStage(CudaContext context, CudaWeights weights, Geometry geometry, int first)
    {
        Context = context;
        Weights = weights;
        First = first;
        Transformer = new Transformer(context, weights, geometry);
        _scratch = new Scratch(context, geometry);
        PageBytes = geometry.PageBytes(Layers);
        Pages = new SlabPool(context, PageBytes);
        Tables = new SlabPool(context, geometry.MaxPages * sizeof(ulong));
        Rows = new RowPools(context, geometry);
        context.Reclaim = () => Pages.Trim() | Tables.Trim() | Rows.Trim();
    }

    public CudaContext Context { get; }

    public CudaWeights Weights { get; }

    /// <summary>The launches that run its layers.</summary>
    public Transformer Transformer { get; }

    /// <summary>The first of its layers.</summary>
    public int First { get; }

    /// <summary>How many it has.</summary>
    public int Layers => Weights.Layers.Length;

    /// <summary>End of its layers, exclusive.</summary>
    public int End => First + Layers;

    /// <summary>Bytes of a cache page of its layers.</summary>
    public long PageBytes { get; }

    /// <summary>Pages of caches.</summary>
    public SlabPool Pages { get; }

    /// <summary>Tables of caches' pages.</summary>
    public SlabPool Tables { get; }

    /// <summary>Memory of row buffers.</summary>
    public RowPools Rows { get; }

    /// <summary>Runs those of the layers [from, to) that are its own.</summary>
    public void Run(in RowPointers rows, int count, int from, int to, int spans, CancellationToken cancellationToken)
    {
        _scratch.Reserve(count, spans);
        Transformer.Run(rows, count, Math.Max(from, First) - First, Math.Min(to, End) - First, _scratch, spans, cancellationToken);
    }
}
