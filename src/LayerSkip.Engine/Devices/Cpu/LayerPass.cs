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
internal sealed class LayerPass : PhasedJob, IDisposable
{
    /// <summary>With more rows, what every thread does for itself is better shared.</summary>
    private const int MaxRows = 32;

    /// <summary>So many heads for each thread are dealt evenly enough.</summary>
    private const int ManyHeads = 4;

    /// <summary>Multiply-adds of one head's attention above which, where heads cannot be dealt evenly, dividing it among all threads is worth what they then have to tell each other.</summary>
    private const long MostUnevenWork = 1 << 18;

    /// <summary>Phases of a layer behind attention.</summary>
    private const int PhasesBehind = Step.Down - Step.Attention;

    private readonly ModelConfig _config;
    private readonly ComputePool _pool;
    private readonly RowAttention _attention;
    private readonly CacheAppend _append;
    private readonly int _headPanels;
    private readonly bool _headsFillPanels;
    private readonly bool _dealsHeads;
    private readonly int _phases; // of a layer

    // Of each thread: rows normed, and quantised.
    private readonly ActivationBuffer[] _normed;
    private readonly ActivationBuffer[] _quantized;
    private readonly RowsView[] _normedRows;
    private readonly RowsView[] _quantizedRows;

    private readonly ActivationBuffer _quantizedAttended;
    private readonly ActivationBuffer _quantizedGated;
    private RowsView _quantizedAttendedRows;
    private RowsView _quantizedGatedRows;

    private CpuLayer[] _layers = [];
    private CpuRows? _rows;
    private int _start;
    private int _count;
    private int _from;
    private int _to;
    private int _unread;
    private RowsView _hidden;
    private LayerRows _shared;
    private CancellationToken _cancellationToken;
    private volatile bool _isCancelled; // while a pass runs, any thread sets it and none clears it

    /// <param name="config">The model's shape.</param>
    /// <param name="pool">The threads.</param>
    /// <param name="attention">Used by nothing else meanwhile.</param>
    /// <param name="append">Of one head.</param>
    public LayerPass(ModelConfig config, ComputePool pool, RowAttention attention, CacheAppend append)
    {
        (_config, _pool, _attention, _append) = (config, pool, attention, append);
        _headPanels = config.HeadDimension / PanelKernel.Width;
        _headsFillPanels = config.HeadDimension % PanelKernel.Width == 0;
        _dealsHeads = config.KeyValueHeads % pool.Threads == 0 || config.KeyValueHeads >= ManyHeads * pool.Threads;
        _phases = 1 + (int)Step.Down - (int)(_dealsHeads ? Step.Attention : Step.Projections);
        _normed = [.. Enumerable.Range(0, pool.Threads).Select(_ => new ActivationBuffer(config.HiddenSize))];
        _quantized = [.. Enumerable.Range(0, pool.Threads).Select(_ => new ActivationBuffer(QuantizedRow.Floats(config.HiddenSize)))];
        (_normedRows, _quantizedRows) = (new RowsView[pool.Threads], new RowsView[pool.Threads]);
        _quantizedAttended = new(QuantizedRow.Floats(config.AttentionHeads * config.HeadDimension));
        _quantizedGated = new(QuantizedRow.Floats(config.IntermediateSize));
    }

    /// <summary>The last layer ends with its keys and values where nobody reads a row.</summary>
    public override int Phases => (_phases * (_to - _from)) - (_unread < _count ? 0 : PhasesBehind);

    /// <summary>Whether this is the way for some rows: few of them, heads that fill whole panels, and not much attention where heads cannot be dealt evenly.</summary>
    public bool Suits(CpuRows rows, int start, int count) =>
        _headsFillPanels && count <= MaxRows && (_dealsHeads || _attention.WorkOf(rows, start, count) <= MostUnevenWork * _config.KeyValueHeads);

