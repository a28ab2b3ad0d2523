using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LayerSkip.Training.Layers;

/// <summary>
/// One row's mask of a <see cref="Dropout"/>, drawn column after column: eight xorshift generators (Marsaglia 2003) side by side, each drawing
/// every eighth column, so that the numbers are the same on every machine.
/// </summary>
internal struct DropoutMask
{
    /// <summary>Columns of a draw.</summary>
    public const int Lanes = 8;

    private readonly bool _drops;
    private readonly Vector256<uint> _threshold;
    private readonly Vector256<float> _scale;
    private Vector256<uint> _state;

    /// <param name="rate">Share of the columns that are dropped.</param>
    /// <param name="seed">Chooses which.</param>
    public DropoutMask(double rate, ulong seed)
    {
        _scale = Vector256.Create((float)(1 / (1 - rate)));
        _drops = rate > 0;
        if (!_drops)
        {
            return;
        }

        Span<uint> states = stackalloc uint[Lanes];
        for (var lane = 0; lane < Lanes; lane++)
        {
            states[lane] = (uint)Dropout.Mix(seed + (ulong)lane) | 1; // never 0, where xorshift would stay
        }

        _state = Vector256.Create<uint>(states);
        _threshold = Vector256.Create((uint)(rate * uint.MaxValue));
    }

    /// <summary>The factors of the next eight columns: 0, or 1 / (1 − rate).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Next()
    {
        if (!_drops)
        {
            return _scale;
        }

        _state ^= _state << 13;
        _state ^= _state >>> 17;
        _state ^= _state << 5;
        return _scale & Vector256.GreaterThanOrEqual(_state, _threshold).AsSingle();
    }
}
