using System.Diagnostics;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Jobs;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>
/// Runs a few rows through layers, as one job of four phases a layer: attention head by head, its output, and the MLP's two halves; or five, where heads cannot be
/// dealt evenly, and projections are by themselves.
/// </summary>
/// <remarks>
/// With few rows a layer takes little longer than threads take to tell each other anything. So whatever depends on a head alone happens in one chunk, every thread
/// norms and quantises the rows for itself, and what is a matrix's input is quantised in the chunk that it comes from.
/// </remarks>
internal sealed class LayerPass : LayersJob
{
    /// <summary>With more rows, what every thread does for itself is better shared.</summary>
    private const int MaxRows = 32;

    /// <summary>So many heads for each thread are dealt evenly enough.</summary>
    private const int ManyHeads = 4;

    /// <summary>Multiply-adds of one head's attention above which, where heads cannot be dealt evenly, dividing it among all threads is worth what they then have to tell each other.</summary>
    private const long MostUnevenWork = 1 << 18;

    /// <summary>Phases of a layer behind attention.</summary>
    private const int PhasesBehind = Step.Down - Step.Attention;

    private readonly int _headPanels;
    private readonly bool _headsFillPanels;
    private readonly bool _dealsHeads;
    private readonly int _phases; // of a layer

    private readonly ActivationBuffer _quantizedAttended;
    private readonly ActivationBuffer _quantizedGated;
    private RowsView _quantizedAttendedRows;
    private RowsView _quantizedGatedRows;

    /// <param name="config">The model's shape.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="attention">Used by nothing else meanwhile.</param>
    /// <param name="append">Of one head.</param>
    public LayerPass(ModelConfig config, ComputePool pool, RowAttention attention, CacheAppend append)
        : base(config, pool, attention, append, config.HiddenSize)
    {
        _headPanels = config.HeadDimension / PanelKernel.Width;
        _headsFillPanels = config.HeadDimension % PanelKernel.Width == 0;
        _dealsHeads = config.KeyValueHeads % pool.Threads == 0 || config.KeyValueHeads >= ManyHeads * pool.Threads;
        _phases = 1 + (int)Step.Down - (int)(_dealsHeads ? Step.Attention : Step.Projections);
        _quantizedAttended = new(QuantizedRow.Floats(config.AttentionHeads * config.HeadDimension));
        _quantizedGated = new(QuantizedRow.Floats(config.IntermediateSize));
    }

    /// <summary>The last layer ends with its keys and values where nobody reads a row.</summary>
    public override int Phases => (_phases * (To - From)) - (Unread < Count ? 0 : PhasesBehind);

    /// <summary>Whether this is the way for some rows: few of them, heads that fill whole panels, and not much attention where heads cannot be dealt evenly.</summary>
    public bool Suits(CpuRows rows, int start, int count) =>
        _headsFillPanels && count <= MaxRows && (_dealsHeads || Attention.WorkOf(rows, start, count) <= MostUnevenWork * Config.KeyValueHeads);

    protected override int RowsOfThread => Count;

    public override int Chunks(int phase)
    {
        var layer = Layer(phase);
        return StepOf(phase) switch
        {
            Step.Projections => Chunks(layer.Qkv),
            Step.Attention => Config.KeyValueHeads,
            Step.Output => Chunks(layer.Output),
            Step.GateAndUp => Chunks(layer.Gate),
            _ => Chunks(layer.Down),
        };
    }

    public override void Begin(int phase, int worker)
    {
        var (layer, isFirst) = (Layer(phase), phase % _phases == 0);
        if (IsCancelled || !(isFirst || StepOf(phase) == Step.GateAndUp))
        {
            return;
        }

        var weight = isFirst ? layer.AttentionNorm : layer.MlpNorm;
        var isQuantized = isFirst
            ? layer.Qkv.Kernel.TakesQuantizedRows
            : layer.Gate.Kernel.TakesQuantizedRows || layer.Up.Kernel.TakesQuantizedRows;
        for (var row = isFirst ? 0 : FirstRow(phase); row < Count; row++)
        {
            var normed = NormedRows[worker].Row(row, Config.HiddenSize);
            Norm(row, weight, normed);
            if (isQuantized)
            {
                QuantizedRow.Write(normed, QuantizedRows[worker].Row(row, QuantizedRow.Floats(normed.Length)));
            }
        }
    }

    public override void Run(int phase, int chunk, int worker)
    {
        var (layer, first) = (Layer(phase), FirstRow(phase));
        var (gated, hidden) = (Read(Shared.Gated, first), Read(Hidden, first));
        switch (StepOf(phase))
        {
            case Step.Projections when !IsCancelled:
                var (from, to) = Panels(layer.Qkv, chunk);
                Project(layer, from, to, worker);
                break;

            case Step.Attention:
                Attend(layer, From + (phase / _phases), chunk, first, worker);
                break;

            case Step.Output when !IsCancelled:
                (from, to) = Panels(layer.Output, chunk);
                Projection.Add(layer.Output, layer.OutputBias, from, to, Input(layer.Output, Shared.Attended, _quantizedAttendedRows, first), hidden);
                break;

            case Step.GateAndUp when !IsCancelled:
                (from, to) = Panels(layer.Gate, chunk);
                var (gate, up) = (Input(layer.Gate, NormedRows[worker], QuantizedRows[worker], first), Input(layer.Up, NormedRows[worker], QuantizedRows[worker], first));
                GatedMlp.Run(layer, from, to, gate, up, gated, Read(Shared.Up, first));
                var start = from * PanelKernel.Width;
                Quantize(layer.Down, Shared.Gated, _quantizedGatedRows, start, Math.Min(to * PanelKernel.Width, Config.IntermediateSize) - start, first);
                break;

            case Step.Down when !IsCancelled:
                (from, to) = Panels(layer.Down, chunk);
                Projection.Add(layer.Down, layer.DownBias, from, to, Input(layer.Down, Shared.Gated, _quantizedGatedRows, first), hidden);
                break;
        }
    }

