using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Layers;
using LayerSkip.Training.Numerics;

namespace LayerSkip.Training.Models;

/// <summary>
/// One layer of the Llama family: middle = x + attention(norm(x)), y = middle + mlp(norm(middle)). The weights come with each call;
/// what is held here is scratch memory that all layers share.
/// </summary>
internal sealed class TransformerLayer : IDisposable
{
    // Places of dropout.
    internal const int AttendedPlace = 0;
    internal const int GatedPlace = 1;

    private readonly ModelConfig _config;
    private readonly ComputePool _pool;
    private readonly Gemm _gemm;
    private readonly Rope _rope;
    private readonly CausalAttention _attention;
    private readonly ActivationBuffer _normed;    // [R, hidden]
    private readonly ActivationBuffer _dNormed;   // [R, hidden]
    private readonly ActivationBuffer _gated;     // [R, F]
    private readonly ActivationBuffer _dGated;    // [R, F]
    private readonly ActivationBuffer _dAttended; // [R, queryHeads · headDimension]
    private readonly ActivationBuffer _dQkv;      // [R, (queryHeads + 2 keyValueHeads) · headDimension]

    public TransformerLayer(ModelConfig config, ComputePool pool, Gemm gemm)
    {
        (_config, _pool, _gemm) = (config, pool, gemm);
        _rope = new Rope(config);
        _attention = new CausalAttention(config, pool.Threads);
        _normed = new ActivationBuffer(config.HiddenSize);
        _dNormed = new ActivationBuffer(config.HiddenSize);
        _gated = new ActivationBuffer(config.IntermediateSize);
        _dGated = new ActivationBuffer(config.IntermediateSize);
        _dAttended = new ActivationBuffer(QueryWidth);
        _dQkv = new ActivationBuffer(QkvWidth);
    }

    public long Bytes =>
        _attention.Bytes + _normed.Bytes + _dNormed.Bytes + _gated.Bytes + _dGated.Bytes + _dAttended.Bytes + _dQkv.Bytes;

    private int QueryWidth => _config.AttentionHeads * _config.HeadDimension;

    private int QkvWidth => (_config.AttentionHeads + (2 * _config.KeyValueHeads)) * _config.HeadDimension;

    private int TurnedHeads => _config.AttentionHeads + _config.KeyValueHeads;

    /// <param name="w">The layer's weights.</param>
    /// <param name="layout">The rows' sequences.</param>
    /// <param name="x">[R, hidden].</param>
    /// <param name="saved">Filled for the backward pass.</param>
    /// <param name="y">Result [R, hidden].</param>
    /// <param name="dropout">Of what goes into the two projections that write into the residual stream.</param>
    public void Forward(in LayerParameters w, SequenceLayout layout, Matrix x, LayerActivations saved, Matrix y, Dropout dropout)
    {
        var rows = layout.Rows;
        var normed = Matrix.Of(_normed, rows, _config.HiddenSize);
        var qkv = Matrix.Of(saved.Qkv, rows, QkvWidth);
        var attended = Matrix.Of(saved.Attended, rows, QueryWidth);
        var middle = Matrix.Of(saved.Middle, rows, _config.HiddenSize);
        var gateUp = Matrix.Of(saved.GateUp, rows, 2 * _config.IntermediateSize);
        var gated = Matrix.Of(_gated, rows, _config.IntermediateSize);

        RmsNorm.Forward(_pool, x, w.AttentionNorm, normed, _config.RmsNormEpsilon);
        Linear.Forward(_gemm, normed, w.Qkv, qkv);
        _rope.Forward(_pool, layout, qkv, TurnedHeads);
        _attention.Forward(_pool, layout, qkv, attended);
        dropout.At(AttendedPlace).Apply(_pool, attended);
        Linear.ForwardAdd(_gemm, attended, w.Output, x, middle);

        RmsNorm.Forward(_pool, middle, w.MlpNorm, normed, _config.RmsNormEpsilon);
        Linear.Forward(_gemm, normed, w.GateUp, gateUp);
        GatedSilu.Forward(_pool, gateUp, gated, dropout.At(GatedPlace));
        Linear.ForwardAdd(_gemm, gated, w.Down, middle, y);
    }

    /// <param name="w">The layer's weights.</param>
    /// <param name="dw">Their gradients, added to.</param>
    /// <param name="layout">The rows' sequences.</param>
    /// <param name="x">[R, hidden], as in the forward pass.</param>
    /// <param name="saved">What the forward pass kept; used up.</param>
    /// <param name="d">[R, hidden]: the gradient with respect to y; becomes that with respect to x.</param>
    /// <param name="dropout">As in the forward pass.</param>
    public void Backward(
        in LayerParameters w, in LayerParameters dw, SequenceLayout layout, Matrix x, LayerActivations saved, Matrix d, Dropout dropout)
    {
        var rows = layout.Rows;
        var normed = Matrix.Of(_normed, rows, _config.HiddenSize);
        var dNormed = Matrix.Of(_dNormed, rows, _config.HiddenSize);
        var qkv = Matrix.Of(saved.Qkv, rows, QkvWidth);
        var attended = Matrix.Of(saved.Attended, rows, QueryWidth);
        var middle = Matrix.Of(saved.Middle, rows, _config.HiddenSize);
        var gateUp = Matrix.Of(saved.GateUp, rows, 2 * _config.IntermediateSize);
        var gated = Matrix.Of(_gated, rows, _config.IntermediateSize);
        var dGated = Matrix.Of(_dGated, rows, _config.IntermediateSize);
        var dAttended = Matrix.Of(_dAttended, rows, QueryWidth);
        var dQkv = Matrix.Of(_dQkv, rows, QkvWidth);

        // y = middle + gated Downᵀ. The gated product is computed again along the way, so its own gradient comes first.
        _gemm.Multiply(d, w.Down, dGated);
        GatedSilu.Backward(_pool, gateUp, dGated, gated, dropout.At(GatedPlace));
        _gemm.MultiplyAdd(d.Transposed, gated, dw.Down, dw.Down);
        RmsNorm.Forward(_pool, middle, w.MlpNorm, normed, _config.RmsNormEpsilon);
        Linear.Backward(_gemm, normed, w.GateUp, gateUp, dNormed, dw.GateUp);
        RmsNorm.Backward(_pool, middle, w.MlpNorm, dNormed, d, dw.MlpNorm, _config.RmsNormEpsilon);

        // middle = x + attended Outputᵀ.
        Linear.Backward(_gemm, attended, w.Output, d, dAttended, dw.Output);
        dropout.At(AttendedPlace).Apply(_pool, dAttended);
        _attention.Backward(_pool, layout, qkv, dAttended, dQkv);
        _rope.Backward(_pool, layout, dQkv, TurnedHeads);
        RmsNorm.Forward(_pool, x, w.AttentionNorm, normed, _config.RmsNormEpsilon);
        Linear.Backward(_gemm, normed, w.Qkv, dQkv, dNormed, dw.Qkv);
        RmsNorm.Backward(_pool, x, w.AttentionNorm, dNormed, d, dw.AttentionNorm, _config.RmsNormEpsilon);
    }

    public void Dispose()
    {
        _attention.Dispose();
        foreach (var buffer in new[] { _normed, _dNormed, _gated, _dGated, _dAttended, _dQkv })
        {
            buffer.Dispose();
        }
    }
}
