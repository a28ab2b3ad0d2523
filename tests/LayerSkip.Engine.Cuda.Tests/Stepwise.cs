using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>A device whose rounds are run step by step, though it could run them as a whole.</summary>
internal sealed class Stepwise(IDeviceModel model) : IDeviceModel
{
    public ModelConfig Config => model.Config;

    public WeightFormat WeightFormat => model.WeightFormat;

    public string Device => model.Device;

    public long WeightBytes => model.WeightBytes;

    public long KvBytes => model.KvBytes;

    public bool HasHiddenStates => model.HasHiddenStates;

    public long BytesRead(int from, int to, bool head) => model.BytesRead(from, to, head);

    public long KvBytesOf(int positions) => model.KvBytesOf(positions);

    public KvCache CreateCache() => model.CreateCache();

    public RowBuffer CreateRows(int capacity) => model.CreateRows(capacity);

    public DraftHead? CreateDraftHead(ReadOnlySpan<int> prompt) => model.CreateDraftHead(prompt);

    public void Embed(RowBuffer rows, int start, ReadOnlySpan<int> tokens) => model.Embed(rows, start, tokens);

    public void RunLayers(RowBuffer rows, int start, int count, int from, int to, CancellationToken cancellationToken = default) =>
        model.RunLayers(rows, start, count, from, to, cancellationToken);

    public void ArgMax(RowBuffer rows, int start, Span<int> tokens) => model.ArgMax(rows, start, tokens);

    public TokenGuess Guess(RowBuffer rows, int slot, DraftHead? head) => model.Guess(rows, slot, head);

    public void Normalize(RowBuffer rows, int start, int count, Span<float> states) => model.Normalize(rows, start, count, states);

    public void Logits(RowBuffer rows, int start, int count, Span<float> logits) => model.Logits(rows, start, count, logits);

    /// <summary>Whether the device draws tokens; else the host does.</summary>
    public bool DrawsTokens { get; init; } = model.DrawsTokens;

    public void Draw(RowBuffer rows, int start, TokenDraw draw, Span<TokenGuess> tokens) => model.Draw(rows, start, draw, tokens);

    public void Dispose()
    {
        // The model is the test's.
    }
}