    /// <summary>Runs layers, of which the last leaves out all but keys and values for the first rows.</summary>
    /// <param name="layers">The model's, or a copy of the first of them.</param>
    /// <param name="rows">Slots, placed.</param>
    /// <param name="start">First slot.</param>
    /// <param name="count">Number of slots, which this way suits.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">End of the layers, exclusive.</param>
    /// <param name="unread">Rows that nobody reads afterwards.</param>
    /// <param name="shared">Room for as many rows.</param>
    /// <param name="upcoming">What is multiplied next.</param>
    /// <param name="cancellationToken">Looked at in every layer.</param>
    public void Run(
        LayerSet layers, CpuRows rows, int start, int count, int from, int to, int unread, in LayerRows shared, WeightMatrix upcoming, CancellationToken cancellationToken)
    {
        (_layers, _rows, _start, _count, _from, _to, _unread) = (layers.Layers, rows, start, count, from, to, unread);
        (_hidden, _shared) = (rows.Hidden.Slice(start, count), shared);
        for (var worker = 0; worker < _normed.Length; worker++)
        {
            (_normedRows[worker], _quantizedRows[worker]) = (_normed[worker].Rows(count), _quantized[worker].Rows(count));
        }

        (_quantizedAttendedRows, _quantizedGatedRows) = (_quantizedAttended.Rows(count), _quantizedGated.Rows(count));
        _attention.Place(_pool.Threads, takers: 1, rows, start, shared.Qkv, shared.Attended);
        (_cancellationToken, _isCancelled) = (cancellationToken, false);
        try
        {
            if (to > from && count == 1 && _layers[from].Bytes <= QuickerWay.MostBytesAlone)
            {
                RunOneRow(layers.OneRow, upcoming);
            }
            else if (to > from)
            {
                _pool.Run(this, upcoming);
            }
        }
        finally
        {
            (_rows, _cancellationToken) = (null, default);
        }

        if (_isCancelled)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public override int Chunks(int phase)
    {
        var layer = Layer(phase);
        return StepOf(phase) switch
        {
            Step.Projections => Chunks(layer.Qkv),
            Step.Attention => _config.KeyValueHeads,
            Step.Output => Chunks(layer.Output),
            Step.GateAndUp => Chunks(layer.Gate),
            _ => Chunks(layer.Down),
        };
    }

    public override void Begin(int phase, int worker)
    {
        var (layer, isFirst) = (Layer(phase), phase % _phases == 0);
        if (_isCancelled || !(isFirst || StepOf(phase) == Step.GateAndUp))
        {
            return;
        }

        var weight = isFirst ? layer.AttentionNorm : layer.MlpNorm;
        var isQuantized = isFirst
            ? layer.Qkv.Kernel.TakesQuantizedRows
            : layer.Gate.Kernel.TakesQuantizedRows || layer.Up.Kernel.TakesQuantizedRows;
        for (var row = isFirst ? 0 : FirstRow(phase); row < _count; row++)
        {
            var normed = _normedRows[worker].Row(row, _config.HiddenSize);
            RmsNorm.Apply(_hidden.Row(row, _config.HiddenSize), weight, normed, _config.RmsNormEpsilon);
            if (isQuantized)
            {
                QuantizedRow.Write(normed, _quantizedRows[worker].Row(row, QuantizedRow.Floats(normed.Length)));
            }
        }
    }

    public override void Run(int phase, int chunk, int worker)
    {
        var (layer, first) = (Layer(phase), FirstRow(phase));
        var (gated, hidden) = (Read(_shared.Gated, first), Read(_hidden, first));
        switch (StepOf(phase))
        {
            case Step.Projections when !_isCancelled:
                var (from, to) = Panels(layer.Qkv, chunk);
                Project(layer, from, to, worker);
                break;

            case Step.Attention:
                Attend(layer, _from + (phase / _phases), chunk, first, worker);
                break;

            case Step.Output when !_isCancelled:
                (from, to) = Panels(layer.Output, chunk);
                Projection.Add(layer.Output, layer.OutputBias, from, to, Input(layer.Output, _shared.Attended, _quantizedAttendedRows, first), hidden);
                break;

            case Step.GateAndUp when !_isCancelled:
                (from, to) = Panels(layer.Gate, chunk);
                var (gate, up) = (Input(layer.Gate, _normedRows[worker], _quantizedRows[worker], first), Input(layer.Up, _normedRows[worker], _quantizedRows[worker], first));
                GatedMlp.Run(layer, from, to, gate, up, gated, Read(_shared.Up, first));
                var start = from * PanelKernel.Width;
                Quantize(layer.Down, _shared.Gated, _quantizedGatedRows, start, Math.Min(to * PanelKernel.Width, _config.IntermediateSize) - start, first);
                break;

            case Step.Down when !_isCancelled:
                (from, to) = Panels(layer.Down, chunk);
                Projection.Add(layer.Down, layer.DownBias, from, to, Input(layer.Down, _shared.Gated, _quantizedGatedRows, first), hidden);
                break;
        }
    }

    public override ReadAhead Upcoming(int phase, int worker)
    {
        var layer = Layer(phase);
        return StepOf(phase) switch
        {
            Step.Projections or Step.Attention => ReadAhead.Of(layer.Output, worker, _pool.Threads),
            Step.Output => ReadAhead.Of(layer.Gate, worker, _pool.Threads),
            Step.GateAndUp => ReadAhead.Of(layer.Down, worker, _pool.Threads),
            _ when !_dealsHeads => ReadAhead.Of(Layer(phase + 1).Qkv, worker, _pool.Threads),
            _ => new(Layer(phase + 1).Qkv, QueryPanel(ChunkDeal.Start(_config.KeyValueHeads, worker, _pool.Threads))),
        };
    }

    public void Dispose()
    {
        foreach (var buffer in (ReadOnlySpan<ActivationBuffer>)[.. _normed, .. _quantized, _quantizedAttended, _quantizedGated])
        {
            buffer.Dispose();
        }
    }

    private void RunOneRow(QuickerWay way, WeightMatrix upcoming)
    {
        var began = Stopwatch.GetTimestamp();
        var isAlone = way.TakesFirst();
        if (isAlone)
        {
            _pool.RunAlone(this);
        }
        else
        {
            _pool.Run(this, upcoming);
        }

        if (!_isCancelled)
        {
            way.Took(isAlone, began, _to - _from);
        }
    }

    /// <summary>One key/value head from the rows, or their projections, to what they attend to.</summary>
    private void Attend(CpuLayer layer, int number, int head, int first, int worker)
    {
        if (_cancellationToken.IsCancellationRequested)
        {
            _isCancelled = true;
        }

        if (_isCancelled)
        {
            return;
        }

        var (group, heads) = (_config.AttentionHeads / _config.KeyValueHeads, _config.AttentionHeads);
        if (_dealsHeads)
        {
            ProjectHeads(head * group, group);
            ProjectHeads(heads + head, 1);
            ProjectHeads(heads + _config.KeyValueHeads + head, 1);
        }

        for (var row = 0; row < _count; row++)
        {
            _append.Run(_rows!, _start + row, number, head, _shared.Qkv.Row(row, _shared.Qkv.Stride));
        }

        for (var set = 0; set < _attention.Sets; set++)
        {
            _attention.Attend(set, head, number, worker, first, _count);
        }

        var width = group * _config.HeadDimension;
        Quantize(layer.Output, _shared.Attended, _quantizedAttendedRows, head * width, width, first);

        void ProjectHeads(int from, int count) => Project(layer, from * _headPanels, (from + count) * _headPanels, worker);
    }

    /// <summary>Some panels of the rows' queries, keys and values.</summary>
    private void Project(CpuLayer layer, int from, int to, int worker) => Projection.Write(
        layer.Qkv, layer.QkvBias, from, to, Input(layer.Qkv, _normedRows[worker], _quantizedRows[worker], first: 0), _shared.Qkv);

    /// <summary>Quantises some of the rows' elements, whole blocks, if a matrix takes them so.</summary>
    private void Quantize(WeightMatrix matrix, in RowsView rows, in RowsView quantized, int start, int length, int first)
    {
        if (!matrix.Kernel.TakesQuantizedRows)
        {
            return;
        }

        for (var row = first; row < _count; row++)
        {
            QuantizedRow.Write(
                rows.Row(row, rows.Stride).Slice(start, length),
                quantized.Row(row, quantized.Stride).Slice(QuantizedRow.Floats(start), QuantizedRow.Floats(length)));
        }
    }

    private RowsView Input(WeightMatrix matrix, in RowsView rows, in RowsView quantized, int first) =>
        Read(matrix.Kernel.TakesQuantizedRows ? quantized : rows, first);

    private RowsView Read(in RowsView rows, int first) => rows.Slice(first, _count - first);

    /// <summary>First row of a phase: the last layer goes on without the rows that nobody reads.</summary>
    private int FirstRow(int phase) => _from + (phase / _phases) == _to - 1 ? _unread : 0;

    private Step StepOf(int phase) => Step.Down - (_phases - 1 - (phase % _phases));

    /// <summary>A phase's layer. Threads that come too late ask about phases that are not there any more.</summary>
    private CpuLayer Layer(int phase)
    {
        var layers = _layers;
        return layers[Math.Min(_from + (phase / _phases), layers.Length - 1)];
    }

    private int QueryPanel(int head) => head * (_config.AttentionHeads / _config.KeyValueHeads) * _headPanels;

    private int Chunks(WeightMatrix matrix)
    {
        var panels = matrix.PanelsPerChunk(_pool.Threads, _count);
        return (matrix.Panels + panels - 1) / panels;
    }

    private (int From, int To) Panels(WeightMatrix matrix, int chunk)
    {
        var panels = matrix.PanelsPerChunk(_pool.Threads, _count);
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