    public override ReadAhead Upcoming(int phase, int worker)
    {
        var layer = Layer(phase);
        return StepOf(phase) switch
        {
            Step.Projections or Step.Attention => ReadAhead.Of(layer.Output, worker, Pool.Threads),
            Step.Output => ReadAhead.Of(layer.Gate, worker, Pool.Threads),
            Step.GateAndUp => ReadAhead.Of(layer.Down, worker, Pool.Threads),
            _ when !_dealsHeads => ReadAhead.Of(Layer(phase + 1).Qkv, worker, Pool.Threads),
            _ => new(Layer(phase + 1).Qkv, QueryPanel(ChunkDeal.Start(Config.KeyValueHeads, worker, Pool.Threads))),
        };
    }

    public override void Dispose()
    {
        base.Dispose();
        _quantizedAttended.Dispose();
        _quantizedGated.Dispose();
    }

    protected override void RunPhases(LayerSet layers, WeightMatrix upcoming)
    {
        (_quantizedAttendedRows, _quantizedGatedRows) = (_quantizedAttended.Rows(Count), _quantizedGated.Rows(Count));
        if (Count > 1 || Layers[From].Bytes > QuickerWay.MostBytesAlone)
        {
            base.RunPhases(layers, upcoming);
            return;
        }

        var began = Stopwatch.GetTimestamp();
        var isAlone = layers.OneRow.TakesFirst();
        if (isAlone)
        {
            Pool.RunAlone(this);
        }
        else
        {
            Pool.Run(this, upcoming);
        }

        if (!IsCancelled)
        {
            layers.OneRow.Took(isAlone, began, To - From);
        }
    }

    /// <summary>One key/value head from the rows, or their projections, to what they attend to.</summary>
    private void Attend(CpuLayer layer, int number, int head, int first, int worker)
    {
        if (LookForCancellation())
        {
            return;
        }

        var (group, heads) = (Config.AttentionHeads / Config.KeyValueHeads, Config.AttentionHeads);
        if (_dealsHeads)
        {
            ProjectHeads(head * group, group);
            ProjectHeads(heads + head, 1);
            ProjectHeads(heads + Config.KeyValueHeads + head, 1);
        }

        for (var row = 0; row < Count; row++)
        {
            Append.Run(Rows!, Start + row, number, head, Shared.Qkv.Row(row, Shared.Qkv.Stride));
        }

        for (var set = 0; set < Attention.Sets; set++)
        {
            Attention.Attend(set, head, number, worker, first, Count);
        }

        var width = group * Config.HeadDimension;
        Quantize(layer.Output, Shared.Attended, _quantizedAttendedRows, head * width, width, first);

        void ProjectHeads(int from, int count) => Project(layer, from * _headPanels, (from + count) * _headPanels, worker);
    }

    /// <summary>Some panels of the rows' queries, keys and values.</summary>
    private void Project(CpuLayer layer, int from, int to, int worker) => Projection.Write(
        layer.Qkv, layer.QkvBias, from, to, Input(layer.Qkv, NormedRows[worker], QuantizedRows[worker], first: 0), Shared.Qkv);

    /// <summary>Quantises some of the rows' elements, whole blocks, if a matrix takes them so.</summary>
    private void Quantize(WeightMatrix matrix, in RowsView rows, in RowsView quantized, int start, int length, int first)
    {
        if (!matrix.Kernel.TakesQuantizedRows)
        {
            return;
        }

        for (var row = first; row < Count; row++)
        {
            QuantizedRow.Write(
                rows.Row(row, rows.Stride).Slice(start, length),
                quantized.Row(row, quantized.Stride).Slice(QuantizedRow.Floats(start), QuantizedRow.Floats(length)));
        }
    }

    private RowsView Input(WeightMatrix matrix, in RowsView rows, in RowsView quantized, int first) =>
        Read(matrix.Kernel.TakesQuantizedRows ? quantized : rows, first);

    private RowsView Read(in RowsView rows, int first) => rows.Slice(first, Count - first);

    /// <summary>First row of a phase: the last layer goes on without the rows that nobody reads.</summary>
    private int FirstRow(int phase) => From + (phase / _phases) == To - 1 ? Unread : 0;

    private Step StepOf(int phase) => Step.Down - (_phases - 1 - (phase % _phases));

    /// <summary>A phase's layer. Threads that come too late ask about phases that are not there any more.</summary>
    private CpuLayer Layer(int phase)
    {
        // The next run may be set up meanwhile, with other layers.
        var layers = Layers;
        return layers[Math.Min(From + (phase / _phases), layers.Length - 1)];
    }

    private int QueryPanel(int head) => head * (Config.AttentionHeads / Config.KeyValueHeads) * _headPanels;

    private int Chunks(WeightMatrix matrix)
    {
        var panels = matrix.PanelsPerChunk(Pool.Threads, Count);
        return (matrix.Panels + panels - 1) / panels;
    }

    private (int From, int To) Panels(WeightMatrix matrix, int chunk)
    {
        var panels = matrix.PanelsPerChunk(Pool.Threads, Count);
        return (chunk * panels, Math.Min((chunk + 1) * panels, matrix.Panels));
    }

    /// <summary>The phases of a layer, in their order.</summary>
    private enum Step
    {
        Projections,
        Attention,
        Output,
        GateAndUp,
        Down,
    }
}
