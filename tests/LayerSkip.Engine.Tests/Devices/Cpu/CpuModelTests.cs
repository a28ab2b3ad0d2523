using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Tests;

namespace LayerSkip.Engine.Tests.Devices.Cpu;

/// <summary>The transformer against a naive one, and invariant I1: a row's result depends on that row and its cache alone.</summary>
public class CpuModelTests
{
    [Fact]
    public void Logits_equal_the_naive_transformer()
    {
        var random = new Random(11);
        for (var round = 0; round < 15; round++)
        {
            var config = Models.RandomConfig(random) with
            {
                RopeScaling = (round % 3) switch
                {
                    1 => new(RopeScalingKind.Linear, 2),
                    2 => new(RopeScalingKind.Llama3, 8, 1, 4, 32),
                    _ => new(RopeScalingKind.None),
                },
            };
            using var weights = new RandomWeightSource(config, (ulong)round, TensorDataType.F32);
            var tokens = Tokens(random, config, random.Next(1, 50));
            var expected = NaiveTransformer.Logits(config, weights, tokens, config.Layers);

            using var model = Models.RandomOnCpu(config, (ulong)round);
            var logits = Prefill(model, tokens, tokens.Length);
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i], logits[i], 2e-4 * Math.Max(1, expected.Max(Math.Abs)));
            }
        }
    }

    [Fact]
    public void Rows_without_a_place_in_a_cache_and_memory_that_is_gone_are_refused()
    {
        using var model = Models.RandomOnCpu(TinyCheckpoint.DefaultConfig);
        var cache = model.CreateCache();
        var rows = model.CreateRows(3);
        rows.Place(0, 2, cache, 0);
        model.Embed(rows, 0, [1, 2]);
        model.RunLayers(rows, 0, 2, 0, 2);
        Assert.Throws<InvalidOperationException>(() => model.RunLayers(rows, 1, 2, 0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.RunLayers(rows, 2, 2, 0, 2));
        cache.Dispose();
        Assert.Throws<InvalidOperationException>(() => model.RunLayers(rows, 0, 2, 0, 2));
        Assert.Throws<ObjectDisposedException>(() => rows.Place(0, 2, cache, 0));

        rows.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Embed(rows, 0, [1, 2]));
        Assert.Throws<ObjectDisposedException>(() => model.ArgMax(rows, 0, new int[2]));
    }

    [Fact]
    public void Logits_are_the_same_bits_for_any_rows_per_pass_threads_path_and_format()
    {
        var random = new Random(12);
        for (var round = 0; round < 6; round++)
        {
            // Heads as of real models, as many as there are threads; and the last shape is wide enough for several slices along k and several panels a chunk.
            var config = Models.RandomConfig(random);
            config = round switch
            {
                3 => config with { AttentionHeads = 6, KeyValueHeads = 3, HeadDimension = 64, Layers = 2 },
                4 => config with { AttentionHeads = 4, KeyValueHeads = 4, HeadDimension = 128, Layers = 2 },
                5 => config with { HiddenSize = 300, IntermediateSize = 700, VocabularySize = 1500, Layers = 2 },
                _ => config,
            };
            var tokens = Tokens(random, config, 40);
            foreach (var format in (WeightFormat[])[WeightFormat.F32, WeightFormat.BF16, WeightFormat.Int8, WeightFormat.Int4])
            {
                float[]? reference = null;
                foreach (var path in Enum.GetValues<SimdPath>())
                {
                    foreach (var (threads, compression) in Variants(config, format))
                    {
                        using var model = Models.RandomOnCpu(config, (ulong)round, format, threads, path, compression);
                        reference ??= Prefill(model, tokens, 1);
                        for (var chunk = 1; chunk <= 16; chunk += threads > 2 ? 5 : 1)
                        {
                            Assert.Equal(reference, Prefill(model, tokens, chunk));
                        }

                        Assert.Equal(reference, Prefill(model, tokens, 40));
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(WeightFormat.F32, 28)]
    [InlineData(WeightFormat.BF16, 12)]
    public void Compressed_weights_give_the_same_drafts_and_take_less_memory(WeightFormat format, int bits)
    {
        var random = new Random(31);
        for (var round = 0; round < 4; round++)
        {
            // Round by round with a head of its own for drafts or without.
            var config = Models.RandomConfig(random) with { HiddenSize = 300, IntermediateSize = 700, VocabularySize = 900 };
            int[]? vocabulary = round % 2 == 0 ? null : [.. Enumerable.Range(0, 300).Select(_ => random.Next(900))];
            using var plain = Models.RandomOnCpu(config, (ulong)round, format, 2, null, WeightCompression.Never, vocabulary);
            using var compressed = Models.RandomOnCpu(config, (ulong)round, format, 2, null, WeightCompression.Always, vocabulary);
            var options = Models.Speculative(1 + (round % (config.Layers - 1)), 4, 40);
            var prompt = Tokens(random, config, 20);
            using var expected = plain.Decode(prompt, options);
            using var decoded = compressed.Decode(prompt, options);
            Assert.Equal(expected.Output.ToArray(), decoded.Output.ToArray());
            Assert.Equal(expected.Statistics.Accepted, decoded.Statistics.Accepted);

            // Embeddings that are not tied stay as they are, and so do panels' headers in matrices as small as these.
            var least = bits / (bits + 4.0);
            Assert.InRange(compressed.WeightBytes / (double)plain.WeightBytes, least - 0.01, ((1 + least) / 2) + 0.03);
            Assert.InRange(compressed.BytesRead(0, config.Layers, true) / (double)plain.BytesRead(0, config.Layers, true), least, least + 0.08);
        }
    }

    [Fact]
    public void Rows_of_several_sequences_in_one_pass_do_not_touch_each_other()
    {
        var random = new Random(13);
        for (var round = 0; round < 5; round++)
        {
            var config = Models.RandomConfig(random);
            using var model = Models.RandomOnCpu(config, (ulong)round, threads: 2);
            var sequences = Enumerable.Range(0, 4).Select(_ => Tokens(random, config, random.Next(2, 40))).ToArray();
            var alone = sequences.Select(tokens => Prefill(model, tokens, tokens.Length)).ToArray();

            // All prompts but their last tokens by themselves, then the four last tokens in one pass.
            var caches = sequences.Select(_ => model.CreateCache()).ToArray();
            using var rows = model.CreateRows(64);
            for (var i = 0; i < sequences.Length; i++)
            {
                var prefix = sequences[i][..^1];
                rows.Place(0, prefix.Length, caches[i], 0);
                model.Embed(rows, 0, prefix);
                model.RunLayers(rows, 0, prefix.Length, 0, config.Layers);
            }

            for (var i = 0; i < sequences.Length; i++)
            {
                rows.Place(i, 1, caches[i], sequences[i].Length - 1);
            }

            model.Embed(rows, 0, sequences.Select(static tokens => tokens[^1]).ToArray());
            model.RunLayers(rows, 0, sequences.Length, 0, config.Layers);
            var logits = new float[sequences.Length * config.VocabularySize];
            model.Logits(rows, 0, sequences.Length, logits);
            for (var i = 0; i < sequences.Length; i++)
            {
                Assert.Equal(alone[i], logits.AsSpan(i * config.VocabularySize, config.VocabularySize).ToArray());
                caches[i].Dispose();
            }
        }
    }

    [Fact]
    public void Exit_states_carry_on_to_the_full_model()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.RandomOnCpu(config);
        var tokens = Tokens(new Random(14), config, 12);
        var full = Prefill(model, tokens, 12);
        for (var exit = 1; exit < config.Layers; exit++)
        {
            using var cache = model.CreateCache();
            using var rows = model.CreateRows(12);
            rows.Place(0, 12, cache, 0);
            model.Embed(rows, 0, tokens);
            model.RunLayers(rows, 0, 12, 0, exit);
            var early = new int[12];
            model.ArgMax(rows, 0, early);
            model.RunLayers(rows, 0, 12, exit, config.Layers);
            var logits = new float[config.VocabularySize];
            model.Logits(rows, 11, 1, logits);
            Assert.Equal(full, logits);
        }
    }

    [Theory]
    [InlineData(WeightFormat.F32, 8)]
    [InlineData(WeightFormat.F32, 32)]
    [InlineData(WeightFormat.Int8, 8)]
    [InlineData(WeightFormat.Int8, 32)]
    public void Rows_that_nobody_reads_change_nothing_for_the_others(WeightFormat format, int headDimension)
    {
        var config = TinyCheckpoint.DefaultConfig with { HeadDimension = headDimension };
        using var model = Models.Random(config, format: format, threads: 2);
        var tokens = Tokens(new Random(16), config, 21);
        foreach (var unread in (int[])[0, 1, 12, 19, 20])
        {
            var others = Logits(unread);
            Assert.Equal(Logits(0)[^others.Length..], others);

            // The last rows' logits, and those of a token behind them, which attends to what all rows left in the cache.
            float[] Logits(int unread)
            {
                using var cache = model.CreateCache();
                using var rows = model.CreateRows(21);
                rows.Place(0, 20, cache, 0);
                model.Embed(rows, 0, tokens.AsSpan(0, 20));
                model.RunLayers(rows, 0, 20, 0, 1);
                model.RunFinalLayers(rows, 0, 20, 1, config.Layers, unread);
                rows.Place(20, 1, cache, 20);
                model.Embed(rows, 20, tokens.AsSpan(20));
                model.RunLayers(rows, 20, 1, 0, config.Layers);
                var logits = new float[2 * config.VocabularySize];
                model.Logits(rows, unread < 20 ? 19 : 20, 1, logits.AsSpan(0, config.VocabularySize));
                model.Logits(rows, 20, 1, logits.AsSpan(config.VocabularySize));
                return unread < 20 ? logits : logits[config.VocabularySize..];
            }
        }
    }

    [Fact]
    public void Angles_are_found_of_the_slots_that_run_and_anew_where_they_are_placed_elsewhere()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.RandomOnCpu(config);
        using var cache = model.CreateCache();
        using var rows = (CpuRows)model.CreateRows(65);
        foreach (var position in (int[])[0, 3, 0])
        {
            // Of the places of a draft as long as may be, those of the rows that it comes to have.
            rows.Place(0, 65, cache, position);
            model.Embed(rows, 0, [1, 2]);
            model.RunLayers(rows, 0, 2, 0, config.Layers);
            Assert.Equal((float)Math.Cos((position + 1) * model.RopeFrequencies[0]), rows.Cosines(1)[0]);
            Assert.Equal((float)Math.Sin((position + 1) * model.RopeFrequencies[0]), rows.Sines(1)[0]);
            Assert.All(rows.Cosines(2).ToArray(), static cosine => Assert.Equal(0, cosine));
        }
    }

    [Fact]
    public void ArgMax_is_the_greatest_logit_whatever_the_chunks()
    {
        var config = TinyCheckpoint.DefaultConfig with { VocabularySize = 3001 };
        using var model = Models.RandomOnCpu(config, threads: 2);
        var tokens = Tokens(new Random(15), config, 9);
        using var cache = model.CreateCache();
        using var rows = model.CreateRows(9);
        rows.Place(0, 9, cache, 0);
        model.Embed(rows, 0, tokens);
        model.RunLayers(rows, 0, 9, 0, 2);
        var best = new int[9];
        model.ArgMax(rows, 0, best);
        var logits = new float[9 * 3001];
        model.Logits(rows, 0, 9, logits);
        for (var row = 0; row < 9; row++)
        {
            var values = logits.AsSpan(row * 3001, 3001);
            Assert.Equal(values.IndexOf(values.ToArray().Max()), best[row]);
        }
    }

    [Fact]
    public void Cache_memory_follows_need_and_is_returned()
    {
        var config = TinyCheckpoint.DefaultConfig;
        using var model = Models.RandomOnCpu(config);
        Assert.Equal(0, model.KvBytes);
        var cache = model.CreateCache();
        Assert.Equal(0, cache.Bytes);

        cache.Reserve(1);
        Assert.Equal(32, cache.Capacity);
        // Keys of 10 floats, values padded to 16, for 32 positions, 2 heads and 4 layers.
        Assert.Equal(32 * (10 + 16) * 2 * 4 * sizeof(float), cache.Bytes);
        cache.Reserve(33);
        Assert.Equal(64, cache.Capacity);
        Assert.Equal(cache.Bytes, model.KvBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Reserve(129));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Length = 65);
        cache.Length = 64;
        cache.Length = 3;
        Assert.Equal(64, cache.Capacity);

        cache.Dispose();
        cache.Dispose();
        Assert.Equal(0, model.KvBytes);
        Assert.Throws<ObjectDisposedException>(() => cache.Reserve(1));
    }

    [Fact]
    public void Steps_refuse_what_does_not_fit()
    {
        using var model = Models.RandomOnCpu(TinyCheckpoint.DefaultConfig);
        using var other = Models.RandomOnCpu(TinyCheckpoint.DefaultConfig);
        using var rows = model.CreateRows(4);
        using var cache = model.CreateCache();
        Assert.Throws<ArgumentOutOfRangeException>(() => rows.Place(0, 5, cache, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => rows.Place(0, 1, cache, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => rows.Place(0, 1, cache, 128));
        Assert.Throws<ArgumentException>(() => rows.Place(0, 1, other.CreateCache(), 0));
        rows.Place(0, 4, cache, 0);
        Assert.Throws<ArgumentException>(() => other.Embed(rows, 0, [1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Embed(rows, 0, [97]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.RunLayers(rows, 0, 4, 0, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.RunLayers(rows, 2, 3, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Logits(rows, 0, 1, new float[96]));

        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Embed(rows, 0, [1]));
        Assert.Throws<ObjectDisposedException>(model.CreateCache);
    }

    /// <summary>Logits after the last token, the prompt running in passes of <paramref name="chunk"/> rows.</summary>
    private static float[] Prefill(CpuModel model, int[] tokens, int chunk)
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

    /// <summary>Threads (of three or four those that share the heads evenly, where there are such), and what can be compressed so and as it is.</summary>
    private static IEnumerable<(int Threads, WeightCompression Compression)> Variants(ModelConfig config, WeightFormat format) =>
        from threads in (int[])[1, 2, config.KeyValueHeads == 4 ? 4 : 3]
        from compression in format is WeightFormat.F32 or WeightFormat.BF16 ? (WeightCompression[])[WeightCompression.Never, WeightCompression.Always] : [WeightCompression.Auto]
        select (threads, compression);

    private static int[] Tokens(Random random, ModelConfig config, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabularySize))];
}
