using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu.Kernels;

namespace LayerSkip.Engine.Decoding;

/// <summary>
/// Keeps the log-probabilities of output tokens, from the logits of the layers that decide: at temperature 1, before processors and constraints.
/// These are the model's own (invariant I1), whoever drafted the token.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="room">Room for logits, in which nothing need be kept.</param>
/// <param name="top">Likeliest tokens to keep beside each output token.</param>
/// <param name="capacity">Output tokens to make room for at first.</param>
internal sealed class LogProbabilityRecorder(IDeviceModel model, LogitsRoom room, int top, int capacity)
{
    private readonly int _vocabulary = model.Config.VocabularySize;
    private readonly int _stride = 1 + top;

    // [tokens, chosen | likeliest first]; replaced when it grows, never changed where it has been read.
    private TokenLogProbability[] _entries = new TokenLogProbability[(1 + top) * capacity];

    /// <summary>Those of an output token; may be called while another thread records later ones.</summary>
    public OutputLogProbabilities this[int index]
    {
        get
        {
            var entries = _entries.AsMemory(index * _stride, _stride);
            return new(entries.Span[0], entries[1..]);
        }
    }

    /// <summary>Records output tokens.</summary>
    /// <param name="rows">The round's rows, standing after the last layer.</param>
    /// <param name="slot">Slot of the token before the first.</param>
    /// <param name="tokens">The tokens, of which each but the last stands in the next slot.</param>
    /// <param name="index">Index of the first in the output.</param>
    public void Record(RowBuffer rows, int slot, ReadOnlySpan<int> tokens, int index)
    {
        var needed = (index + tokens.Length) * _stride;
        if (needed > _entries.Length)
        {
            Array.Resize(ref _entries, Math.Max(needed, 2 * _entries.Length));
        }

        var all = room.Rows(tokens.Length);
        model.Logits(rows, slot, tokens.Length, all);
        for (var i = 0; i < tokens.Length; i++)
        {
            var logits = all.Slice(i * _vocabulary, _vocabulary);
            var entries = _entries.AsSpan((index + i) * _stride, _stride);
            var (max, logSum) = LogSum(logits);
            entries[0] = Of(tokens[i], logits, max, logSum);
            Likeliest(logits, entries[1..]);
            foreach (ref var entry in entries[1..])
            {
                entry = Of(entry.Token, logits, max, logSum);
            }
        }
    }

    private static TokenLogProbability Of(int token, ReadOnlySpan<float> logits, float max, double logSum)
    {
        // What is no number is nothing that can be chosen; and beside an infinite logit nothing else can.
        var distance = logits[token] == max ? 0 : logits[token] - max;
        return new(token, float.IsNaN(distance) ? float.NegativeInfinity : Math.Min(0, (float)(distance - logSum)));
    }

    /// <summary>The largest logit, and the logarithm of the sum of e^(logit - largest).</summary>
    private static (float Max, double LogSum) LogSum(ReadOnlySpan<float> logits)
    {
        var max = logits[ArgMax.Of(logits)];
        if (float.IsInfinity(max) || float.IsNaN(max))
        {
            return (max, 0);
        }

        return (max, Math.Log(SoftmaxSum.Of(logits, max)));
    }

    /// <summary>Finds the largest logits, in descending order.</summary>
    private static void Likeliest(ReadOnlySpan<float> logits, Span<TokenLogProbability> likeliest)
    {
        var count = 0;
        for (var token = 0; token < logits.Length && likeliest.Length > 0; token++)
        {
            var logit = float.IsNaN(logits[token]) ? float.NegativeInfinity : logits[token];
            if (count == likeliest.Length && logit <= likeliest[^1].LogProbability)
            {
                continue;
            }

            var place = count < likeliest.Length ? count++ : count - 1;
            for (; place > 0 && likeliest[place - 1].LogProbability < logit; place--)
            {
                likeliest[place] = likeliest[place - 1];
            }

            likeliest[place] = new(token, logit);
        }
    }
}
