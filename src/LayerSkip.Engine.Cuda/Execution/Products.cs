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
    private const int FewRows = 16;
    private const int BlocksAtOnce = 2; // on a multiprocessor: products.cu

    // Above, tiles read less than blocks of 16 rows do, which each read the weights. The longest draft and its input are below.
    private const int MostFewRows = 80;

    private readonly CudaContext _context;
    private readonly nint _embed;
    private readonly nint _project;
    private readonly nint _projectTiles;
    private readonly nint _projectAdd;
    private readonly nint _projectAddTiles;
    private readonly nint _gateUp;
    private readonly nint _gateUpTiles;
    private readonly nint _headArgMax;

    public Products(CudaContext context, KernelLibrary kernels, MatrixFormat format)
    {
        _context = context;
        var suffix = format.Suffix();
        _embed = kernels.Function($"embed_{suffix}");
        _project = kernels.Function($"project_{suffix}");
        _projectTiles = kernels.Function($"project_tiles_{suffix}");
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

    /// <summary>y = W · x + b</summary>
    public void Project(ulong y, int stride, DeviceMatrix matrix, ulong activations, ulong positions, int rows)
    {
        var arguments = default(KernelArguments);
        arguments.Add(y);
        Add(ref arguments, matrix);
        AddRows(ref arguments, matrix, activations, positions, rows);
        arguments.Add(stride);
        Launch(_project, _projectTiles, matrix, rows, ref arguments);
    }

    /// <summary>y += W · x + b</summary>
    public void ProjectAdd(ulong y, DeviceMatrix matrix, ulong activations, ulong positions, int rows)
    {
        var arguments = default(KernelArguments);
        arguments.Add(y);
        Add(ref arguments, matrix);
        AddRows(ref arguments, matrix, activations, positions, rows);
        Launch(_projectAdd, _projectAddTiles, matrix, rows, ref arguments);
    }

    /// <summary>y = silu(Wg · x + bg) · (Wu · x + bu), activations themselves</summary>
    public void GateUp(ulong y, DeviceMatrix gate, DeviceMatrix up, ulong activations, ulong positions, int rows)
    {
        var arguments = default(KernelArguments);
        arguments.Add(y);
        Add(ref arguments, gate);
        Add(ref arguments, up);
        AddRows(ref arguments, gate, activations, positions, rows);

        // A tile has as many outputs of both matrices together.
        var few = FewGrid(Geometry.Blocks(gate.Outputs, FewOutputs / 2), rows);
        Launch(_gateUp, few, _gateUpTiles, Geometry.Blocks(gate.Outputs, TileOutputs / 2), rows, ref arguments);
    }

    /// <summary>Raises rows' keys to those of the most likely of some tokens.</summary>
    /// <param name="head">[vocabulary, hidden]</param>
    /// <param name="ids">Device memory {count, id, id, ...}; 0: the whole vocabulary.</param>
    /// <param name="mostIds">Most ids there are; the vocabulary's size where there is no list.</param>
    /// <param name="activations">The rows' states behind the final norm.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many.</param>
    public void HeadArgMax(DeviceMatrix head, ulong ids, int mostIds, ulong activations, in RowPointers rows, int count)
    {
        var arguments = default(KernelArguments);
        arguments.Add(rows.Best);
        arguments.Add(head.Address);
        arguments.Add(head.Scales);
        arguments.Add(activations);
        arguments.Add(rows.Positions);
        arguments.Add(ids);
        arguments.Add(count);
        arguments.Add(mostIds);
        arguments.Add(head.Inputs);
        _context.Launch(_headArgMax, FewGrid(Geometry.Blocks(mostIds, FewOutputs), count), Threads, ref arguments);
    }

    private static void Add(ref KernelArguments arguments, DeviceMatrix matrix)
    {
        arguments.Add(matrix.Address);
        arguments.Add(matrix.Scales);
        arguments.Add(matrix.Bias);
    }

    private static void AddRows(ref KernelArguments arguments, DeviceMatrix matrix, ulong activations, ulong positions, int rows)
    {
        arguments.Add(activations);
        arguments.Add(positions);
        arguments.Add(rows);
        arguments.Add(matrix.Outputs);
        arguments.Add(matrix.Inputs);
    }

    /// <summary>Blocks where each goes on with further tiles of outputs: as many as run at once.</summary>
    private (int X, int Y, int Z) FewGrid(int tiles, int rows)
    {
        var rowBlocks = Geometry.Blocks(rows, FewRows);
        return (Math.Min(tiles, Math.Max(1, BlocksAtOnce * _context.Device.Multiprocessors / rowBlocks)), rowBlocks, 1);
    }

    private void Launch(nint few, nint tiles, DeviceMatrix matrix, int rows, ref KernelArguments arguments) => Launch(
        few, (Geometry.Blocks(matrix.Outputs, FewOutputs), Geometry.Blocks(rows, FewRows), 1), tiles, Geometry.Blocks(matrix.Outputs, TileOutputs), rows, ref arguments);

    private void Launch(nint few, (int X, int Y, int Z) fewGrid, nint tiles, int tileBlocks, int rows, ref KernelArguments arguments)
    {
        if (rows <= MostFewRows)
        {
            _context.Launch(few, fewGrid, Threads, ref arguments);
        }
        else
        {
            _context.Launch(tiles, (tileBlocks, Geometry.Blocks(rows, TileRows), 1), Threads, ref arguments);
        }
    }
}
