using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Weights;

namespace LayerSkip.Engine.Cuda.Execution;

/// <summary>The kernels that read weights of one format. Few rows run one family, many another; both give the same bits.</summary>
internal sealed class Products
{
    private const int Threads = 256;
    private const int FewOutputs = 16;
    private const int TileOutputs = 64;
    private const int TileRows = 64;

    private readonly CudaContext _context;
    private readonly float _epsilon;
    private readonly nint _embed;
    private readonly nint _projectNorm;
    private readonly nint _projectNormTiles;
    private readonly nint _projectAdd;
    private readonly nint _projectAddTiles;
    private readonly nint _gateUp;
    private readonly nint _gateUpTiles;
    private readonly nint _headArgMax;

    public Products(CudaContext context, KernelLibrary kernels, MatrixFormat format, float epsilon)
    {
        _context = context;
        _epsilon = epsilon;
        var suffix = format.Suffix();
        _embed = kernels.Function($"embed_{suffix}");
        _projectNorm = kernels.Function($"project_norm_{suffix}");
        _projectNormTiles = kernels.Function($"project_norm_tiles_{suffix}");
        _projectAdd = kernels.Function($"project_add_{suffix}");
        _projectAddTiles = kernels.Function($"project_add_tiles_{suffix}");
        _gateUp = kernels.Function($"gate_up_{suffix}");
        _gateUpTiles = kernels.Function($"gate_up_tiles_{suffix}");
        _headArgMax = kernels.Function($"head_argmax_{suffix}");
    }

    /// <summary>Hidden states and rotary angles of rows whose tokens and positions are set.</summary>
    public void Embed(DeviceMatrix table, ulong frequencies, int planes, in RowPointers rows, int count)
    {
        var arguments = default(KernelArguments);
        arguments.Add(rows.Hidden);
        arguments.Add(rows.Angles);
        arguments.Add(rows.Tokens);
        arguments.Add(rows.Positions);
        arguments.Add(table.Address);
        arguments.Add(table.Scales);
        arguments.Add(frequencies);
        arguments.Add(count);
        arguments.Add(table.Inputs);
        arguments.Add(planes);
        _context.Launch(_embed, (count, 1, 1), 128, ref arguments);
    }

    /// <summary>y = W · rmsnorm(x) + b</summary>
    public void ProjectNorm(ulong y, int stride, DeviceMatrix matrix, ulong gain, in RowPointers x, int rows)
    {
        var arguments = default(KernelArguments);
        arguments.Add(y);
        Add(ref arguments, matrix);
        arguments.Add(x.Hidden);
        arguments.Add(gain);
        arguments.Add(x.Positions);
        arguments.Add(rows);
        arguments.Add(matrix.Outputs);
        arguments.Add(matrix.Inputs);
        arguments.Add(stride);
        arguments.Add(_epsilon);
        Launch(_projectNorm, _projectNormTiles, matrix, rows, ref arguments);
    }

    /// <summary>y += W · x + b</summary>
    public void ProjectAdd(ulong y, DeviceMatrix matrix, ulong x, ulong positions, int rows)
    {
        var arguments = default(KernelArguments);
        arguments.Add(y);
        Add(ref arguments, matrix);
        arguments.Add(x);
        arguments.Add(positions);
        arguments.Add(rows);
        arguments.Add(matrix.Outputs);
        arguments.Add(matrix.Inputs);
        Launch(_projectAdd, _projectAddTiles, matrix, rows, ref arguments);
    }

    /// <summary>y = silu(Wg · rmsnorm(x) + bg) · (Wu · rmsnorm(x) + bu)</summary>
    public void GateUp(ulong y, DeviceMatrix gate, DeviceMatrix up, ulong gain, in RowPointers x, int rows)
    {
        var arguments = default(KernelArguments);
        arguments.Add(y);
        Add(ref arguments, gate);
        Add(ref arguments, up);
        arguments.Add(x.Hidden);
        arguments.Add(gain);
        arguments.Add(x.Positions);
        arguments.Add(rows);
        arguments.Add(gate.Outputs);
        arguments.Add(gate.Inputs);
        arguments.Add(_epsilon);
        Launch(_gateUp, _gateUpTiles, gate, rows, ref arguments);
    }

    /// <summary>Raises rows' keys to those of the most likely of some tokens.</summary>
    /// <param name="head">[vocabulary, hidden]</param>
    /// <param name="gain">The final norm's.</param>
    /// <param name="ids">Device memory {count, id, id, ...}; 0: the whole vocabulary.</param>
    /// <param name="mostIds">Most ids there are; the vocabulary's size where there is no list.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    public void HeadArgMax(DeviceMatrix head, ulong gain, ulong ids, int mostIds, in RowPointers rows, int count)
    {
        var arguments = default(KernelArguments);
        arguments.Add(rows.Best);
        arguments.Add(head.Address);
        arguments.Add(head.Scales);
        arguments.Add(rows.Hidden);
        arguments.Add(gain);
        arguments.Add(rows.Positions);
        arguments.Add(ids);
        arguments.Add(count);
        arguments.Add(mostIds);
        arguments.Add(head.Inputs);
        arguments.Add(_epsilon);
        _context.Launch(_headArgMax, (Geometry.Blocks(mostIds, FewOutputs), Geometry.Blocks(count, Scratch.FewRows), 1), Threads, ref arguments);
    }

    private static void Add(ref KernelArguments arguments, DeviceMatrix matrix)
    {
        arguments.Add(matrix.Address);
        arguments.Add(matrix.Scales);
        arguments.Add(matrix.Bias);
    }

    private void Launch(nint few, nint tiles, DeviceMatrix matrix, int rows, ref KernelArguments arguments)
    {
        if (rows <= Scratch.FewRows)
        {
            _context.Launch(few, (Geometry.Blocks(matrix.Outputs, FewOutputs), 1, 1), Threads, ref arguments);
        }
        else
        {
            _context.Launch(tiles, (Geometry.Blocks(matrix.Outputs, TileOutputs), Geometry.Blocks(rows, TileRows), 1), Threads, ref arguments);
        }
    }
}
