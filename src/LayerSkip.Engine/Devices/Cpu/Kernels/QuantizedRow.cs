using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LayerSkip.Engine.Devices.Cpu.Kernels;

/// <summary>An activation row in blocks of 32 signed bytes: what quantised weights are multiplied with.</summary>
/// <remarks>
/// A block is 32 integers q = round(x · 127 / max|x|) of -127..127, ties to even, the scale max|x| / 127 as float32, and the negated
/// sum of its integers as int32; the last block is filled up with zeros. It depends on its own 32 activations alone, and is the same on every machine.
/// A block with a NaN or an infinity has the scale NaN or infinity, and makes all outputs NaN.
/// </remarks>
internal static unsafe class QuantizedRow
{
    /// <summary>Inputs of a block.</summary>
    public const int BlockSize = 32;

    /// <summary>Bytes of a block.</summary>
    public const int BlockBytes = BlockSize + sizeof(float) + sizeof(int);

    /// <summary>The greatest magnitude of an integer.</summary>
    private const int Greatest = 127;

    /// <summary>Blocks whose activations are all smaller count as zeros: their scale's reciprocal would overflow.</summary>
    private const float Smallest = 1e-30f;

    /// <summary>Blocks of a row.</summary>
    public static int Blocks(int inputs) => (inputs + BlockSize - 1) / BlockSize;

    /// <summary>Floats that a row of blocks takes the room of.</summary>
    public static int Floats(int inputs) => Blocks(inputs) * (BlockBytes / sizeof(float));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(byte* block) => *(float*)(block + BlockSize);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int NegatedSum(byte* block) => *(int*)(block + BlockSize + sizeof(float));

    /// <summary>Quantises a row.</summary>
    /// <param name="x">The activations.</param>
    /// <param name="blocks">Room for its blocks, as many floats as <see cref="Floats"/> says.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(ReadOnlySpan<float> x, Span<float> blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(blocks.Length, Floats(x.Length), nameof(blocks));
        fixed (float* px = x, pb = blocks)
        {
            var block = (byte*)pb;
            var i = 0;
            for (; i <= x.Length - BlockSize; i += BlockSize, block += BlockBytes)
            {
                WriteBlock(px + i, block);
            }

            if (i < x.Length)
            {
                var last = stackalloc float[BlockSize];
                new Span<float>(last, BlockSize).Clear();
                x[i..].CopyTo(new Span<float>(last, BlockSize));
                WriteBlock(last, block);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteBlock(float* x, byte* block)
    {
        Vector256<float> a = Vector256.Load(x), b = Vector256.Load(x + 8), c = Vector256.Load(x + 16), d = Vector256.Load(x + 24);

        // NaNs prevail in Max.
        var greatest = Vector256.Max(Vector256.Max(Vector256.Abs(a), Vector256.Abs(b)), Vector256.Max(Vector256.Abs(c), Vector256.Abs(d)));
        var half = Vector128.Max(greatest.GetLower(), greatest.GetUpper());
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(1, 0, 3, 2)));
        var max = half.ToScalar();
        if (max < Smallest)
        {
            new Span<byte>(block, BlockBytes).Clear();
            return;
        }

        var inverse = Vector256.Create(Greatest / max);
        var low = Vector256.Narrow(Round(a * inverse), Round(b * inverse));
        var high = Vector256.Narrow(Round(c * inverse), Round(d * inverse));
        Vector256.Narrow(low, high).Store((sbyte*)block);
        *(float*)(block + BlockSize) = max / Greatest;

        // 32 integers of up to 127 fit 16 bits.
        *(int*)(block + BlockSize + sizeof(float)) = -Vector256.Sum(low + high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Round(Vector256<float> x) => Vector256.ConvertToInt32(Vector256.Round(x));
}
