using System.Buffers;

namespace LayerSkip.Engine.Decoding;

/// <summary>Room for the logits of a sequence's round, for one use after another: lent by the process's pool, since arrays of their size are dear to make and to collect.</summary>
/// <param name="vocabulary">Logits of a row.</param>
/// <param name="rows">Rows to make room for at first, or more where more are asked for.</param>
internal sealed class LogitsRoom(int vocabulary, int rows) : IDisposable
{
    private float[] _logits = [];

    /// <summary>An array that begins with room for so many rows. What stood there may be lost.</summary>
    public float[] Of(int count)
    {
        if (_logits.Length < count * vocabulary)
        {
            Dispose();
            _logits = ArrayPool<float>.Shared.Rent(Math.Max(count, rows) * vocabulary);
        }

        return _logits;
    }

    /// <summary>Exactly so many rows. What stood there may be lost.</summary>
    public Span<float> Rows(int count) => Of(count).AsSpan(0, count * vocabulary);

    public void Dispose()
    {
        if (_logits.Length > 0)
        {
            ArrayPool<float>.Shared.Return(_logits);
            _logits = [];
        }
    }
}
