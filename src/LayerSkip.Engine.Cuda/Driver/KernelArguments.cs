using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace LayerSkip.Engine.Cuda.Driver;

/// <summary>A launch's arguments, in the kernel's order, on the caller's stack.</summary>
internal ref struct KernelArguments
{
    /// <summary>Most arguments of a kernel.</summary>
    public const int Most = 20;

    private Values _values;

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Their values, eight bytes each.</summary>
    [UnscopedRef]
    public ref ulong First => ref _values[0];

    /// <summary>Adds a device address, 0 for none.</summary>
    public void Add(ulong address)
    {
        Debug.Assert(Count < Most);
        _values[Count++] = address;
    }

    /// <summary>Adds an int.</summary>
    public void Add(int value) => Add((ulong)(uint)value);

    /// <summary>Adds a float.</summary>
    public void Add(float value) => Add((ulong)BitConverter.SingleToUInt32Bits(value));

    [InlineArray(Most)]
    private struct Values
    {
        private ulong _first;
    }
}
