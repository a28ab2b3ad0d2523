using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Layers;
using LayerSkip.Training.Models;

namespace LayerSkip.Training.Tests;

/// <summary>The whole model in double precision, one sequence at a time, every layer's formula in the open.</summary>
internal sealed class NaiveModel
{
    private readonly ModelConfig _config;

    public NaiveModel(ModelConfig config, LlamaParameters parameters)
    {
        _config = config;
        foreach (var tensor in parameters.Tensors)
        {
            var view = parameters.View(tensor.Name);
            Weights[tensor.Name] = [.. Enumerable.Range(0, tensor.Rows).SelectMany(row => view.Row(row).ToArray().Select(value => (double)value))];
        }
    }

    /// <summary>The tensors, row after row, by their Hugging Face names.</summary>
    public Dictionary<string, double[]> Weights { get; } = [];

    /// <summary>Each exit's loss, summed over the batch's targets by their weights.</summary>
    public double[] Losses(SequenceBatch batch, IReadOnlyList<int>?[]? kept, Dropout dropout = default)
    {
        var losses = new double[_config.Layers];
        var target = 0;
        for (var s = 0; s < batch.Sequences; s++)
        {
            var (start, length) = (batch.Layout.Start(s), batch.Layout.Length(s));
            var streams = Streams(batch, s, kept, dropout);
            for (; target < batch.LossRows.Length && batch.LossRows[target] < start + length; target++)
            {
                for (var l = 0; l < _config.Layers; l++)
                {
                    losses[l] += batch.LossWeights[target] * NaiveLayers.CrossEntropy(Logits(streams[l], batch.LossRows[target] - start), batch.LossTargets[target]);
                }
            }
        }

        return losses;
    }

    /// <summary>The residual stream after each layer.</summary>
    private double[][] Streams(SequenceBatch batch, int sequence, IReadOnlyList<int>?[]? kept, Dropout dropout)
    {
        var hidden = _config.HiddenSize;
        var embedding = Weights["model.embed_tokens.weight"];
        var (start, length) = (batch.Layout.Start(sequence), batch.Layout.Length(sequence));
        double[] x = [.. batch.Tokens[start..(start + length)].SelectMany(token => embedding[(token * hidden)..((token + 1) * hidden)])];
        x = Drop(x, start, length, dropout.At(TrainingModel.EmbeddingPlace));
        var streams = new double[_config.Layers][];
        for (var l = 0; l < _config.Layers; l++)
        {
            // A layer that drops sequences sees the others packed.
            var row = kept?[l]?.TakeWhile(other => other != sequence).Sum(batch.Layout.Length) ?? start;
            x = kept?[l]?.Contains(sequence) ?? true ? Layer(l, x, row, length, dropout.At(l)) : x;
            streams[l] = x;
        }

        return streams;
    }

    private double[] Layer(int layer, double[] x, int row, int rows, Dropout dropout)
    {
        double[] W(string name) => Weights[$"model.layers.{layer}.{name}.weight"];
        var (hidden, heads) = (_config.HiddenSize, _config.AttentionHeads + _config.KeyValueHeads);
        var width = (_config.AttentionHeads + (2 * _config.KeyValueHeads)) * _config.HeadDimension;
        var normed = NaiveLayers.RmsNorm(x, W("input_layernorm"), _config.RmsNormEpsilon);
        var qkv = NaiveLayers.Linear(normed, [.. W("self_attn.q_proj"), .. W("self_attn.k_proj"), .. W("self_attn.v_proj")], hidden);
        var attended = NaiveLayers.Attention(NaiveLayers.Rope(qkv, width, heads, _config), _config);
        attended = Drop(attended, row, rows, dropout.At(TransformerLayer.AttendedPlace));
        var middle = Add(x, NaiveLayers.Linear(attended, W("self_attn.o_proj"), _config.AttentionHeads * _config.HeadDimension));
        normed = NaiveLayers.RmsNorm(middle, W("post_attention_layernorm"), _config.RmsNormEpsilon);
        var gateUp = NaiveLayers.Linear(normed, [.. W("mlp.gate_proj"), .. W("mlp.up_proj")], hidden);
        var gated = NaiveLayers.GatedSilu(gateUp, _config.IntermediateSize);
        gated = Drop(gated, row, rows, dropout.At(TransformerLayer.GatedPlace));
        return Add(middle, NaiveLayers.Linear(gated, W("mlp.down_proj"), _config.IntermediateSize));
    }

    private double[] Logits(double[] stream, int row)
    {
        var hidden = _config.HiddenSize;
        var head = Weights[_config.TiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"];
        var normed = NaiveLayers.RmsNorm(stream[(row * hidden)..((row + 1) * hidden)], Weights["model.norm.weight"], _config.RmsNormEpsilon);
        return NaiveLayers.Linear(normed, head, hidden);
    }

    /// <summary>Multiplies rows by the mask that ones would become.</summary>
    private static double[] Drop(double[] x, int row, int rows, Dropout dropout)
    {
        var columns = x.Length / rows;
        using var pool = new ComputePool(1);
        using var ones = new NativeMatrix(row + rows, columns);
        for (var r = 0; r < row + rows; r++)
        {
            ones.View.Row(r).Fill(1);
        }

        dropout.Apply(pool, ones.View);
        return [.. x.Select((value, i) => value * ones.View.Row(row + (i / columns))[i % columns])];
    }

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, static (x, y) => x + y)];
}
