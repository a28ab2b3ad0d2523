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
    private const int OverlapVersion = 12040; // CUDA 12.4, from which on captured graphs keep a launch's attribute

    private readonly DriverFunctions _functions;
    private readonly HashSet<ulong> _memory = [];
    private readonly List<nint> _hostMemory = [];
    private readonly HashSet<nint> _graphs = [];
    private readonly HashSet<nint> _modules = [];
    private readonly nint _context;
    private readonly nint _stream;
    private CudaException? _lost;
    private bool _disposed;

    /// <param name="driver">The driver.</param>
    /// <param name="device">Of the driver.</param>
    /// <param name="counters">Count what is asked of it; null: counters of its own.</param>
    /// <exception cref="CudaException">The device cannot be used; nothing is held then.</exception>
    public CudaContext(CudaDriver driver, CudaDeviceInfo device, DriverCounters? counters = null)
    {
        Counters = counters ?? new();
        Driver = driver;
        Device = device;
        _functions = driver.Functions;
        Overlaps = device.ComputeCapability.Major >= 9 && driver.Version >= OverlapVersion && _functions.LaunchKernelEx != null;
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

    /// <summary>The driver's functions; what they return goes to <see cref="Check"/>.</summary>
    public DriverFunctions Functions => _functions;

    /// <summary>The stream that everything runs on.</summary>
    public nint Stream => _stream;

    public CudaDeviceInfo Device { get; }

    /// <summary>Whether a kernel starts while the one before it ends: the kernels must be those that wait (<see cref="Execution.KernelLibrary"/>).</summary>
    public bool Overlaps { get; }

    /// <summary>What has been asked of the device.</summary>
    public DriverCounters Counters { get; }

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

    /// <summary>Makes the context the calling thread's, as well as may be: to give back what a lost device held, too.</summary>
    public void MakeCurrent()
    {
        _functions.CtxSetCurrent(_context);
        Counters.Calls++;
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
            MakeCurrent();
            _functions.MemFree(address);
            Counters.Calls++;
            HeldBytes -= bytes;
        }
    }

    /// <summary>Takes host memory that the device reads and writes by itself; given back with the context.</summary>
    public nint AllocateHost(long bytes)
    {
        void* address;
        Check("cuMemHostAlloc", _functions.MemHostAlloc(&address, (nuint)Math.Max(bytes, 1), Portable));
        _hostMemory.Add((nint)address);
        new Span<byte>(address, checked((int)bytes)).Clear();
        return (nint)address;
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

    /// <summary>Copies between devices in this one's stream's order.</summary>
    public void Copy(ulong destination, CudaContext to, ulong source, CudaContext from, long bytes) =>
        Check("cuMemcpyPeerAsync", _functions.MemcpyPeerAsync(destination, to._context, source, from._context, (nuint)bytes, _stream));

    /// <summary>Waits for all work so far.</summary>
    public void Synchronize()
    {
        Counters.Synchronizations++;
        Check("cuStreamSynchronize", _functions.StreamSynchronize(_stream));
    }

    /// <summary>Waits for all work so far, whatever becomes of it; never throws.</summary>
    public void Settle()
    {
        MakeCurrent();
        _functions.StreamSynchronize(_stream);
        Counters.Calls++;
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
            if (Overlaps)
            {
                var attribute = new LaunchAttribute { Id = LaunchAttribute.StartsEarly, Value = 1 };
                var configuration = new LaunchConfiguration
                {
                    GridX = (uint)grid.X,
                    GridY = (uint)grid.Y,
                    GridZ = (uint)grid.Z,
                    BlockX = (uint)block,
                    BlockY = 1,
                    BlockZ = 1,
                    Stream = _stream,
                    Attributes = &attribute,
                    AttributeCount = 1,
                };
                Check("cuLaunchKernelEx", _functions.LaunchKernelEx(&configuration, function, pointers, null));
                return;
            }

            Check("cuLaunchKernel", _functions.LaunchKernel(function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)block, 1, 1, 0, _stream, pointers, null));
        }
    }

    /// <summary>Counts a call, and throws where it failed.</summary>
    /// <param name="call">The function's name in cuda.h.</param>
    /// <param name="code">What it returned.</param>
    /// <exception cref="CudaException">The code is not 0.</exception>
    public void Check(string call, int code)
    {
        Counters.Calls++;
        if (code != CudaError.Success)
        {
            throw Failure(call, code);
        }
    }

    /// <summary>The error of a call that failed; the device is lost where it is fatal.</summary>
    public CudaException Failure(string call, int code, string? detail = null)
    {
        var failure = new CudaException(call, code, detail);
        if (failure.IsFatal)
        {
            _lost ??= failure;
        }

        return failure;
    }

    /// <summary>Frees a module with everything else.</summary>
    public void Own(KernelModule module) => _modules.Add(module.Handle);

    /// <summary>Destroys a graph with everything else, unless it is destroyed before.</summary>
    public void Own(CudaGraph graph) => _graphs.Add(graph.Handle);

    /// <summary>A graph is to be destroyed.</summary>
    /// <returns>Whether it was still there.</returns>
    public bool Disown(CudaGraph graph) => _graphs.Remove(graph.Handle);

    /// <summary>Frees everything and lets the device go; never throws.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
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
