using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Devices.Cpu;

/// <summary>A weight matrix [outputs, inputs] in device memory, packed in panels of 32 outputs; knows its format and how to multiply rows.</summary>
internal sealed unsafe class WeightMatrix
{
    private const int ChunkBytes = 128 * 1024;

    private readonly PanelKernel _kernel;
    private readonly byte* _panels;

    // Where each panel begins, and where the last one ends.
    private readonly nint[] _offsets;

    /// <summary>Lays an empty (all zero) matrix over memory that the caller keeps alive.</summary>
    /// <param name="memory">At least <see cref="BytesFor"/> bytes, zeroed.</param>
    /// <param name="kernel">Weight format and vector path.</param>
    /// <param name="outputs">Rows of the weight matrix.</param>
    /// <param name="inputs">Columns of the weight matrix.</param>
    public WeightMatrix(byte* memory, PanelKernel kernel, int outputs, int inputs)
        : this(memory, kernel, outputs, inputs, [.. Enumerable.Range(0, PanelsFor(outputs) + 1).Select(panel => (nint)(panel * kernel.PanelBytes(inputs)))])
    {
    }

    /// <summary>Lays a matrix over panels that are, or will be, in memory.</summary>
    /// <param name="memory">What the caller keeps alive.</param>
    /// <param name="kernel">Weight format and vector path.</param>
    /// <param name="outputs">Rows of the weight matrix.</param>
    /// <param name="inputs">Columns of the weight matrix.</param>
    /// <param name="offsets">Where each panel begins, and where the last one ends.</param>
    public WeightMatrix(byte* memory, PanelKernel kernel, int outputs, int inputs, nint[] offsets)
    {
        _kernel = kernel;
        _panels = memory;
        _offsets = offsets;
        Outputs = outputs;
        Inputs = inputs;
    }

    public int Outputs { get; }

    public int Inputs { get; }

    /// <summary>How the weights are kept, and with what vectors they are multiplied.</summary>
    public PanelKernel Kernel => _kernel;

    /// <summary>Panels of 32 outputs, the last one padded with zeros.</summary>
    public int Panels => PanelsFor(Outputs);

    /// <summary>Bytes read when every panel is used once.</summary>
    public long Bytes => _offsets[Panels];

    /// <summary>Panels to hand to a thread at a time: small enough to balance, large enough to be worth the hand-over.</summary>
    /// <param name="threads">Threads that share the work.</param>
    /// <param name="rows">Activation rows: with many, a chunk's panels share the rows' trip through the cache, so chunks are larger.</param>
    public int PanelsPerChunk(int threads, int rows)
    {
        var chunk = rows > 16 ? Panels / (4 * threads) : (int)Math.Min(Panels / (8 * threads), ChunkBytes * (long)Panels / Bytes);

        // A matrix too small for many chunks is dealt evenly.
        return Math.Max(Math.Min(_kernel.PanelsAtOnce(rows), (Panels + threads - 1) / threads), chunk);
    }

    public static int PanelsFor(int outputs) => (outputs + PanelKernel.Width - 1) / PanelKernel.Width;

    public static long BytesFor(PanelKernel kernel, int outputs, int inputs) =>
        PanelsFor(outputs) * kernel.PanelBytes(inputs);

    /// <summary>Packs a tensor's rows as the outputs from <paramref name="firstOutput"/> on.</summary>
    /// <exception cref="ArgumentException">The tensor does not fit there.</exception>
    /// <exception cref="CheckpointException">The tensor holds a NaN or an infinity, and the format has none.</exception>
    public void Fill(WeightTensor tensor, int firstOutput, int threads = 1)
    {
        if (tensor.Columns != Inputs || firstOutput < 0 || firstOutput > Outputs - tensor.Rows)
        {
            throw new ArgumentException(
                $"{tensor.Name} [{tensor.Rows}, {tensor.Columns}] does not fit at output {firstOutput} of a [{Outputs}, {Inputs}] matrix", nameof(tensor));
        }

        // One task fills whole panels, so that no two tasks write to one word.
        var firstPanel = firstOutput / PanelKernel.Width;
        var endPanel = PanelsFor(firstOutput + tensor.Rows);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
        try
        {
            Parallel.For(firstPanel, endPanel, parallel, () => new ColumnPacker(_kernel, tensor), (panel, _, packer) =>
            {
                var from = Math.Max(firstOutput, panel * PanelKernel.Width);
                var to = Math.Min(firstOutput + tensor.Rows, (panel + 1) * PanelKernel.Width);
                packer.Pack(from - firstOutput, to - from, Panel(panel), from % PanelKernel.Width);
                return packer;
            }, static _ => { });
        }
        catch (AggregateException failure) when (failure.InnerException is CheckpointException wrong)
        {
            throw new CheckpointException(wrong.Message, wrong);
        }
    }

    /// <summary>The same matrix elsewhere.</summary>
    /// <param name="memory">At least <see cref="Bytes"/> that the caller keeps alive.</param>
    public WeightMatrix CopyTo(byte* memory)
    {
        Buffer.MemoryCopy(_panels, memory, Bytes, Bytes);
        return new WeightMatrix(memory, _kernel, Outputs, Inputs, _offsets);
    }

