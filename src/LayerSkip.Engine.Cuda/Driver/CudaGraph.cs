namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>Launches that the driver runs again as a whole. What of it is not disposed goes with its context.</summary>
internal sealed unsafe class CudaGraph : IDisposable
{
    private const int RelaxedCapture = 2; // CU_STREAM_CAPTURE_MODE_RELAXED: other threads' contexts are none of its business

    private readonly CudaContext _context;
    private readonly int _kernels;

    private CudaGraph(CudaContext context, nint handle, int kernels) => (_context, Handle, _kernels) = (context, handle, kernels);

    /// <summary>The driver's.</summary>
    public nint Handle { get; }

    /// <summary>Makes a graph of what <paramref name="record"/> asks of a device's stream, none of which runs yet.</summary>
    /// <exception cref="CudaException">A call failed; nothing is captured any more.</exception>
    public static CudaGraph Capture(CudaContext context, Action record)
    {
        var (functions, counters) = (context.Functions, context.Counters);
        var before = counters.Kernels;
        nint graph, executable;
        context.Check("cuStreamBeginCapture", functions.StreamBeginCapture(context.Stream, RelaxedCapture));
        int kernels;
        try
        {
            record();
        }
        catch
        {
            // The stream must not go on capturing. What it returns here is the same error again.
            if (functions.StreamEndCapture(context.Stream, &graph) == CudaError.Success)
            {
                functions.GraphDestroy(graph);
            }

            counters.Calls += 2;
            throw;
        }
        finally
        {
            // None of them has run.
            kernels = (int)(counters.Kernels - before);
            counters.Kernels = before;
        }

        graph = 0;
        context.Check("cuStreamEndCapture", functions.StreamEndCapture(context.Stream, &graph));
        var code = functions.GraphInstantiate(&executable, graph, 0);
        functions.GraphDestroy(graph);
        counters.Calls++;
        context.Check("cuGraphInstantiate", code);
        counters.Captures++;
        var captured = new CudaGraph(context, executable, kernels);
        context.Own(captured);
        return captured;
    }

    /// <summary>Launches it in the stream's order.</summary>
    public void Launch()
    {
        _context.Counters.Graphs++;
        _context.Counters.Kernels += _kernels;
        _context.Check("cuGraphLaunch", _context.Functions.GraphLaunch(Handle, _context.Stream));
    }

    /// <summary>Destroys it once it has run; never throws.</summary>
    public void Dispose()
    {
        if (_context.Disown(this))
        {
            _context.MakeCurrent();
            _context.Functions.GraphExecDestroy(Handle);
            _context.Counters.Calls++;
        }
    }
}
