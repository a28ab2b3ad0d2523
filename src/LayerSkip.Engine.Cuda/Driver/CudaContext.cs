using System.Runtime.ConstrainedExecution;

namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>A device in use: its primary context with one stream, on which everything runs in order, and all memory taken there.</summary>
/// <remarks>
/// Used by one thread at a time, which calls <see cref="Enter"/> first. What is still held when it is disposed is freed, whoever forgot it.
/// After a fatal error (<see cref="CudaError.IsFatal"/>) every later call throws.
/// </remarks>
internal sealed unsafe class CudaContext : CriticalFinalizerObject, IDisposable
{
    private const uint NonBlocking = 1; // CU_STREAM_NON_BLOCKING
    private const uint Portable = 1; // CU_MEMHOSTALLOC_PORTABLE
    private const int RelaxedCapture = 2; // CU_STREAM_CAPTURE_MODE_RELAXED: other threads' contexts are none of its business

    private readonly DriverFunctions _functions;
    private readonly HashSet<ulong> _memory = [];
    private readonly HashSet<nint> _hostMemory = [];
    private readonly HashSet<nint> _graphs = [];
    private readonly HashSet<nint> _modules = [];
    private readonly nint _context;
    private readonly nint _stream;
    private CudaException? _lost;
    private bool _disposed;

    /// <exception cref="CudaException">The device cannot be used; nothing is held then.</exception>
    public CudaContext(CudaDriver driver, CudaDeviceInfo device)
    {
        Driver = driver;
        Device = device;
        _functions = driver.Functions;
        try
        {
            nint context, stream;
            Check("cuDevicePrimaryCtxRetain", _functions.DevicePrimaryCtxRetain(&context, device.Handle));
            _context = context;
            Enter();
            Check("cuStreamCreate", _functions.StreamCreate(&stream, NonBlocking));
            _stream = stream;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    ~CudaContext() => Free();

    public CudaDriver Driver { get; }

    public CudaDeviceInfo Device { get; }

    /// <summary>What has been asked of the device.</summary>
    public DriverCounters Counters { get; } = new();

    /// <summary>Bytes of device memory held.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>Whether an earlier error has made the device useless.</summary>
    public bool IsLost => _lost is not null;

    /// <summary>Frees what is only kept for later, and tells whether there was anything: asked where memory runs out.</summary>
    public Func<bool>? Reclaim { get; set; }

    /// <summary>Makes the context the calling thread's.</summary>
    /// <exception cref="CudaException">The device was lost.</exception>
    public void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_lost is not null)
        {
            throw new CudaException(_lost);
        }

        Check("cuCtxSetCurrent", _functions.CtxSetCurrent(_context));
    }

    /// <summary>Bytes of device memory that are free, of whoever's.</summary>
    public long FreeBytes()
    {
        nuint free, total;
        Check("cuMemGetInfo", _functions.MemGetInfo(&free, &total));
        return (long)free;
    }

    /// <summary>Takes device memory, all zeros.</summary>
    /// <exception cref="InsufficientMemoryException">The device has not that much to give.</exception>
    public ulong Allocate(long bytes)
    {
        ulong address;
        _memory.EnsureCapacity(_memory.Count + 1);
        var code = _functions.MemAlloc(&address, (nuint)Math.Max(bytes, 1));
        if (code == CudaError.OutOfMemory && Reclaim?.Invoke() == true)
        {
            Counters.Calls++;
            code = _functions.MemAlloc(&address, (nuint)Math.Max(bytes, 1));
        }

        if (code == CudaError.OutOfMemory)
        {
            Counters.Calls++;
            throw new InsufficientMemoryException(new CudaException("cuMemAlloc", code, $"{bytes >> 10} KiB were asked for on {Device.Name}").Message);
        }

        Check("cuMemAlloc", code);
        _memory.Add(address);
        try
        {
            Clear(address, bytes);
        }
        catch
        {
            Free(address);
            throw;
        }

        HeldBytes += bytes;
        return address;
    }

    /// <summary>Gives device memory back once all work that uses it has run; never throws.</summary>
    /// <param name="address">Of <see cref="Allocate"/>; 0: nothing.</param>
    /// <param name="bytes">How much was asked for.</param>
    public void Free(ulong address, long bytes = 0)
    {
        if (address != 0 && _memory.Remove(address))
        {
            _functions.CtxSetCurrent(_context);
            _functions.MemFree(address);
            Counters.Calls += 2;
            HeldBytes -= bytes;
        }
    }

