using System.Runtime.CompilerServices;
using LayerSkip.Engine.Cuda.Driver;
using LayerSkip.Engine.Cuda.Execution;

namespace LayerSkip.Engine.Cuda.Verification;

/// <summary>A device on which single kernels run.</summary>
/// <param name="context">The device; disposed with the bench.</param>
internal sealed class KernelBench(CudaContext context) : IDisposable
{
    private readonly KernelLibrary _kernels = new(context);
    private readonly Dictionary<string, nint> _functions = [];
    private readonly List<(ulong Address, long Bytes)> _memory = [];

    /// <summary>Puts values into device memory of its own.</summary>
    public ulong Put<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var bytes = (long)values.Length * Unsafe.SizeOf<T>();
        var address = context.Allocate(bytes);
        _memory.Add((address, bytes));
        context.Write(address, values);
        return address;
    }

    /// <summary>Puts values into device memory of its own.</summary>
    public ulong Put<T>(params T[] values)
        where T : unmanaged => Put((ReadOnlySpan<T>)values);

    /// <summary>Puts rows there, each with zeros up to a stride.</summary>
    public ulong PutRows(ReadOnlySpan<float> values, int length, int stride)
    {
        var padded = new float[values.Length / length * stride];
        for (var row = 0; row < values.Length / length; row++)
        {
            values.Slice(row * length, length).CopyTo(padded.AsSpan(row * stride));
        }

        return Put(padded);
    }

    /// <summary>Puts rows there as products take them: each value as three bfloat16 that add up to it.</summary>
    public ulong PutActivations(ReadOnlySpan<float> values, int length)
    {
        var halves = Geometry.ActivationBytes(length) / sizeof(ushort);
        var parts = new ushort[values.Length / length * halves];
        for (var i = 0; i < values.Length; i++)
        {
            var rest = values[i];
            for (var part = 0; part < 3; part++)
            {
                var bits = BitConverter.SingleToUInt32Bits(rest) & 0xFFFF0000;
                parts[(i / length * halves) + PlaceOf(i % length, part)] = (ushort)(bits >> 16);
                rest -= BitConverter.UInt32BitsToSingle(bits);
            }
        }

        return Put(parts);
    }

    /// <summary>Takes rows of activations, whose pads must be zero.</summary>
    /// <exception cref="KernelFaultException">A pad is not zero.</exception>
    public float[] GetActivations(ulong address, int rows, int length)
    {
        var halves = Geometry.ActivationBytes(length) / sizeof(ushort);
        var parts = Get<ushort>(address, rows * halves);
        var values = new float[rows * length];
        for (var row = 0; row < rows; row++)
        {
            for (var i = 0; i < Geometry.Padded(length); i++)
            {
                var value = 0f;
                for (var part = 2; part >= 0; part--)
                {
                    value += BitConverter.UInt32BitsToSingle((uint)parts[(row * halves) + PlaceOf(i, part)] << 16);
                }

                if (i < length)
                {
                    values[(row * length) + i] = value;
                }
                else if (value != 0)
                {
                    throw new KernelFaultException($"it wrote into the pad of row {row}");
                }
            }
        }

        return values;
    }

    /// <summary>Takes values from device memory, once all work has run.</summary>
    public unsafe T[] Get<T>(ulong address, int count)
        where T : unmanaged
    {
        var values = new T[count];
        fixed (T* target = values)
        {
            context.Read((nint)target, address, (long)count * sizeof(T));
            context.Synchronize();
        }

        return values;
    }

    /// <summary>Takes rows without their pads, which must be zero.</summary>
    /// <exception cref="KernelFaultException">A pad is not zero.</exception>
    public float[] GetRows(ulong address, int rows, int length, int stride)
    {
        var padded = Get<float>(address, rows * stride);
        var values = new float[rows * length];
        for (var row = 0; row < rows; row++)
        {
            padded.AsSpan(row * stride, length).CopyTo(values.AsSpan(row * length));
            if (padded.AsSpan(row * stride, stride)[length..].ContainsAnyExcept(0f))
            {
                throw new KernelFaultException($"it wrote into the pad of row {row}");
            }
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

        context.Launch(Function(kernel), grid, block, ref packed);
    }

    /// <summary>A kernel's function on the device.</summary>
    public nint Function(string kernel)
    {
        if (!_functions.TryGetValue(kernel, out var function))
        {
            _functions[kernel] = function = _kernels.Function(kernel);
        }

        return function;
    }

    /// <summary>Waits for all work so far.</summary>
    public void Synchronize() => context.Synchronize();

    /// <summary>Frees what was put into device memory.</summary>
    public void Clear()
    {
        foreach (var (address, bytes) in _memory)
        {
            context.Free(address, bytes);
        }

        _memory.Clear();
    }

    public void Dispose() => context.Dispose();

    /// <summary>Where a part of an activation lies in its row, in bfloat16.</summary>
    private static int PlaceOf(int input, int part) => (input / 32 * 96) + (32 * part) + (input % 32);
}
