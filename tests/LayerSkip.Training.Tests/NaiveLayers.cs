using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Training.Tests;

/// <summary>Every layer's forward pass as its formula says, in double precision, over one row or one sequence.</summary>
internal static class NaiveLayers
{
    /// <summary>x Wᵀ for each row of x; W is [outputs, inputs].</summary>
    public static double[] Linear(double[] x, double[] w, int inputs)
    {
        var (rows, outputs) = (x.Length / inputs, w.Length / inputs);
        var y = new double[rows * outputs];
        for (var r = 0; r < rows; r++)
        {
            for (var o = 0; o < outputs; o++)
            {
                for (var i = 0; i < inputs; i++)
                {
                    y[(r * outputs) + o] += x[(r * inputs) + i] * w[(o * inputs) + i];
                }
            }
        }

        return y;
    }

    public static double[] RmsNorm(double[] x, double[] weight, double epsilon)
    {
        var hidden = weight.Length;
        var y = new double[x.Length];
        for (var start = 0; start < x.Length; start += hidden)
        {
            var row = x.AsSpan(start, hidden);
            var square = 0.0;
            foreach (var value in row)
            {
                square += value * value;
            }

            for (var i = 0; i < hidden; i++)
            {
                y[start + i] = row[i] / Math.Sqrt((square / hidden) + epsilon) * weight[i];
            }
        }

        return y;
    }

    /// <summary>One sequence; turns the first <paramref name="heads"/> heads of each row.</summary>
    public static double[] Rope(double[] x, int width, int heads, ModelConfig config)
    {
        var y = (double[])x.Clone();
        var (size, half) = (config.HeadDimension, config.HeadDimension / 2);
        for (var position = 0; position < x.Length / width; position++)
        {
            for (var head = 0; head < heads; head++)
            {
                for (var i = 0; i < half; i++)
                {
                    var angle = position * Math.Pow(config.RopeTheta, -2.0 * i / size);
                    var first = (position * width) + (head * size) + i;
                    (y[first], y[first + half]) = (
                        (x[first] * Math.Cos(angle)) - (x[first + half] * Math.Sin(angle)),
                        (x[first + half] * Math.Cos(angle)) + (x[first] * Math.Sin(angle)));
                }
            }
        }

        return y;
    }

    /// <summary>One sequence of queries, keys and values.</summary>
    public static double[] Attention(double[] qkv, ModelConfig config)
    {
        var (size, queryHeads, keyHeads) = (config.HeadDimension, config.AttentionHeads, config.KeyValueHeads);
        var width = (queryHeads + (2 * keyHeads)) * size;
        var length = qkv.Length / width;
        var o = new double[length * queryHeads * size];
        for (var i = 0; i < length; i++)
        {
            for (var head = 0; head < queryHeads; head++)
            {
                var key = (queryHeads + (head / (queryHeads / keyHeads))) * size;
                var weights = new double[i + 1];
                for (var j = 0; j <= i; j++)
                {
                    var dot = 0.0;
                    for (var d = 0; d < size; d++)
                    {
                        dot += qkv[(i * width) + (head * size) + d] * qkv[(j * width) + key + d];
                    }

                    weights[j] = Math.Exp(dot / Math.Sqrt(size));
                }

                var sum = weights.Sum();
                for (var j = 0; j <= i; j++)
                {
                    for (var d = 0; d < size; d++)
                    {
                        o[(((i * queryHeads) + head) * size) + d] += weights[j] / sum * qkv[(j * width) + key + (keyHeads * size) + d];
                    }
                }
            }
        }

        return o;
    }

    /// <summary>Rows of gates and ups, <paramref name="width"/> of each.</summary>
    public static double[] GatedSilu(double[] gateUp, int width)
    {
        var y = new double[gateUp.Length / 2];
        for (var i = 0; i < y.Length; i++)
        {
            var start = i / width * 2 * width;
            var gate = gateUp[start + (i % width)];
            y[i] = gate / (1 + Math.Exp(-gate)) * gateUp[start + width + (i % width)];
        }

        return y;
    }

    public static double CrossEntropy(ReadOnlySpan<double> logits, int target)
    {
        var sum = 0.0;
        foreach (var logit in logits)
        {
            sum += Math.Exp(logit);
        }

        return Math.Log(sum) - logits[target];
    }
}