    /// <summary>Takes host memory that the device reads and writes by itself.</summary>
    public nint AllocateHost(long bytes)
    {
        void* address;
        Check("cuMemHostAlloc", _functions.MemHostAlloc(&address, (nuint)Math.Max(bytes, 1), Portable));
        _hostMemory.Add((nint)address);
        new Span<byte>(address, checked((int)bytes)).Clear();
        return (nint)address;
    }

    /// <summary>Gives host memory back; never throws.</summary>
    public void FreeHost(nint address)
    {
        if (_hostMemory.Remove(address))
        {
            _functions.CtxSetCurrent(_context);
            _functions.MemFreeHost((void*)address);
            Counters.Calls += 2;
        }
    }

    /// <summary>Fills memory with zeros, in the stream's order.</summary>
    public void Clear(ulong address, long bytes) => Check("cuMemsetD8Async", _functions.MemsetD8Async(address, 0, (nuint)bytes, _stream));

    /// <summary>Copies to the device in the stream's order. Ordinary memory may change once it returns; page-locked memory not before the next <see cref="Synchronize"/>.</summary>
    public void Write<T>(ulong destination, ReadOnlySpan<T> source)
        where T : unmanaged
    {
        fixed (T* from = source)
        {
            Check("cuMemcpyHtoDAsync", _functions.MemcpyHtoDAsync(destination, from, (nuint)source.Length * (nuint)sizeof(T), _stream));
        }
    }

    /// <summary>Copies from the device in the stream's order; what is read is there after the next <see cref="Synchronize"/>.</summary>
    /// <param name="destination">Page-locked memory, or memory that does not move until then.</param>
    /// <param name="source">Device memory.</param>
    /// <param name="bytes">How much.</param>
    public void Read(nint destination, ulong source, long bytes) =>
        Check("cuMemcpyDtoHAsync", _functions.MemcpyDtoHAsync((void*)destination, source, (nuint)bytes, _stream));

    /// <summary>Copies within the device in the stream's order.</summary>
    public void Copy(ulong destination, ulong source, long bytes) =>
        Check("cuMemcpyDtoDAsync", _functions.MemcpyDtoDAsync(destination, source, (nuint)bytes, _stream));

    /// <summary>Waits for all work so far.</summary>
    public void Synchronize()
    {
        Counters.Synchronizations++;
        Check("cuStreamSynchronize", _functions.StreamSynchronize(_stream));
    }

    /// <summary>Loads kernels from PTX, which the driver compiles for the device.</summary>
    /// <param name="ptx">The text, ending with a zero byte.</param>
    public nint LoadModule(ReadOnlySpan<byte> ptx)
    {
        const int ErrorLogBuffer = 5, ErrorLogBytes = 6; // of enum CUjit_option
        const int Longest = 2048;
        var log = stackalloc byte[Longest];
        log[0] = 0;
        var options = stackalloc int[] { ErrorLogBuffer, ErrorLogBytes };
        var values = stackalloc void*[] { log, (void*)Longest };
        nint module;
        fixed (byte* image = ptx)
        {
            var code = _functions.ModuleLoadDataEx(&module, image, 2, options, values);
            if (code != CudaError.Success)
            {
                var text = new string((sbyte*)log).Trim();
                throw Failure("cuModuleLoadDataEx", code, text.Length > 0 ? text : null);
            }

            Counters.Calls++;
        }

        _modules.Add(module);
        return module;
    }

    /// <summary>A kernel of a module.</summary>
    public nint Function(nint module, string name)
    {
        nint function;
        fixed (byte* text = System.Text.Encoding.ASCII.GetBytes(name + "\0"))
        {
            var code = _functions.ModuleGetFunction(&function, module, text);
            Counters.Calls++;
            return code == CudaError.Success ? function : throw Failure("cuModuleGetFunction", code, $"kernel {name}");
        }
    }

