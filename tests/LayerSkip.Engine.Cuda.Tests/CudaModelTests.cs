using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Cuda.Tests;

/// <summary>Steps over rows against the CPU device, and invariant I1: a row's result depends on that row and its cache alone.</summary>
public class CudaModelTests
{
    private static readonly WeightFormat[] s_formats = [WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4];

    [Fact]
    public void Logits_are_the_CPU_devices_within_rounding()
    {
        var random = new Random(11);
        for (var round = 0; round < 12; round++)
        {
            var config = CudaModels.RandomConfig(random) with
            {
                RopeScaling = (round % 3) switch
                {
                    1 => new(RopeScalingKind.Linear, 2),
                    2 => new(RopeScalingKind.Llama3, 8, 1, 4, 32),
                    _ => new(RopeScalingKind.None),
                },
            };
            var format = s_formats[round % s_formats.Length];
            var tokens = CudaModels.RandomTokens(random, config, random.Next(1, 60));
            using var cpu = CudaModels.RandomOnCpu(config, (ulong)round, format);
            using var cuda = CudaModels.Random(config, (ulong)round, format);
            var expected = Prefill(cpu, tokens, tokens.Length);
            var actual = Prefill(cuda, tokens, tokens.Length);
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i], actual[i], 1e-4 * Math.Max(1, expected.Max(Math.Abs)));
            }
        }
    }

    [Fact]
    public void Logits_are_the_same_bits_for_any_rows_per_pass()
    {
        var random = new Random(12);
        for (var round = 0; round < 4; round++)
        {
            var config = CudaModels.RandomConfig(random);
            var tokens = CudaModels.RandomTokens(random, config, 40);
            using var model = CudaModels.Random(config, (ulong)round, s_formats[round]);
            var reference = Prefill(model, tokens, 1);
            foreach (var chunk in (int[])[2, 3, 7, 16, 17, 23, 40])
            {
                Assert.Equal(reference, Prefill(model, tokens, chunk));
            }
        }
    }

    /// <summary>Logits after the last token, the prompt running in passes of <paramref name="chunk"/> rows.</summary>
    internal static float[] Prefill(IDeviceModel model, int[] tokens, int chunk)
    {
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(chunk);
        var last = 0;
        for (var start = 0; start < tokens.Length; start += chunk)
        {
            var piece = tokens.AsSpan(start, Math.Min(chunk, tokens.Length - start));
            rows.Place(0, piece.Length, cache, start);
            model.Embed(rows, 0, piece);
            model.RunLayers(rows, 0, piece.Length, 0, model.Config.Layers);
            last = piece.Length - 1;
        }

        var logits = new float[model.Config.VocabularySize];
        model.Logits(rows, last, 1, logits);
        return logits;
    }
}
