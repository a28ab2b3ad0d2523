using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Decoding;

/// <summary>
/// Means of the hidden states of inputs, pass by pass: several short inputs share a pass, a long one takes several. Used by one thread at a time.
/// </summary>
/// <remarks>
/// A row's state depends on its own input alone, and a mean is summed up position by position, so that a result is the same bits whatever
/// else is in the batch.
/// </remarks>
internal sealed class MeanPooling : IDisposable
{
    /// <summary>Inputs of one pass. Each holds a KV cache of its own, which has a smallest size.</summary>
    private const int MaxInputs = 32;

    private readonly IDeviceModel _model;
    private readonly string _name;
    private readonly int[] _tokens;
    private readonly int[] _lengths;
    private readonly int _layer;
    private readonly long _maxKvBytes;
    private readonly RowBuffer _rows;
    private readonly List<Part> _parts = [];

    // [rows, hidden], of one pass.
    private readonly float[] _states;

    // [hidden], of the input that is being summed up.
    private readonly double[] _sums;

    // Where the next pass begins: an input, how many of its tokens have been run, and the cache that holds them if there are any.
    private int _input;
    private int _done;
    private int _offset;
    private KvCache? _cache;

    /// <param name="model">Has hidden states.</param>
    /// <param name="tokens">The inputs' token ids, one input after the other; checked.</param>
    /// <param name="lengths">Tokens of each input; at least 1, fitting the model's context, and all of <paramref name="tokens"/> together.</param>
    /// <param name="layer">Layers to run, 1 .. L.</param>
    /// <param name="maxKvBytes">Most bytes of KV caches at once, enough for each input alone.</param>
    /// <param name="name">The model's name, for errors.</param>
    public MeanPooling(IDeviceModel model, int[] tokens, int[] lengths, int layer, long maxKvBytes, string name)
    {
        var (rows, hidden) = (Math.Min(tokens.Length, Generation.PrefillRows), model.Config.HiddenSize);
        (_model, _name, _tokens, _lengths, _layer, _maxKvBytes) = (model, name, tokens, lengths, layer, maxKvBytes);
        Means = new float[lengths.Length * hidden];
        _states = new float[rows * hidden];
        _sums = new double[hidden];
        _rows = model.CreateRows(Math.Max(rows, 1));
    }

    /// <summary>[inputs, hidden]; complete once <see cref="NextPass"/> has returned false.</summary>
    public float[] Means { get; }

    /// <summary>Bytes of KV caches with which no pass has to be shorter for want of them.</summary>
    public static long KvBytesOf(IDeviceModel model, ReadOnlySpan<int> lengths)
    {
        var (longest, total) = (0, 0L);
        foreach (var length in lengths)
        {
            (longest, total) = (Math.Max(longest, length), total + length);
        }

        // A pass may end the longest, and be filled up with others, each of which takes more than its tokens do: a cache has a smallest size.
        var others = (int)Math.Min(total - longest, Generation.PrefillRows);
        return model.KvBytesOf(longest) + model.KvBytesOf(others) + (Math.Clamp(lengths.Length - 1, 0, MaxInputs) * model.KvBytesOf(1));
    }

    /// <summary>Runs one pass.</summary>
    /// <param name="cancellationToken">Looked at between layers; the pooling cannot go on afterwards.</param>
    /// <returns>Whether there is more to do.</returns>
    /// <exception cref="CheckpointException">A hidden state is not finite.</exception>
    public bool NextPass(CancellationToken cancellationToken)
    {
        if (_input == _lengths.Length)
        {
            return false;
        }

        try
        {
            var count = Plan();
            _model.RunLayers(_rows, 0, count, 0, _layer, cancellationToken);
            _model.Normalize(_rows, 0, count, _states.AsSpan(0, count * _sums.Length));
            Sum();
        }
        catch
        {
            Dispose();
            throw;
        }

        return _input < _lengths.Length;
    }

    public void Dispose()
    {
        foreach (var part in _parts)
        {
            part.Cache.Dispose();
        }

        _parts.Clear();
        _cache?.Dispose();
        _cache = null;
        _rows.Dispose();
    }

    /// <summary>Fills the pass's rows from where the last one ended.</summary>
    /// <returns>Rows filled.</returns>
    private int Plan()
    {
        var (row, input, done, offset) = (0, _input, _done, _offset);
        var kvBytes = 0L;
        while (row < _rows.Capacity && input < _lengths.Length && _parts.Count < MaxInputs)
        {
            var count = Math.Min(_lengths[input] - done, _rows.Capacity - row);
            kvBytes += _model.KvBytesOf(done + count);
            if (kvBytes > _maxKvBytes && row > 0)
            {
                break;
            }

            var cache = done > 0 ? _cache! : _model.CreateCache();
            _cache = null;
            _parts.Add(new Part(input, cache, done, count));
            _rows.Place(row, count, cache, done);
            _model.Embed(_rows, row, _tokens.AsSpan(offset, count));
            (row, done, offset) = (row + count, done + count, offset + count);
            if (done == _lengths[input])
            {
                (input, done) = (input + 1, 0);
            }
        }

        (_input, _done, _offset) = (input, done, offset);
        return row;
    }

    private void Sum()
    {
        var row = 0;
        foreach (var part in _parts)
        {
            if (part.Start == 0)
            {
                Array.Clear(_sums);
            }

            for (var end = row + part.Count; row < end; row++)
            {
                var state = _states.AsSpan(row * _sums.Length, _sums.Length);
                for (var i = 0; i < state.Length; i++)
                {
                    _sums[i] += state[i];
                }
            }

            if (part.Start + part.Count < _lengths[part.Input])
            {
                // The last one: the next pass goes on with it.
                part.Cache.Length = part.Start + part.Count;
                _cache = part.Cache;
                continue;
            }

            part.Cache.Dispose();
            var mean = Means.AsSpan(part.Input * _sums.Length, _sums.Length);
            var isFinite = true;
            for (var i = 0; i < mean.Length; i++)
            {
                mean[i] = (float)(_sums[i] / _lengths[part.Input]);
                isFinite &= float.IsFinite(mean[i]);
            }

            // What is not finite stays so in a sum.
            if (!isFinite)
            {
                throw CheckpointException.WeightsDamaged(_name, $"a hidden state after layer {_layer} is NaN or infinite");
            }
        }

        _parts.Clear();
    }

    /// <summary>Consecutive tokens of an input in a pass.</summary>
    private readonly record struct Part(int Input, KvCache Cache, int Start, int Count);
}
