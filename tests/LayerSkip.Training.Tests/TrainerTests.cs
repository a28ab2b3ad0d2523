using System.Globalization;
using LayerSkip.Engine;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Devices;
using LayerSkip.Engine.Devices.Cpu;
using LayerSkip.Training.Optimization;
using LayerSkip.Training.Recipes;

namespace LayerSkip.Training.Tests;

public sealed class TrainerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("layerskip-").FullName;

    private static TrainingOptions Options(long steps, double rate = 0.01, LayerSkipRecipe? recipe = null, int threads = 1, ulong seed = 4) => new()
    {
        Steps = steps, Seed = seed, Threads = threads, Recipe = recipe ?? new(),
        Optimizer = new OptimizerOptions { LearningRate = rate, WarmupSteps = Math.Min(10, steps / 10), WeightDecay = 0.01 },
    };

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void One_batch_is_learnt_by_heart()
    {
        var batch = new SequenceBatch(Shapes.Poems(6, 12));
        using var trainer = Trainer.FromScratch(Shapes.Learner(), Options(200), deviation: 0.1);
        var first = trainer.MakeStep(batch).Loss;
        Assert.InRange(first, Math.Log(50) - 1, Math.Log(50) + 1);
        var last = first;
        while (trainer.Step < 200)
        {
            last = trainer.MakeStep(batch).Loss;
        }

        Assert.True(last < 0.01, $"loss {last} after 200 steps");
        Assert.True(trainer.Evaluate(batch)[^1] < 0.01);
    }

    [Fact]
    public void A_saved_run_resumes_to_the_same_bits()
    {
        var recipe = new LayerSkipRecipe { MaxDropout = 0.5, ExitScale = 1, Curriculum = ExitCurriculum.Rotational, Rotation = 2 };
        var (config, options, path) = (Shapes.Learner(), Options(20, recipe: recipe), Path.Combine(_directory, "run.safetensors"));
        SequenceBatch BatchOf(long step) => Shapes.Batch(new Random((int)step), 50, 6, 9, 4, 12);
        var expected = new List<StepReport>();
        byte[] final;
        using (var trainer = Trainer.FromScratch(config, options))
        {
            while (trainer.Step < 20)
            {
                if (trainer.Step == 11)
                {
                    trainer.Save(path);
                }

                expected.Add(trainer.MakeStep(BatchOf(trainer.Step), BatchOf(trainer.Step + 100)));
            }

            trainer.Save(Path.Combine(_directory, "final"));
            final = File.ReadAllBytes(Path.Combine(_directory, "final"));
        }

        using var resumed = Trainer.Resume(config, options, path);
        Assert.Equal(11, resumed.Step);
        while (resumed.Step < 20)
        {
            var wanted = expected[(int)resumed.Step];
            var report = resumed.MakeStep(BatchOf(resumed.Step), BatchOf(resumed.Step + 100));
            Assert.Equal(wanted.ExitLosses, report.ExitLosses);
            Assert.Equal((wanted.Loss, wanted.GradientNorm, wanted.LearningRate, wanted.LayerRows), (report.Loss, report.GradientNorm, report.LearningRate, report.LayerRows));
        }

        resumed.Save(path);
        Assert.Equal(final, File.ReadAllBytes(path));
    }

    [Fact]
    public void Layers_that_join_in_later_cost_nothing_before_and_start_as_copies()
    {
        var recipe = new LayerSkipRecipe { ExitScale = 1, Growth = [new(0, 2), new(0.5, 5)] };
        var (config, options, path) = (Shapes.Learner(layers: 5), Options(20, recipe: recipe), Path.Combine(_directory, "run.safetensors"));
        var batch = new SequenceBatch(Shapes.Poems(4, 12));
        using var trainer = Trainer.FromScratch(config, options, deviation: 0.1);
        while (trainer.Step < 10)
        {
            var report = trainer.MakeStep(batch);
            Assert.Equal(2 * batch.Rows, report.LayerRows);
            Assert.True(double.IsNaN(report.ExitLosses[4]));
        }

        var losses = trainer.Evaluate(batch);
        Assert.Equal(losses[1], losses[4]);

        // With a layer's weights copied by hand, an ordinary model of five layers has the loss of the grown one's first step.
        using var stacked = Trainer.FromWeights(config, new StackedWeights(trainer.CreateWeightSource(), 2), Options(20));
        trainer.Save(path);
        using var resumed = Trainer.Resume(config, options, path);
        var (grown, again) = (trainer.MakeStep(batch), resumed.MakeStep(batch));
        Assert.Equal(5 * batch.Rows, grown.LayerRows);
        Assert.Equal(stacked.Evaluate(batch)[4], grown.ExitLosses[4], 1e-6);
        Assert.Equal(grown.ExitLosses, again.ExitLosses);
        while (trainer.Step < 20)
        {
            trainer.MakeStep(batch);
        }

        Assert.True(trainer.Evaluate(batch)[4] < grown.ExitLosses[4]);
    }

    [Fact]
    public void Layers_that_join_in_as_identity_change_nothing_at_first_and_learn()
    {
        var recipe = new LayerSkipRecipe { ExitScale = 1, Growth = [new(0, 2), new(0.5, 5, Identity: true)] };
        using var trainer = Trainer.FromScratch(Shapes.Learner(layers: 5), Options(20, recipe: recipe), deviation: 0.1);
        var batch = new SequenceBatch(Shapes.Poems(4, 12));
        while (trainer.Step < 10)
        {
            trainer.MakeStep(batch);
        }

        var before = trainer.Evaluate(batch)[1];
        Assert.All(trainer.MakeStep(batch).ExitLosses.Skip(1), loss => Assert.Equal(before, loss));
        while (trainer.Step < 20)
        {
            trainer.MakeStep(batch);
        }

        var after = trainer.Evaluate(batch);
        Assert.True(after[4] < before);
        Assert.Equal(4, after.Skip(1).Distinct().Count()); // each of them has learnt something of its own
    }

    [Fact]
    public void Checkpoint_has_all_its_layers_and_does_not_grow()
    {
        var growing = Options(20, recipe: new() { ExitScale = 1, Growth = [new(0, 2), new(0.5, 4)] });
        using var trainer = Trainer.FromScratch(Shapes.Learner(), Options(20));
        Assert.Throws<ArgumentException>("options", () => Trainer.FromWeights(Shapes.Learner(), trainer.CreateWeightSource(), growing));
    }

    [Fact]
    public void Prompts_teach_by_their_weight()
    {
        var options = Options(200);
        double[] losses = [.. new[] { 0, 0.5 }.Select(weight =>
        {
            // What is to be learnt of the prompt is one token behind another; of the rest nothing is said of it.
            using var trainer = Trainer.FromScratch(Shapes.Learner(layers: 2), options, deviation: 0.1);
            var batch = new SequenceBatch([new([1, 2, 3, 4, 5, 6], PromptLength: 5, weight)]);
            for (var step = 0; step < 100; step++)
            {
                trainer.MakeStep(batch);
            }

            return trainer.Evaluate(new SequenceBatch([new([1, 2, 3, 4, 5, 6])]))[^1];
        })];
        Assert.True(losses[0] > 1 && losses[1] < 0.1, string.Join(", ", losses));
    }

    [Fact]
    public void Exit_weights_must_be_one_a_layer()
    {
        var recipe = new LayerSkipRecipe { ExitWeights = [1, 1] };
        Assert.Contains(
            "ExitWeights", Assert.Throws<ArgumentException>(() => Trainer.FromScratch(Shapes.Learner(layers: 3), Options(20, recipe: recipe))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_do_not_change_a_bit()
    {
        var recipe = new LayerSkipRecipe { MaxDropout = 0.4, ExitScale = 1 };
        byte[]? bits = null;
        foreach (var threads in new[] { 1, 2, 3 })
        {
            using var trainer = Trainer.FromScratch(Shapes.Learner(), Options(6, recipe: recipe, threads: threads));
            while (trainer.Step < 6)
            {
                trainer.MakeStep(Shapes.Batch(new Random((int)trainer.Step), 50, [.. Enumerable.Range(5, 20)]));
            }

            var path = Path.Combine(_directory, "threads");
            trainer.Save(path);
            Assert.Equal(bits ?? File.ReadAllBytes(path), File.ReadAllBytes(path));
            bits = File.ReadAllBytes(path);
        }
    }

    [Fact]
    public void Accumulated_batches_count_as_one()
    {
        var sequences = Shapes.Poems(6, 9);
        StepReport Report(params SequenceBatch[] batches)
        {
            using var trainer = Trainer.FromScratch(Shapes.Learner(), Options(5, recipe: new() { ExitScale = 1 }), deviation: 0.1);
            trainer.MakeStep(batches);
            return trainer.MakeStep(batches);
        }

        var whole = Report(new SequenceBatch(sequences));
        var parts = Report(new SequenceBatch(sequences[..1]), new SequenceBatch(sequences[1..]));
        Assert.Equal(whole.Loss, parts.Loss, 1e-5);
        Assert.Equal(whole.GradientNorm, parts.GradientNorm, 1e-4);
        Assert.Equal((whole.Rows, whole.Targets), (parts.Rows, parts.Targets));
    }

    [Fact]
    public void Layer_dropout_saves_the_rows_it_promises()
    {
        const int Steps = 60;
        var recipe = new LayerSkipRecipe { MaxDropout = 0.5 };
        var config = Shapes.Learner();
        var batch = new SequenceBatch(Shapes.Poems(10, 8));
        using var trainer = Trainer.FromScratch(config, Options(Steps, recipe: recipe));
        using var plain = Trainer.FromScratch(config, Options(1));
        var (run, operations) = (0L, 0L);
        while (trainer.Step < Steps)
        {
            var report = trainer.MakeStep(batch);
            run += report.LayerRows;
            operations += report.Operations;
        }

        var (full, reference) = ((double)batch.Rows * config.Layers * Steps, plain.MakeStep(batch));
        var expected = Enumerable.Range(0, config.Layers).Average(l => 1 - LayerDropout.Probability(recipe, l, config.Layers, 0, Steps));
        Assert.Equal(expected, run / full, 0.03);
        Assert.Equal((long)batch.Rows * config.Layers, reference.LayerRows);
        Assert.True(operations < 0.93 * Steps * reference.Operations);
    }

    [Fact]
    public void Exported_checkpoint_gives_the_trainers_logits_in_the_engine_at_every_exit()
    {
        foreach (var tied in new[] { true, false })
        {
            var config = Shapes.Learner() with { TiedEmbeddings = tied };
            using var trainer = Trainer.FromScratch(config, Options(20), deviation: 0.1);
            var batch = new SequenceBatch(Shapes.Poems(4, 12));
            while (trainer.Step < 20)
            {
                trainer.MakeStep(batch);
            }

            var directory = Path.Combine(_directory, tied ? "tied" : "untied");
            trainer.Export(directory, new GenerationDefaults { EndOfSequenceIds = [2] }, TensorDataType.F32);
            using var checkpoint = Checkpoint.Open(directory);
            Assert.Equal(config, checkpoint.Config);
            using var engine = CpuModel.Load(checkpoint.Config, checkpoint.Weights, WeightFormat.F32, 1, SimdPaths.Choose());
            using var training = new LayerSkip.Training.Models.TrainingModel(config, 1);
            training.Parameters.CopyFrom(checkpoint.Weights);
            training.Losses(batch, new bool[config.Layers]);
            AssertSameLogits(engine, training, batch);
        }
    }

    [Fact]
    public void Bf16_export_loads_and_continued_training_starts_from_its_weights()
    {
        var config = Shapes.Learner();
        var batch = new SequenceBatch(Shapes.Poems(4, 12));
        using var trainer = Trainer.FromScratch(config, Options(100), deviation: 0.1);
        while (trainer.Step < 100)
        {
            trainer.MakeStep(batch);
        }

        var directory = Path.Combine(_directory, "bf16");
        trainer.Export(directory, new GenerationDefaults(), TensorDataType.BF16);
        using var checkpoint = Checkpoint.Open(directory);
        using var continued = Trainer.FromWeights(checkpoint.Config, checkpoint.Weights, Options(10));
        Assert.Equal(trainer.Evaluate(batch)[^1], continued.Evaluate(batch)[^1], 0.02);
    }

    [Fact]
    public void The_recipe_makes_early_exits_that_self_speculation_accepts()
    {
        var recipe = new LayerSkipRecipe { MaxDropout = 0.1, ExitScale = 1, Curriculum = ExitCurriculum.Gradual };
        var poems = Shapes.Poems(8, 16);
        var batch = new SequenceBatch(poems);
        using var trainer = Trainer.FromScratch(Shapes.Learner(), Options(400, recipe: recipe), deviation: 0.1);
        while (trainer.Step < 400)
        {
            trainer.MakeStep(batch);
        }

        using var model = LayerSkipModel.FromWeights("poems", trainer.Config, trainer.CreateWeightSource(), options: new() { Threads = 1 });
        var (drafted, accepted) = (0, 0);
        foreach (var poem in poems)
        {
            int[] expected = [.. poem.Tokens.Skip(1)];
            foreach (var (mode, exit) in new[] { (DecodingMode.Autoregressive, 0), (DecodingMode.EarlyExit, 2), (DecodingMode.SelfSpeculative, 2) })
            {
                using var generation = model.Generate([poem.Tokens[0]], new DecodingOptions
                {
                    Mode = mode, ExitLayer = exit == 0 ? null : exit, NumSpeculations = 4, MaxNewTokens = expected.Length,
                });
                while (generation.NextRound())
                {
                }

                Assert.Equal(expected, generation.Output.ToArray());
                drafted += generation.Statistics.Drafted;
                accepted += generation.Statistics.Accepted;
            }
        }

        Assert.True(accepted > 0.9 * drafted, $"accepted {accepted} of {drafted}");
    }

    [Fact]
    public void Diverging_stops_with_the_step_and_leaves_the_weights()
    {
        var config = Shapes.Learner();
        var batch = new SequenceBatch(Shapes.Poems(4, 12));
        using var trainer = Trainer.FromScratch(config, Options(5), deviation: 1e30);
        var before = trainer.CreateWeightSource().GetTensor("model.norm.weight", config.HiddenSize);
        var (norm, after) = (new float[config.HiddenSize], new float[config.HiddenSize]);
        before.ReadRow(0, norm);
        var error = Assert.Throws<TrainingDivergedException>(() => trainer.MakeStep(batch));
        before.ReadRow(0, after);
        Assert.Equal(0, error.Step);
        Assert.Equal(0, trainer.Step);
        Assert.Equal(norm, after);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        var config = Shapes.Learner();
        var (path, other) = (Path.Combine(_directory, "run"), Path.Combine(_directory, "other"));
        using var trainer = Trainer.FromScratch(config, Options(5));
        Assert.Contains("token 50", Assert.Throws<ArgumentException>(
            () => trainer.MakeStep(new SequenceBatch([new([1, 2, 50])]))).Message, StringComparison.Ordinal);
        Assert.Contains("66 tokens", Assert.Throws<ArgumentException>(
            () => trainer.MakeStep(new SequenceBatch([new(new int[66])]))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => trainer.MakeStep());
        Assert.Throws<ArgumentNullException>("batches", () => trainer.MakeStep(new SequenceBatch([new([1, 2])]), null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => Trainer.FromScratch(config, Options(0)));

        trainer.Save(path);
        Assert.Contains("seed", Assert.Throws<CheckpointException>(() => Trainer.Resume(config, Options(5, seed: 5), path)).Message, StringComparison.Ordinal);
        Assert.Contains("expected F32 [51, 32]", Assert.Throws<CheckpointException>(
            () => Trainer.Resume(config with { VocabularySize = 51 }, Options(5), path)).Message, StringComparison.Ordinal);
        foreach (var layers in (int[])[config.Layers - 1, config.Layers + 1])
        {
            Assert.Contains("not a saved run of this model", Assert.Throws<CheckpointException>(
                () => Trainer.Resume(config with { Layers = layers }, Options(5), path)).Message, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentOutOfRangeException>("deviation", () => Trainer.FromScratch(config, Options(5), double.PositiveInfinity));
        File.WriteAllBytes(other, File.ReadAllBytes(path)[..^1000]);
        Assert.Throws<CheckpointException>(() => Trainer.Resume(config, Options(5), other));
        Assert.Throws<CheckpointException>(() => Trainer.Resume(config, Options(5), Path.Combine(_directory, "absent")));
        trainer.Export(Path.Combine(_directory, "weights"), new GenerationDefaults(), TensorDataType.F32);
        Assert.Contains("not a saved run", Assert.Throws<CheckpointException>(
            () => Trainer.Resume(config, Options(5), Path.Combine(_directory, "weights", "model.safetensors"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_save_that_fails_leaves_the_earlier_state()
    {
        var path = Path.Combine(_directory, "run");
        using var trainer = Trainer.FromScratch(Shapes.Learner(), Options(5));
        trainer.Save(path);
        var before = File.ReadAllBytes(path);
        Assert.ThrowsAny<IOException>(() => trainer.Save(Path.Combine(path, "below a file")));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_directory));
    }

    [Fact]
    public void Export_of_blocks_is_refused_and_leaves_the_earlier_checkpoint()
    {
        using var trainer = Trainer.FromScratch(Shapes.Learner(), Options(5));
        trainer.Export(_directory, new GenerationDefaults(), TensorDataType.F32);
        var config = File.ReadAllText(Path.Combine(_directory, "config.json"));
        Assert.Throws<ArgumentException>("dataType", () => trainer.Export(_directory, new GenerationDefaults(), TensorDataType.Int8));
        Assert.Equal(config, File.ReadAllText(Path.Combine(_directory, "config.json")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Disposed_trainer_says_so(int threads)
    {
        var batch = new SequenceBatch([new([1, 2, 3])]);
        var trainer = Trainer.FromScratch(Shapes.Learner(), Options(5) with { Threads = threads });
        trainer.Dispose();
        trainer.Dispose();
        Action[] uses =
        [
            () => trainer.MakeStep(batch), () => trainer.Evaluate(batch), () => trainer.GradientNorm(batch), () => trainer.CreateWeightSource(),
            () => trainer.Save(Path.Combine(_directory, "run")), () => trainer.Export(_directory, new GenerationDefaults(), TensorDataType.F32),
        ];
        Assert.All(uses, use => Assert.Throws<ObjectDisposedException>(use));
        Assert.Empty(Directory.GetFiles(_directory));
    }

    private static void AssertSameLogits(CpuModel engine, LayerSkip.Training.Models.TrainingModel training, SequenceBatch batch)
    {
        var config = engine.Config;
        for (var s = 0; s < batch.Sequences; s++)
        {
            var (start, length) = (batch.Layout.Start(s), batch.Layout.Length(s));
            using var cache = engine.CreateCache();
            using var rows = engine.CreateRows(length);
            rows.Place(0, length, cache, 0);
            engine.Embed(rows, 0, batch.Tokens.AsSpan(start, length));
            var logits = new float[length * config.VocabularySize];
            for (var exit = 0; exit < config.Layers; exit++)
            {
                engine.RunLayers(rows, 0, length, exit, exit + 1);
                engine.Logits(rows, 0, length, logits);
                for (var row = 0; row < length; row++)
                {
                    var expected = training.Logits(batch, exit, start + row);
                    for (var v = 0; v < expected.Length; v++)
                    {
                        Assert.Equal(expected[v], logits[(row * expected.Length) + v], 1e-4);
                    }
                }
            }
        }
    }

    [Fact]
    public void Saved_run_says_what_it_was_saved_with()
    {
        var path = Path.Combine(_directory, "run");
        using var trainer = Trainer.FromScratch(Shapes.Tiny(), Options(5, seed: 8));
        trainer.MakeStep(Shapes.Batch(new Random(1), 13, 5));
        trainer.Save(path);
        Assert.Equal(new SavedRun(1, 8, null), SavedRun.Read(path));

        trainer.Save(path, "a \"recipe\" {}");
        Assert.Equal(new SavedRun(1, 8, "a \"recipe\" {}"), SavedRun.Read(path));
        using var resumed = Trainer.Resume(Shapes.Tiny(), Options(5, seed: 8), path);
        Assert.Equal(1, resumed.Step);

        trainer.Export(_directory, new GenerationDefaults(), TensorDataType.F32);
        Assert.Throws<CheckpointException>(() => SavedRun.Read(Path.Combine(_directory, "model.safetensors")));
    }

    [Theory]
    [InlineData(6, 64, 96, 2304, 900)]
    [InlineData(2, 128, 256, 500, 3000)]
    [InlineData(4, 32, 64, 50, 200)]
    [InlineData(1, 72, 96, 20000, 300)]
    public void Memory_is_estimated_within_a_tenth(int layers, int hidden, int intermediate, int vocabulary, int rows)
    {
        var config = Shapes.Learner(layers) with { HiddenSize = hidden, IntermediateSize = intermediate, VocabularySize = vocabulary };
        using var trainer = Trainer.FromScratch(config, Options(5));
        trainer.MakeStep(new SequenceBatch([.. Enumerable.Repeat(new TrainingSequence([.. Enumerable.Range(0, 21)]), rows / 20)]));

        // Scratch memory of a fixed size a thread is left out.
        Assert.InRange(Trainer.EstimateBytes(config, rows), (0.9 * trainer.Bytes) - 2e6, 1.1 * trainer.Bytes);
    }

    [Fact]
    public void Gradient_norm_changes_nothing_and_tells_of_spoilt_weights()
    {
        var batch = Shapes.Batch(new Random(1), 13, 5, 7);
        using var trainer = Trainer.FromScratch(Shapes.Tiny(), Options(5, rate: 1e30));
        var losses = trainer.Evaluate(batch);

        Assert.InRange(trainer.GradientNorm(batch), 1e-3, 100);
        Assert.Equal(trainer.GradientNorm(batch), trainer.GradientNorm(batch));
        Assert.Equal(losses, trainer.Evaluate(batch));

        trainer.MakeStep(batch);
        Assert.False(double.IsFinite(trainer.GradientNorm(batch)));
    }

    /// <summary>Layer l is layer l mod depth of another model.</summary>
    private sealed class StackedWeights(WeightSource weights, int depth) : WeightSource
    {
        public override bool Contains(string name) => weights.Contains(Source(name));

        public override WeightTensor GetTensor(string name, params ReadOnlySpan<long> shape) => weights.GetTensor(Source(name), shape);

        public override void Dispose()
        {
        }

        private string Source(string name)
        {
            var parts = name.Split('.');
            return parts[1] == "layers" ? name.Replace($".{parts[2]}.", $".{int.Parse(parts[2], CultureInfo.InvariantCulture) % depth}.", StringComparison.Ordinal) : name;
        }
    }
}
