using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Tests.Devices;

/// <summary>A device that has another one do the work, step by step: by itself it shares nothing, draws nothing and runs no rounds as a whole.</summary>
/// <param name="inner">Does the work.</param>
internal abstract class DelegatingDevice(IDeviceModel inner) : IDeviceModel
{
    public ModelConfig Config => Inner.Config;

    public WeightFormat WeightFormat => Inner.WeightFormat;

    public string Device => Inner.Device;

    public long WeightBytes => Inner.WeightBytes;

    public long KvBytes => Inner.KvBytes;

    public bool HasHiddenStates => Inner.HasHiddenStates;

    public virtual int SharedRows => 0;

    protected IDeviceModel Inner { get; } = inner;

    public long BytesRead(int from, int to, bool head) => Inner.BytesRead(from, to, head);

    public virtual long KvBytesOf(int positions) => Inner.KvBytesOf(positions);

    public virtual KvCache CreateCache() => Inner.CreateCache();

    public virtual RowBuffer CreateRows(int capacity) => Inner.CreateRows(capacity);

    public virtual DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt) => Inner.CreateDraftHead(prompt);

    public virtual void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens) => Inner.Embed(rows, start, tokens);

    public virtual void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default) =>
        Inner.RunLayers(rows, start, count, from, to, cancellationToken);

    public virtual bool DraftsBy(DraftWeights weights) => Inner.DraftsBy(weights);

    public virtual bool PrepareDraftLayers(int layers, DraftWeights weights, CancellationToken cancellationToken = default) =>
        Inner.PrepareDraftLayers(layers, weights, cancellationToken);

    public virtual void RunDraftLayers(RowBuffer rows, int start, int count, int from, int to, DraftWeights weights, CancellationToken cancellationToken = default) =>
        Inner.RunDraftLayers(rows, start, count, from, to, weights, cancellationToken);

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens) => Inner.ArgMax(rows, start, tokens);

    public virtual TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head) => Inner.Guess(rows, slot, head);

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states) => Inner.Normalize(rows, start, count, states);

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits) => Inner.Logits(rows, start, count, logits);

    /// <summary>The model is the test's.</summary>
    public virtual void Dispose()
    {
    }
}
