using System.Text;

namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>Kernels that the driver has compiled for a device. They go with its context.</summary>
internal sealed unsafe class KernelModule
{
    private readonly CudaContext _context;

    private KernelModule(CudaContext context, nint handle) => (_context, Handle) = (context, handle);

    /// <summary>The driver's.</summary>
    public nint Handle { get; }

    /// <summary>Loads kernels from PTX, which the driver compiles for the device.</summary>
    /// <param name="context">The device.</param>
    /// <param name="ptx">The text, ending with a zero byte.</param>
    /// <exception cref="CudaException">The driver cannot compile it; the message has what the compiler says.</exception>
    public static KernelModule Load(CudaContext context, ReadOnlySpan<byte> ptx)
    {
        const int ErrorLogBuffer = 5, ErrorLogBytes = 6; // of enum CUjit_option
        const int Longest = 2048;
        var log = stackalloc byte[Longest];
        log[0] = 0;
        var options = stackalloc int[] { ErrorLogBuffer, ErrorLogBytes };
        var values = stackalloc void*[] { log, (void*)Longest };
        nint handle;
        fixed (byte* image = ptx)
        {
            var code = context.Functions.ModuleLoadDataEx(&handle, image, 2, options, values);
            context.Counters.Calls++;
            if (code != CudaError.Success)
            {
                var text = new string((sbyte*)log).Trim();
                throw context.Failure("cuModuleLoadDataEx", code, text.Length > 0 ? text : null);
            }
        }

        var module = new KernelModule(context, handle);
        context.Own(module);
        return module;
    }

    /// <summary>A kernel.</summary>
    public nint Function(string name)
    {
        nint function;
        fixed (byte* text = Encoding.ASCII.GetBytes(name + "\0"))
        {
            var code = _context.Functions.ModuleGetFunction(&function, Handle, text);
            _context.Counters.Calls++;
            return code == CudaError.Success ? function : throw _context.Failure("cuModuleGetFunction", code, $"kernel {name}");
        }
    }
}