    /// <summary>Launches a kernel in the stream's order, or adds it to the graph that is being captured.</summary>
    public void Launch(nint function, (int X, int Y, int Z) grid, int block, ref KernelArguments arguments)
    {
        fixed (ulong* values = &arguments.First)
        {
            var pointers = stackalloc void*[KernelArguments.Most];
            for (var i = 0; i < arguments.Count; i++)
            {
                pointers[i] = values + i;
            }

            Counters.Kernels++;
            Check("cuLaunchKernel", _functions.LaunchKernel(function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)block, 1, 1, 0, _stream, pointers, null));
        }
    }

    /// <summary>Makes a graph of what <paramref name="record"/> asks of the stream, none of which runs yet.</summary>
    /// <returns>The graph, to be destroyed by <see cref="Destroy"/>.</returns>
    public nint Capture(Action record)
    {
        nint graph, executable;
        Check("cuStreamBeginCapture", _functions.StreamBeginCapture(_stream, RelaxedCapture));
        try
        {
            record();
        }
        catch
        {
            // The stream must not go on capturing. What it returns here is the same error again.
            if (_functions.StreamEndCapture(_stream, &graph) == CudaError.Success)
            {
                _functions.GraphDestroy(graph);
            }

            Counters.Calls += 2;
            throw;
        }

        graph = 0;
        var code = _functions.StreamEndCapture(_stream, &graph);
        Check("cuStreamEndCapture", code);
        code = _functions.GraphInstantiate(&executable, graph, 0);
        _functions.GraphDestroy(graph);
        Counters.Calls++;
        Check("cuGraphInstantiate", code);
        _graphs.Add(executable);
        Counters.Captures++;
        return executable;
    }

    /// <summary>Launches a graph in the stream's order.</summary>
    /// <param name="graph">Of <see cref="Capture"/>.</param>
    /// <param name="kernels">How many kernels it launches.</param>
    public void Launch(nint graph, int kernels)
    {
        Counters.Graphs++;
        Counters.Kernels += kernels;
        Check("cuGraphLaunch", _functions.GraphLaunch(graph, _stream));
    }

    /// <summary>Destroys a graph that has run; never throws.</summary>
    public void Destroy(nint graph)
    {
        if (_graphs.Remove(graph))
        {
            _functions.CtxSetCurrent(_context);
            _functions.GraphExecDestroy(graph);
            Counters.Calls += 2;
        }
    }

    /// <summary>Seconds that the device spends on what <paramref name="work"/> asks of the stream.</summary>
    public double Time(Action work)
    {
        nint begin = 0, end = 0;
        try
        {
            Check("cuEventCreate", _functions.EventCreate(&begin, 0));
            Check("cuEventCreate", _functions.EventCreate(&end, 0));
            Check("cuEventRecord", _functions.EventRecord(begin, _stream));
            work();
            Check("cuEventRecord", _functions.EventRecord(end, _stream));
            Check("cuEventSynchronize", _functions.EventSynchronize(end));
            float milliseconds;
            Check("cuEventElapsedTime", _functions.EventElapsedTime(&milliseconds, begin, end));
            return milliseconds / 1000.0;
        }
        finally
        {
            foreach (var created in (ReadOnlySpan<nint>)[begin, end])
            {
                if (created != 0)
                {
                    _functions.EventDestroy(created);
                }
            }
        }
    }

    /// <summary>Frees everything and lets the device go; never throws.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Check(string call, int code)
    {
        Counters.Calls++;
        if (code != CudaError.Success)
        {
            throw Failure(call, code);
        }
    }

    private CudaException Failure(string call, int code, string? detail = null)
    {
        var failure = new CudaException(call, code, detail);
        if (failure.IsFatal)
        {
            _lost ??= failure;
        }

        return failure;
    }

    private void Free()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (_context == 0)
        {
            return;
        }

        // A lost device answers each of these with its error: there is nothing more to be done about it.
        _functions.CtxSetCurrent(_context);
        if (_stream != 0)
        {
            _functions.StreamSynchronize(_stream);
        }

        foreach (var graph in _graphs)
        {
            _functions.GraphExecDestroy(graph);
        }

        foreach (var module in _modules)
        {
            _functions.ModuleUnload(module);
        }

        foreach (var address in _memory)
        {
            _functions.MemFree(address);
        }

        foreach (var address in _hostMemory)
        {
            _functions.MemFreeHost((void*)address);
        }

        if (_stream != 0)
        {
            _functions.StreamDestroy(_stream);
        }

        _functions.DevicePrimaryCtxRelease(Device.Handle);
        _memory.Clear();
        _hostMemory.Clear();
        _graphs.Clear();
        HeldBytes = 0;
    }
}
