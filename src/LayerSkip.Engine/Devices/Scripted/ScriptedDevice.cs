using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Devices.Scripted;

/// <summary>
/// A device that computes nothing: a row is its token, and the head walks a given answer. It holds callers to the protocol of
/// <see cref="IDeviceModel"/>, since a row that skipped a layer would go unnoticed here otherwise.
/// </summary>
internal sealed class ScriptedDevice(ModelConfig config, ScriptedVocabulary vocabulary, Func<string, int, string> answer, double draftAccuracy)
    : IDeviceModel
{
    private const float ScriptedLogit = 100;
    private const float PassedOverLogit = 60;

    // What a wrong draft falls back to where its token is banned: then it guesses right.
    private const float SecondThoughtLogit = 90;

    private long _kvBytes;
    private int _requests;
    private volatile bool _disposed;

    public ModelConfig Config => config;

    public WeightFormat WeightFormat => WeightFormat.F32;

    public string Device => "scripted";

    public long WeightBytes => 0;

    public long KvBytes => Interlocked.Read(ref _kvBytes);

    public long BytesRead(int from, int to, bool head) => 0;

    public long KvBytesOf(int positions) => ScriptedKvCache.BytesOf(positions);

    public KvCache CreateCache()
    {
        RequireAlive();
        return new ScriptedKvCache(this);
    }

    public RowBuffer CreateRows(int capacity)
    {
        RequireAlive();
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        return new ScriptedRows(this, capacity);
    }

    public DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt) => null;

    public void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens)
    {
        RequireAlive();
        var own = Own(rows);
        for (var i = 0; i < tokens.Length; i++)
        {
            own.Cache.Embed(own.Position(start + i), tokens[i]);
            own.Depth(start + i) = 0;
        }
    }

    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default)
    {
        RequireAlive();
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, config.Layers);
        cancellationToken.ThrowIfCancellationRequested();
        var own = Own(rows);
        for (var slot = start; slot < start + count; slot++)
        {
            var position = own.Position(slot);
            if (own.Depth(slot) != from || own.Cache.Depth(position) != from)
            {
                throw new InvalidOperationException($"the row at position {position} stands after {own.Depth(slot)} layers, and is to run from layer {from}");
            }

            // By induction, all positions before the previous one have run as far.
            if (position > 0 && own.Cache.Depth(position - 1) < to)
            {
                throw new InvalidOperationException(
                    $"the row at position {position} is to run up to layer {to}, but the cache holds {own.Cache.Depth(position - 1)} layers of the position before it");
            }

            own.Depth(slot) = to;
            own.Cache.Run(position, to);
        }
    }

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens)
    {
        RequireAlive();
        for (var i = 0; i < tokens.Length; i++)
        {
            tokens[i] = Wanted(Own(rows), start + i).Token;
        }
    }

    public TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head)
    {
        RequireAlive();
        return head is null ? new(Wanted(Own(rows), slot).Token, 1) : throw new ArgumentException("the draft head is of another model", nameof(head));
    }

    public bool HasHiddenStates => false;

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states) =>
        throw new NotSupportedException("a scripted model has no hidden states");

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits)
    {
        RequireAlive();
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, count * config.VocabularySize, nameof(logits));
        for (var i = 0; i < count; i++)
        {
            var own = Own(rows);
            var row = logits.Slice(i * config.VocabularySize, config.VocabularySize);
            var (token, scripted, afterSpace) = Wanted(own, start + i);
            vocabulary.FillLogits(own.Position(start + i), row);
            row[afterSpace] = PassedOverLogit;
            row[scripted] = SecondThoughtLogit;
            row[token] = ScriptedLogit;
        }
    }

    public void Dispose() => _disposed = true;

    public void AddKvBytes(long bytes) => Interlocked.Add(ref _kvBytes, bytes);

    public int NextRequest() => Interlocked.Increment(ref _requests) - 1;

    /// <summary>The token a row wants most, what the full model wants there, and what it wants where white space is banned.</summary>
    private (int Token, int Scripted, int AfterSpace) Wanted(ScriptedRows rows, int slot)
    {
        var length = rows.Position(slot) + 1;
        var context = rows.Cache.Tokens(length);
        var prompt = Math.Min(rows.PromptTokens, length);
        var script = rows.Answer ??= new ScriptedAnswer(vocabulary, answer(vocabulary.Decode(context[..prompt]), rows.Request));
        var (scripted, afterSpace) = script.Next(context[prompt..]);
        var guesses = rows.Depth(slot) < config.Layers && !DraftIsRight(length - prompt);
        return (guesses ? vocabulary.OtherThan(scripted) : scripted, scripted, afterSpace);
    }

    /// <summary>Spread as if at random: an even spread could fall in step with the rounds, whose last token is never a draft's.</summary>
    private bool DraftIsRight(int index) => ScriptedVocabulary.Noise(index, id: 0) < draftAccuracy;

    private ScriptedRows Own(RowBuffer rows) =>
        rows is ScriptedRows own && own.Device == this ? own : throw new ArgumentException("the rows belong to another model", nameof(rows));

    private void RequireAlive() => ObjectDisposedException.ThrowIf(_disposed, typeof(LayerSkipModel));
}
