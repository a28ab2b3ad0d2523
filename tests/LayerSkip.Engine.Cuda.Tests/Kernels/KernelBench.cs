using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;

namespace LayerSkip.Engine.Cuda.Tests.Kernels;

/// <summary>A device on which single kernels run.</summary>
internal sealed class KernelBench : IDisposable
{
    private readonly CudaContext _context;
    private readonly KernelLibrary _kernels;
    private readonly Dictionary<string, nint> _functions = [];

    public KernelBench()
    {
        var (driver, device) = Rig.Device;
        _context = new CudaContext(driver, device);
        _kernels = new KernelLibrary(_context);
    }

    /// <summary>The stride of vectors of k elements.</summary>
    public static int Padded(int k) => Geometry.Padded(k);

    /// <summary>Runs the same twice, emulated threads in forward and in reversed order; the results must be the same to the last bit.</summary>
    public static T[] InBothOrders<T>(Func<KernelBench, T[]> run)
        where T : unmanaged
    {
        var results = new T[2][];
        for (var order = 0; order < 2; order++)
        {
            using var bench = new KernelBench();
            if (Rig.IsGpu)
            {
                results[order] = run(bench);
                continue;
            }

            Rig.Controls.Reverse(order == 1);
            try
            {
                results[order] = run(bench);
                Assert.True(Rig.Controls.IsWhole, "a kernel wrote outside its memory");
            }
            finally
            {
                Rig.Controls.Reverse(false);
            }
        }

        Assert.True(
            MemoryMarshal.AsBytes<T>(results[0]).SequenceEqual(MemoryMarshal.AsBytes<T>(results[1])), "the result depends on the order of the threads");
        return results[0];
    }

    /// <summary>Puts values into device memory of its own.</summary>
    public ulong Put<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var address = _context.Allocate((long)values.Length * Unsafe.SizeOf<T>());
        _context.Write(address, values);
        return address;
    }

    public ulong Put<T>(params T[] values)
        where T : unmanaged => Put((ReadOnlySpan<T>)values);

    /// <summary>Writes over values that were put there.</summary>
    public void Set<T>(ulong address, ReadOnlySpan<T> values)
        where T : unmanaged => _context.Write(address, values);

    /// <summary>Puts rows there, each with zeros up to a stride.</summary>
    public ulong PutRows(float[] values, int length, int stride)
    {
        var padded = new float[values.Length / length * stride];
        for (var row = 0; row < values.Length / length; row++)
        {
            values.AsSpan(row * length, length).CopyTo(padded.AsSpan(row * stride));
        }

        return Put(padded);
    }

    /// <summary>Takes values from device memory, once all work has run.</summary>
    public unsafe T[] Get<T>(ulong address, int count)
        where T : unmanaged
    {
        var values = new T[count];
        fixed (T* target = values)
        {
            _context.Read((nint)target, address, (long)count * sizeof(T));
            _context.Synchronize();
        }

        return values;
    }

    /// <summary>Takes rows without their pads, which must be zero.</summary>
    public float[] GetRows(ulong address, int rows, int length, int stride)
    {
        var padded = Get<float>(address, rows * stride);
        var values = new float[rows * length];
        for (var row = 0; row < rows; row++)
        {
            padded.AsSpan(row * stride, length).CopyTo(values.AsSpan(row * length));
            Assert.False(padded.AsSpan(row * stride, stride)[length..].ContainsAnyExcept(0f), "a kernel wrote into a pad");
        }

        return values;
    }

    /// <summary>Launches a kernel: addresses as ulong, and ints and floats.</summary>
    public void Launch(string kernel, (int X, int Y, int Z) grid, int block, params ReadOnlySpan<object> arguments)
    {
        var packed = default(KernelArguments);
        foreach (var argument in arguments)
        {
            switch (argument)
            {
                case ulong address:
                    packed.Add(address);
                    break;
                case int value:
                    packed.Add(value);
                    break;
                default:
                    packed.Add((float)argument);
                    break;
            }
        }

        _context.Launch(Function(kernel), grid, block, ref packed);
    }

    /// <summary>Looks a kernel up.</summary>
    public void Find(string kernel) => Assert.NotEqual(0, Function(kernel));

    public void Synchronize() => _context.Synchronize();

    public void Dispose() => _context.Dispose();

    private nint Function(string kernel)
    {
        if (!_functions.TryGetValue(kernel, out var function))
        {
            _functions[kernel] = function = _kernels.Function(kernel);
        }

        return function;
    }
}