    /// <summary>Packs rows of another matrix, in their order, as this one's outputs.</summary>
    /// <param name="source">A matrix of as many inputs, whose kernel's weights uncompressed are this one's.</param>
    /// <param name="outputs">The outputs of <paramref name="source"/>, one for each of this matrix's.</param>
    /// <exception cref="ArgumentException">The numbers of inputs or outputs differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An output is not one of <paramref name="source"/>'s.</exception>
    public void CopyRows(WeightMatrix source, ReadOnlySpan<int> outputs)
    {
        if (source.Inputs != Inputs || outputs.Length != Outputs || source._kernel.Uncompressed != _kernel)
        {
            throw new ArgumentException(
                $"{outputs.Length} rows of [{source.Outputs}, {source.Inputs}] do not fit a [{Outputs}, {Inputs}] matrix", nameof(outputs));
        }

        for (var output = 0; output < Outputs; output++)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)outputs[output], (uint)source.Outputs, nameof(outputs));
            source._kernel.CopyColumn(
                source.Panel(outputs[output] / PanelKernel.Width), outputs[output] % PanelKernel.Width,
                Panel(output / PanelKernel.Width), output % PanelKernel.Width, Inputs);
        }
    }

    /// <summary>Packs rows of another matrix, rounded to this one's blocks; what is not finite there gets scales that are not either.</summary>
    /// <param name="source">A matrix of as many inputs, in another format.</param>
    /// <param name="threads">Threads to pack with.</param>
    /// <param name="outputs">The outputs of <paramref name="source"/>, one for each of this matrix's; null: all.</param>
    /// <exception cref="ArgumentException">The numbers of inputs or outputs differ, or this matrix holds no blocks; or an output is not one of <paramref name="source"/>'s.</exception>
    public void Round(WeightMatrix source, int threads, int[]? outputs = null)
    {
        if (_kernel is not BlockKernel blocks || (outputs?.Length ?? source.Outputs, source.Inputs) != (Outputs, Inputs)
            || outputs?.AsSpan().IndexOfAnyExceptInRange(0, source.Outputs - 1) >= 0)
        {
            throw new ArgumentException($"[{source.Outputs}, {source.Inputs}] does not fit a [{Outputs}, {Inputs}] matrix of {_kernel.Format}", nameof(source));
        }

        Parallel.For(
            0,
            Panels,
            new ParallelOptions { MaxDegreeOfParallelism = threads },
            () => (Weights: new float[Inputs], Values: new sbyte[Inputs], Scales: new float[WeightBlocks.Count(Inputs)]),
            (panel, _, row) =>
            {
                for (var output = panel * PanelKernel.Width; output < Math.Min(Outputs, (panel + 1) * PanelKernel.Width); output++)
                {
                    source.ReadRow(outputs?[output] ?? output, row.Weights);
                    WeightBlocks.Quantize(blocks.DataType, row.Weights, row.Values, row.Scales);
                    blocks.WriteColumn(Panel(panel), output % PanelKernel.Width, row.Values, row.Scales);
                }

                return row;
            },
            static _ => { });
    }

    /// <summary>y[r, :] (+)= W x[r, :] for the outputs of the panels [from, to).</summary>
    /// <param name="from">First panel.</param>
    /// <param name="to">End of the panels, exclusive, at most <see cref="Panels"/>.</param>
    /// <param name="rows">Activation rows, 1 to those of x and y.</param>
    /// <param name="x">Rows of at least <see cref="Inputs"/> floats, or quantised, where the kernel takes them so.</param>
    /// <param name="y">Rows of at least 32 * <see cref="Panels"/> floats; padding outputs are written too.</param>
    /// <param name="accumulate">Add to y instead of overwriting it.</param>
    /// <exception cref="ArgumentException">A size does not fit.</exception>
    public void Multiply(int from, int to, int rows, in RowsView x, in RowsView y, bool accumulate)
    {
        if ((uint)from > (uint)to || to > Panels || rows < 1 || rows > x.Count || rows > y.Count
            || x.Stride < _kernel.RowFloats(Inputs) || y.Stride < Panels * PanelKernel.Width)
        {
            throw new ArgumentException(
                $"panels {from}..{to} of {Panels}, {rows} rows, x [{x.Count}, {x.Stride}], y [{y.Count}, {y.Stride}]: does not fit a [{Outputs}, {Inputs}] matrix");
        }

        _kernel.Multiply(Panel(from), to - from, Inputs, rows, x.Pointer, x.Stride, y.Pointer + (from * PanelKernel.Width), y.Stride, accumulate);
    }

    /// <summary>Asks memory for a piece of the weights, without waiting for it; what lies behind the last panel is left out.</summary>
    /// <param name="panel">The panel that offsets count from.</param>
    /// <param name="offset">Bytes from its beginning.</param>
    /// <param name="bytes">How many.</param>
    public void Fetch(int panel, int offset, int bytes)
    {
        var from = _offsets[panel] + offset;
        PanelKernel.Prefetch(_panels + from, (int)Math.Min(bytes, Bytes - from));
    }

    /// <summary>Reads the weights of one output, widened to float32: an embedding row of a tied head.</summary>
    public void ReadRow(int output, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)output, (uint)Outputs, nameof(output));
        _kernel.ReadColumn(Panel(output / PanelKernel.Width), output % PanelKernel.Width, destination[..Inputs]);
    }

    /// <summary>A panel's memory.</summary>
    public byte* Panel(int panel) => _panels + _offsets[panel];
}
