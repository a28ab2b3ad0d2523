using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Engine.Tests;

/// <summary>The Llama transformer as plainly as it can be written: double precision, no cache, every formula in the open.</summary>
internal static class NaiveTransformer
{
    /// <summary>Logits after the last token, from the exit after <paramref name="layers"/> layers.</summary>
    public static double[] Logits(ModelConfig config, WeightSource weights, int[] tokens, int layers)
    {
        var head = Matrix(weights, config.TiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight", config.VocabularySize, config.HiddenSize);
        return Multiply(head, States(config, weights, tokens, layers)[^1]);
    }

    /// <summary>Hidden states of all tokens after <paramref name="layers"/> layers and the final norm.</summary>
    public static double[][] States(ModelConfig config, WeightSource weights, int[] tokens, int layers)
    {
        var embedding = Matrix(weights, "model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        var stream = tokens.Select(token => embedding[token]).ToArray();
        for (var layer = 0; layer < layers; layer++)
        {
            stream = Layer(config, weights, $"model.layers.{layer}.", stream);
        }

        return NormAll(config, weights, "model.norm.weight", stream);
    }

    private static double[][] Layer(ModelConfig config, WeightSource weights, string prefix, double[][] stream)
    {
        var (hidden, ffn, size) = (config.HiddenSize, config.IntermediateSize, config.HeadDimension);
        double[][] Project(string name, int outputs, double[][] x, int inputs, bool bias)
        {
            var matrix = Matrix(weights, prefix + name + ".weight", outputs, inputs);
            var offset = bias ? Vector(weights, prefix + name + ".bias", outputs) : new double[outputs];
            return [.. x.Select(row => Add(Multiply(matrix, row), offset))];
        }

        var normed = NormAll(config, weights, prefix + "input_layernorm.weight", stream);
        var q = Project("self_attn.q_proj", config.AttentionHeads * size, normed, hidden, config.AttentionBias);
        var k = Project("self_attn.k_proj", config.KeyValueHeads * size, normed, hidden, config.AttentionBias);
        var v = Project("self_attn.v_proj", config.KeyValueHeads * size, normed, hidden, config.AttentionBias);
        var attended = new double[stream.Length][];
        for (var p = 0; p < stream.Length; p++)
        {
            Rotate(config, q[p], p);
            Rotate(config, k[p], p);
            attended[p] = new double[config.AttentionHeads * size];
            for (var head = 0; head < config.AttentionHeads; head++)
            {
                var source = head / (config.AttentionHeads / config.KeyValueHeads) * size;
                var scores = Enumerable.Range(0, p + 1).Select(s => Math.Exp(
                    Enumerable.Range(0, size).Sum(d => q[p][(head * size) + d] * k[s][source + d]) / Math.Sqrt(size))).ToArray();
                for (var d = 0; d < size; d++)
                {
                    attended[p][(head * size) + d] = Enumerable.Range(0, p + 1).Sum(s => scores[s] * v[s][source + d]) / scores.Sum();
                }
            }
        }

        var output = Project("self_attn.o_proj", hidden, attended, config.AttentionHeads * size, config.AttentionBias);
        stream = [.. stream.Zip(output, Add)];

        normed = NormAll(config, weights, prefix + "post_attention_layernorm.weight", stream);
        var gate = Project("mlp.gate_proj", ffn, normed, hidden, config.MlpBias);
        var up = Project("mlp.up_proj", ffn, normed, hidden, config.MlpBias);
        double[][] gated = [.. gate.Zip(up, static (gs, us) => gs.Zip(us, static (g, u) => g / (1 + Math.Exp(-g)) * u).ToArray())];
        return [.. stream.Zip(Project("mlp.down_proj", hidden, gated, ffn, config.MlpBias), Add)];
    }

    private static void Rotate(ModelConfig config, double[] heads, int position)
    {
        var half = config.HeadDimension / 2;
        for (var start = 0; start < heads.Length; start += config.HeadDimension)
        {
            for (var i = 0; i < half; i++)
            {
                var angle = position * Frequency(config, i);
                var (a, b) = (heads[start + i], heads[start + half + i]);
                heads[start + i] = (a * Math.Cos(angle)) - (b * Math.Sin(angle));
                heads[start + half + i] = (b * Math.Cos(angle)) + (a * Math.Sin(angle));
            }
        }
    }

    private static double Frequency(ModelConfig config, int i)
    {
        var frequency = Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDimension);
        var scaling = config.RopeScaling;
        if (scaling.Kind == RopeScalingKind.Linear)
        {
            return frequency / scaling.Factor;
        }

        if (scaling.Kind == RopeScalingKind.None)
        {
            return frequency;
        }

        var turns = scaling.OriginalMaxPositions * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor), 0, 1);
        return frequency * (kept + ((1 - kept) / scaling.Factor));
    }

    private static double[][] NormAll(ModelConfig config, WeightSource weights, string name, double[][] stream)
    {
        var weight = Vector(weights, name, config.HiddenSize);
        return [.. stream.Select(row => Norm(row, weight, config.RmsNormEpsilon))];
    }

    private static double[] Norm(double[] x, double[] weight, double epsilon)
    {
        var scale = 1 / Math.Sqrt((x.Sum(static v => v * v) / x.Length) + epsilon);
        return [.. x.Zip(weight, (v, w) => v * scale * w)];
    }

    private static double[] Multiply(double[][] matrix, double[] x) => [.. matrix.Select(row => row.Zip(x, static (w, v) => w * v).Sum())];

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, static (x, y) => x + y)];

    private static double[] Vector(WeightSource weights, string name, int length) => Row(weights.GetTensor(name, length), 0);

    private static double[][] Matrix(WeightSource weights, string name, int rows, int columns)
    {
        var tensor = weights.GetTensor(name, rows, columns);
        return [.. Enumerable.Range(0, rows).Select(row => Row(tensor, row))];
    }

    private static double[] Row(WeightTensor tensor, int row)
    {
        var values = new float[tensor.Columns];
        tensor.ReadRow(row, values);
        return [.. values.Select(static v => (double)v)];
    }
}
