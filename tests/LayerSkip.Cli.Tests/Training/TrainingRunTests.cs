using System.Diagnostics;
using System.Text.Json;
using LayerSkip.Cli.Training;
using LayerSkip.Cli.Training.Metrics;
using LayerSkip.Engine.Decoding;
using LayerSkip.Training;

namespace LayerSkip.Cli.Tests.Training;

/// <summary>Whole runs of a tiny model.</summary>
public class TrainingRunTests
{
    private static readonly string[] s_files = ["state.safetensors", "model.safetensors", "config.json", "generation_config.json"];

    private static readonly string[] s_positive = ["epoch", "learning_rate", "gradient_norm", "seconds", "flops_per_second", "bytes", "objective"];

    [Fact]
    public void Run_lowers_the_loss_and_leaves_a_checkpoint_that_generates()
    {
        using var folder = new TrainingFolder().With("steps", "60").With("label_smoothing", "0").With("recipe.max_dropout", "0.1");
        var result = folder.Train();

        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Output));
        Assert.Contains("trained 60 steps", result.Error, StringComparison.Ordinal);
        var steps = RunHistory.Read(folder.Of("run", "metrics.jsonl")).Steps;
        Assert.True(steps[^1].Loss < steps[0].Loss - 2, $"from {steps[0].Loss} to {steps[^1].Loss}");

        var answer = Tool.RunJson("generate", "--model", folder.Of("run"), "--chat", "--prompt", "Turn off alarms", "--controller", "fixed");
        Assert.Equal(("self-speculative", 2, 3), (answer.GetProperty("mode").GetString(), answer.GetProperty("exit_layer").GetInt32(), answer.GetProperty("num_speculations").GetInt32()));
        Assert.InRange(answer.GetProperty("tokens").GetArrayLength(), 1, 20);
        Assert.Empty(Directory.GetFiles(folder.Of("run"), "*.tmp"));
    }

    [Fact]
    public void Metrics_are_json_lines_of_the_run_its_steps_and_its_evaluations()
    {
        using var folder = new TrainingFolder();
        Assert.Equal(CommandLine.Success, folder.Train().ExitCode);
        var lines = File.ReadLines(folder.Of("run", "metrics.jsonl")).Select(line =>
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.Clone();
        }).ToArray();

        Assert.Equal("run", lines[0].GetProperty("type").GetString());
        Assert.Equal(12, lines[0].GetProperty("steps").GetInt64());

        // A line every four steps, and one before each checkpoint, so that none of them is lost.
        var steps = lines.Where(line => line.GetProperty("type").GetString() == "step").ToArray();
        Assert.Equal([4, 5, 8, 10, 12], steps.Select(line => line.GetProperty("step").GetInt32()));
        Assert.Equal([4, 1, 3, 2, 2], steps.Select(line => line.GetProperty("steps").GetInt32()));
        Assert.All(steps, line =>
        {
            Assert.Equal(1, line.GetProperty("exit_weights").EnumerateObject().Sum(weight => weight.Value.GetDouble()), 1e-5);
            Assert.Equal(line.GetProperty("loss").GetDouble(), line.GetProperty("exit_losses").GetProperty("4").GetDouble());
            Assert.InRange(line.GetProperty("tokens").GetInt64(), 60 * line.GetProperty("steps").GetInt32(), 120 * line.GetProperty("steps").GetInt32());
            Assert.InRange(line.GetProperty("layer_tokens_share").GetDouble(), 0.5, 1);
            foreach (var name in s_positive)
            {
                Assert.True(line.GetProperty(name).GetDouble() > 0, name);
            }
        });
        Assert.Equal(0.3, steps[^1].GetProperty("max_dropout_now").GetDouble(), 1e-9);

        var evaluations = lines.Where(line => line.GetProperty("type").GetString() == "evaluation").ToArray();
        Assert.Equal([6, 12], evaluations.Select(line => line.GetProperty("step").GetInt32()));
        Assert.Equal(["2", "4"], evaluations[0].GetProperty("exact_match").EnumerateObject().Select(exit => exit.Name));
        Assert.Equal(["1", "2", "3", "4"], evaluations[0].GetProperty("losses").EnumerateObject().Select(exit => exit.Name));
        Assert.Equal(2, evaluations[0].GetProperty("rows").GetInt32());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(11)]
    public void Interrupted_run_is_saved_and_resumes_to_the_same_bits(int at)
    {
        using var folder = new TrainingFolder();
        RunToEnd(folder, "whole");
        using (var stop = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => Run(folder, "parts", stop, progress =>
            {
                if (progress.Step == at)
                {
                    stop.Cancel();
                }
            }));
        }

        Assert.Equal(at, SavedRun.Read(folder.Of("parts", "state.safetensors")).Step);
        Assert.True(File.Exists(folder.Of("parts", "report.html")));
        RunToEnd(folder, "parts");
        AssertSameFiles(folder, "whole", "parts");
        AssertOneTrajectory(folder);
    }

    [Fact]
    public void A_model_has_the_tokenizer_that_it_was_trained_with()
    {
        using var folder = new TrainingFolder();
        var before = File.ReadAllText(folder.Of("tokenizer", "tokenizer_config.json"));
        Run(folder, "run", null, progress => File.WriteAllText(folder.Of("tokenizer", "tokenizer_config.json"), "{}"));
        Assert.Equal(before, File.ReadAllText(folder.Of("run", "tokenizer_config.json")));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(12)]
    public void Run_that_died_goes_on_from_its_last_checkpoint_to_the_same_bits(int at)
    {
        using var folder = new TrainingFolder();
        RunToEnd(folder, "whole");
        Assert.Throws<InvalidOperationException>(() => Run(folder, "parts", null, progress =>
        {
            if (progress.Step == at)
            {
                throw new InvalidOperationException("died");
            }
        }));
        File.WriteAllText(folder.Of("parts", $"state.safetensors.{Guid.NewGuid():N}.tmp"), "half-written");
        File.AppendAllText(folder.Of("parts", "metrics.jsonl"), "{\"type\":\"step\",\"st");

        Assert.Equal(at / 5 * 5, SavedRun.Read(folder.Of("parts", "state.safetensors")).Step);
        RunToEnd(folder, "parts");
        AssertSameFiles(folder, "whole", "parts");
        AssertOneTrajectory(folder);
        Assert.Empty(Directory.GetFiles(folder.Of("parts"), "*.tmp"));
    }

    [Fact]
    public void Killed_process_goes_on_to_the_same_bits()
    {
        using var folder = new TrainingFolder().With("steps", "150").With("evaluation", null).With("checkpoint.every_steps", "2").WriteRecipe();
        RunToEnd(folder, "whole");
        using (var process = StartUntilSaved(folder, "killed"))
        {
            process.Kill();
            process.WaitForExit();
        }

        Assert.InRange(SavedRun.Read(folder.Of("killed", "state.safetensors")).Step, 2, 150);
        RunToEnd(folder, "killed");
        AssertSameFiles(folder, "whole", "killed");
    }

    [Fact]
    public void Terminated_process_saves_first()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no SIGTERM");
        using var folder = new TrainingFolder().With("steps", "100000").With("evaluation", null).With("checkpoint.every_steps", "2").WriteRecipe();
        using var process = StartUntilSaved(folder, "run");
        using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]))
        {
            kill.WaitForExit();
        }

        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(2)), "goes on");
        Assert.Equal(CommandLine.Interrupted, process.ExitCode);
        var saved = SavedRun.Read(folder.Of("run", "state.safetensors")).Step;
        Assert.Equal(saved, RunHistory.Read(folder.Of("run", "metrics.jsonl")).Steps[^1].Step);
    }

    [Fact]
    public void Growing_model_shows_the_loss_of_the_layers_that_there_are()
    {
        using var folder = new TrainingFolder().With("recipe.growth", """[{"start": 0, "layers": 2}, {"start": 0.5, "layers": 4}]""");
        folder.With("recipe.dropout_schedule", "\"constant\"");
        var (depths, dropouts) = (new List<int>(), new List<double>());
        Run(folder, "run", null, progress =>
        {
            depths.Add(progress.Depth);
            dropouts.Add(progress.MaxDropout);
        });

        Assert.Equal([2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4], depths);

        // Of the deepest layer that runs; D(l) is laid over the final depth.
        var second = 0.3 * (Math.Pow(2, 1 / 3.0) - 1);
        Assert.Equal([.. Enumerable.Repeat(second, 6), .. Enumerable.Repeat(0.3, 6)], dropouts);
        var steps = RunHistory.Read(folder.Of("run", "metrics.jsonl")).Steps;
        Assert.Equal(steps[0].ExitLosses["2"], steps[0].Loss);
        Assert.DoesNotContain("4", steps[0].ExitLosses.Keys);
        Assert.Equal(steps[^1].ExitLosses["4"], steps[^1].Loss);
        Assert.InRange(steps[0].LayerTokensShare, 0.3, 0.5);
        Assert.Equal((second, 0.3), (steps[0].MaxDropoutNow, steps[^1].MaxDropoutNow));
    }

    [Fact]
    public void Layers_that_join_in_as_identity_do_not_move_the_loss()
    {
        // Without a rate nothing but the growth could move it.
        using var folder = new TrainingFolder()
            .With("recipe", """{"growth": [{"start": 0, "layers": 2}, {"start": 0.5, "layers": 4, "identity": true}]}""")
            .With("optimizer", """{"learning_rate": 1e-30}""")
            .With("evaluation.every_steps", "1");
        Run(folder, "run", null, static _ => { });

        Assert.Single(RunHistory.Read(folder.Of("run", "metrics.jsonl")).Evaluations.Select(evaluation => evaluation.Losses["4"]).Distinct());
    }

    [Fact]
    public void Prompts_count_what_the_recipe_says_where_it_says_so()
    {
        using var folder = new TrainingFolder().With("data.0.prompt_weight", "0").With("data.1.prompt_weight", "0.25");
        Assert.Equal([[0], [0.25]], folder.Plan().Sets.Select(set => set.Sequences.Select(sequence => sequence.PromptWeight).Distinct()));
        Assert.Contains(
            "data[1].prompt_weight is given, but loss is \"all\"", folder.With("data.1.loss", "\"all\"").TrainBad(), StringComparison.Ordinal);
    }

    [Fact]
    public void All_tokens_may_count_alike()
    {
        using var folder = new TrainingFolder().With("data.0.loss", "\"all\"");
        Assert.Equal([[1], [0]], folder.Plan().Sets.Select(set => set.Sequences.Select(sequence => sequence.PromptWeight).Distinct()));
        Assert.All(folder.Plan().Sets[0].Sequences, sequence => Assert.True(sequence.PromptLength > 1)); // what a draft vocabulary is chosen by
    }

    [Fact]
    public void Evaluation_prompts_that_do_not_fit_are_told_before_anything_is_trained_or_left_out()
    {
        using var folder = new TrainingFolder();
        File.AppendAllText(folder.Of("rows.tsv"), $"alarm\t{new string('x', 200)}\t[IN:SILENCE_ALARM {new string('x', 200)} ]\n");
        folder.With("data", """[{"files": ["rows.jsonl"]}]""").With("evaluation.rows", "3");

        Assert.Contains("rows.tsv, line 4: has ", folder.TrainBad("--check"), StringComparison.Ordinal);
        Assert.Contains("2 rows every 6 steps, at full depth, exit 2; 1 row left out: too long", folder.With("too_long", "\"skip\"").Train("--check").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluation_rows_longer_than_the_recipe_allows_are_told_too_or_left_out()
    {
        using var folder = new TrainingFolder().With("data", """[{"files": ["short.jsonl"]}]""").With("max_tokens", "12").With("evaluation.data", """["rows.jsonl"]""").With("evaluation.rows", "6");
        File.WriteAllText(folder.Of("short.jsonl"), """{"prompt": "stop", "response": "[IN:SILENCE_ALARM ]"}""");

        Assert.Contains("rows.jsonl, line 2: has ", folder.TrainBad("--check"), StringComparison.Ordinal);
        var evaluation = folder.With("too_long", "\"skip\"").Plan().Evaluation!;
        Assert.Equal(6, evaluation.Rows + evaluation.Skipped);
        Assert.InRange(evaluation.Skipped, 1, 5);
    }

    [Fact]
    public void Evaluation_computes_no_more_at_once_than_training()
    {
        using var folder = new TrainingFolder().With("evaluation.data", """["rows.jsonl"]""").With("evaluation.rows", "6");

        Assert.InRange(folder.Plan().Evaluation!.LargestBatchTokens, 1, 40);
        Assert.Equal(40, folder.Plan().LargestBatchTokens);
    }

    [Fact]
    public void Answers_that_were_cut_are_counted()
    {
        using var folder = new TrainingFolder().With("generation.max_new_tokens", "1");
        var notes = new List<string>();
        Run(folder, "run", null, static _ => { }, notes.Add);

        Assert.Contains(notes, note => note.StartsWith("step 6: exact match", StringComparison.Ordinal) && note.EndsWith("; 2 of 2 answers did not end within 1 tokens", StringComparison.Ordinal));
    }

    [Fact]
    public void Evaluation_that_runs_out_of_memory_does_not_cost_the_run()
    {
        using var folder = new TrainingFolder();
        var error = Assert.Throws<UsageException>(() => Run(folder, "run", null, static _ => { }, static note =>
        {
            if (note.StartsWith("step 6: exact", StringComparison.Ordinal))
            {
                throw new InsufficientMemoryException();
            }
        }));

        Assert.Equal("step 6: not enough memory to evaluate; the run is saved; 'layerskip train --check' says how much it needs", error.Message);
        Assert.Equal(6, SavedRun.Read(folder.Of("run", "state.safetensors")).Step);
    }

    [Fact]
    public void Model_beyond_memory_and_disk_is_told_before_and_when_it_is_tried()
    {
        using var folder = new TrainingFolder().With(
            "shape", """{"layers": 1024, "hidden": 1048576, "intermediate": 1048576, "heads": 4096, "context": 64}""");

        var check = folder.Train("--check");
        Assert.Equal(CommandLine.Success, check.ExitCode);
        Assert.Matches("note +the disk of .* has .* free, expected .*: checkpoints will not fit", check.Output);
        Assert.Contains("not enough memory; 'layerskip train --check' says", folder.TrainBad(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_keeps_the_day_on_which_it_began()
    {
        using var folder = new TrainingFolder();
        Assert.Null(folder.Plan().Description.Day); // its template knows of no day
        File.WriteAllText(
            folder.Of("tokenizer", "chat_template.jinja"),
            "<|begin|>{{ strftime_now('%d %b %Y') }}{% for m in messages %}{% if m.role == 'user' %}<|user|> {{ m.content }}{% else %}<|assistant|> {{ m.content }}<|end|>{% endif %}{% endfor %}"
            + "{% if add_generation_prompt %}<|assistant|>{% endif %}");
        var today = folder.Plan();
        Assert.NotNull(today.Description.Day);

        using (var trainer = Trainer.FromScratch(today.Config, today.Options))
        {
            Directory.CreateDirectory(folder.Of("run"));
            trainer.Save(folder.Of("run", "state.safetensors"), """{"date": "2024-02-03"}""");
            var plan = folder.Plan();
            Assert.Contains("03 Feb 2024", plan.Start.Tokenizer.Decode([.. plan.Sets[0].Sequences[0].Tokens]), StringComparison.Ordinal);
            trainer.Save(folder.Of("run", "state.safetensors"), plan.Description.ToString());
        }

        RunToEnd(folder, "run");
        Assert.Contains("\"date\":\"2024-02-03\"", SavedRun.Read(folder.Of("run", "state.safetensors")).Description, StringComparison.Ordinal);
    }

    [Fact]
    public void Exit_that_nothing_trains_is_noted()
    {
        using var folder = new TrainingFolder();
        Assert.DoesNotContain("note ", folder.Train("--check").Output, StringComparison.Ordinal);

        var plain = folder.With("recipe", null).Train("--check").Output;
        Assert.Contains("exit 2, which is to draft (generation.exit_layer), has no loss in any step", plain, StringComparison.Ordinal);
        Assert.Contains("exit 2 (evaluation.exits) has no loss in any step", plain, StringComparison.Ordinal);

        // The paper's e(l) of the first exit is 0, whatever its scale.
        var first = folder.With("recipe", """{"exit_scale": 1}""").With("generation.exit_layer", "1").Train("--check").Output;
        Assert.Contains("exit 1, which is to draft (generation.exit_layer), has no loss in any step", first, StringComparison.Ordinal);
        Assert.DoesNotContain("exit 2 (evaluation.exits)", first, StringComparison.Ordinal);
    }

    [Fact]
    public void Draft_vocabulary_of_other_rows_is_not_taken_over()
    {
        using var folder = new TrainingFolder().With("tokenizer", null).With("shape", null).With("from", JsonSerializer.Serialize(Tool.Parser));
        Assert.Empty(folder.Plan().Generation.DraftVocabulary);
        Assert.Matches("note +the draft vocabulary of [0-9]+ tokens in .* is not taken over", folder.Train("--check").Output);

        Assert.NotEmpty(folder.With("generation.draft_coverage", "0.9").Plan().Generation.DraftVocabulary);

        // The weights that drafts go by are, where the recipe names no others.
        Assert.Equal(DraftWeights.Int4, folder.Plan().Generation.DraftWeights);
        Assert.Equal(DraftWeights.Exact, folder.With("generation.draft_weights", "\"exact\"").Plan().Generation.DraftWeights);
        Assert.DoesNotContain("note ", folder.Train("--check").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Drafts_by_all_layers_are_taken_over_with_their_coarse_weights_alone()
    {
        using var checkpoint = TokenizedCheckpoint.Write();
        File.WriteAllText(checkpoint.PathOf("generation_config.json"), """{ "eos_token_id": 2303, "layerskip": { "exit_layer": 4, "draft_weights": "int8" } }""");
        using var folder = new TrainingFolder().With("tokenizer", null).With("shape", null).With("generation.exit_layer", null).With("from", JsonSerializer.Serialize(checkpoint.Directory));

        Assert.Equal((4, DraftWeights.Int8), (folder.Plan().Generation.ExitLayer, folder.Plan().Generation.DraftWeights));
        Assert.Null(folder.With("generation.draft_weights", "\"exact\"").Plan().Generation.ExitLayer);
        Assert.Contains("generation.exit_layer is 4, expected 1..3", folder.With("generation.exit_layer", "4").TrainBad("--check"), StringComparison.Ordinal);
        Assert.Equal(4, folder.With("generation.draft_weights", "\"int4\"").Plan().Generation.ExitLayer);
    }

    [Theory]
    [InlineData(true, "attention_bias")]
    [InlineData(false, "mlp_bias")]
    public void Checkpoint_with_biases_is_refused_by_name_before_rows_are_read(bool attention, string field)
    {
        using var checkpoint = TokenizedCheckpoint.Write(TokenizedCheckpoint.Config with { AttentionBias = attention, MlpBias = !attention });
        using var folder = new TrainingFolder().With("tokenizer", null).With("shape", null).With("data.0.files", """["absent.jsonl"]""");

        Assert.Contains($"{checkpoint.Directory}: {field} is true, expected false", folder.TrainBad("--check", "--from", checkpoint.Directory), StringComparison.Ordinal);
    }

    [Fact]
    public void Conversations_are_evaluated_as_they_are_trained_on()
    {
        using var folder = new TrainingFolder().With("evaluation.data", """["rows.jsonl"]""").With("evaluation.rows", "6");
        RunToEnd(folder, "run");

        Assert.Equal([6, 6], RunHistory.Read(folder.Of("run", "metrics.jsonl")).Evaluations.Select(evaluation => evaluation.Rows));
    }

    [Fact]
    public void Share_of_the_machines_peak_is_of_the_best_that_was_measured()
    {
        using var folder = new TrainingFolder();
        var measured = new Queue<double>([1e3, 1e15, 1e6]); // at the start, when something else was running, and at the checkpoints of steps 5 and 10
        var shares = new List<double>();
        Run(folder, "run", null, progress => shares.Add(progress.PeakShare), peak: measured.Dequeue);

        Assert.Empty(measured);
        Assert.All(shares[..5], share => Assert.True(share > 1));
        Assert.All(shares[5..], share => Assert.True(share < 1));
        Assert.Equal([1e3, 1e3, 1e15, 1e15, 1e15], RunHistory.Read(folder.Of("run", "metrics.jsonl")).Steps.Select(step => step.FmaFlopsPerSecond!.Value));
        Assert.Contains("FLOPS: 0 % of FMA peak", File.ReadAllText(folder.Of("run", "report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluation_that_was_stopped_is_made_up()
    {
        using var folder = new TrainingFolder();
        using (var stop = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => Run(folder, "run", stop, progress =>
            {
                if (progress.Step == 6)
                {
                    stop.Cancel();
                }
            }));
        }

        Assert.Empty(RunHistory.Read(folder.Of("run", "metrics.jsonl")).Evaluations);
        RunToEnd(folder.With("evaluation.exits", "[2, 2]"), "run");
        Assert.Equal([6, 12], RunHistory.Read(folder.Of("run", "metrics.jsonl")).Evaluations.Select(evaluation => evaluation.Step));
    }

    [Fact]
    public void Metrics_that_cannot_be_read_do_not_end_the_run()
    {
        using var folder = new TrainingFolder();
        var notes = new List<string>();
        Run(folder, "run", null, progress =>
        {
            if (progress.Step == 4)
            {
                File.Delete(folder.Of("run", "metrics.jsonl"));
            }
        }, notes.Add);

        Assert.Contains(notes, note => note.Contains("metrics and report could not be written", StringComparison.Ordinal));
        Assert.Equal(12, SavedRun.Read(folder.Of("run", "state.safetensors")).Step);
        File.WriteAllText(folder.Of("run", "metrics.jsonl"), "{\"type\":\"step\",\"step\":3}\n");
        RunToEnd(folder, "run");
    }

    [Fact]
    public void Losses_shown_are_those_of_the_metrics()
    {
        using var folder = new TrainingFolder();
        var shown = new Dictionary<long, IReadOnlyList<double>>();
        using (var stop = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => Run(folder, "run", stop, progress =>
            {
                shown.Add(progress.Step, progress.Losses);
                if (progress.Step == 7)
                {
                    stop.Cancel();
                }
            }));
        }

        Run(folder, "run", null, progress => shown.Add(progress.Step, progress.Losses));

        var lines = RunHistory.Read(folder.Of("run", "metrics.jsonl")).Steps;
        Assert.Equal([4, 5, 7, 8, 10, 12], lines.Select(line => line.Step));
        Assert.All(lines, line => Assert.All(line.ExitLosses, exit => Assert.Equal(exit.Value, shown[line.Step][int.Parse(exit.Key) - 1], 1e-6)));

        // Of two steps in which every second one trains an exit, both have a loss.
        Assert.DoesNotContain(double.NaN, shown[2]);
    }

    [Fact]
    public void Finished_run_has_nothing_left_to_do()
    {
        using var folder = new TrainingFolder();
        Assert.Equal(CommandLine.Success, folder.Train().ExitCode);
        var weights = File.ReadAllBytes(folder.Of("run", "model.safetensors"));
        File.Delete(folder.Of("run", "model.safetensors"));

        var again = folder.Train();

        Assert.Equal(CommandLine.Success, again.ExitCode);
        Assert.Contains("had finished all its 12 steps already; checkpoint and report.html stand in ", again.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("trained", again.Error, StringComparison.Ordinal);
        Assert.Contains(", from step 12 on", again.Error, StringComparison.Ordinal);
        Assert.Equal(weights, File.ReadAllBytes(folder.Of("run", "model.safetensors")));
        Assert.Equal(2, RunHistory.Read(folder.Of("run", "metrics.jsonl")).Evaluations.Count);
    }

    [Theory]
    [InlineData("seed", "4", "seed is 4, was 3")]
    [InlineData("steps", "13", "steps is 13, was 12")]
    [InlineData("shape.intermediate", "32", "intermediate is 32, was 24")]
    [InlineData("optimizer.learning_rate", "0.02", "optimizer.learning_rate is 0.02, was 0.01")]
    [InlineData("recipe.max_dropout", "0.25", "recipe.max_dropout is 0.25, was 0.3")]
    [InlineData("tokens_per_step", "61", "tokens_per_step is 61, was 60")]
    [InlineData("tokens_per_batch", null, "tokens_per_batch is 60, was 40")]
    [InlineData("label_smoothing", "0", "label_smoothing is 0, was 0.05")]
    [InlineData("data.1.share", "1", "data[1].share is 1, was 0.5")]
    [InlineData("form", "\"full\"", "data[1] (rows, tokenizer, template or form)")]
    public void Run_is_not_resumed_under_another_recipe(string path, string? json, string difference)
    {
        using var folder = new TrainingFolder().With("steps", "12");
        RunToEnd(folder, "run");
        var state = File.ReadAllBytes(folder.Of("run", "state.safetensors"));

        var error = folder.With(path, json).TrainBad();

        Assert.Contains(difference, error, StringComparison.Ordinal);
        Assert.Equal(path == "steps", error.EndsWith("further, give another recipe \"from\", the checkpoint to start from", StringComparison.Ordinal));
        Assert.Contains("train into another output, or delete this one to begin anew", error, StringComparison.Ordinal);
        Assert.Equal(state, File.ReadAllBytes(folder.Of("run", "state.safetensors")));
        Directory.Delete(folder.Of("run"), recursive: true);
        Assert.Equal(CommandLine.Success, folder.Train().ExitCode);
    }

    [Fact]
    public void Limit_of_a_batch_that_equals_the_steps_tokens_is_not_none()
    {
        using var folder = new TrainingFolder().With("tokens_per_batch", null);
        RunToEnd(folder, "run");

        // As earlier versions described it, so that their runs go on.
        Assert.Contains("\"tokens_per_batch\":\"60\"", SavedRun.Read(folder.Of("run", "state.safetensors")).Description, StringComparison.Ordinal);
        Assert.Contains("tokens_per_batch is at most 60, was 60", folder.With("tokens_per_batch", "60").TrainBad(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_is_not_resumed_with_other_rows_but_with_other_threads_and_another_rhythm()
    {
        using var folder = new TrainingFolder();
        RunToEnd(folder, "run");
        Assert.Equal(CommandLine.Success, folder.With("threads", "2").With("checkpoint.every_steps", "3").With("evaluation.every_steps", "4").Train().ExitCode);

        File.WriteAllText(folder.Of("rows.tsv"), TrainingFolder.TopV2.Replace("york", "leeds", StringComparison.Ordinal));
        Assert.Contains("data[1] (rows", folder.TrainBad(), StringComparison.Ordinal);
    }

    [Fact]
    public void State_that_does_not_say_its_recipe_must_be_adopted()
    {
        using var folder = new TrainingFolder();
        var plan = folder.Plan();
        using (var trainer = Trainer.FromScratch(plan.Config, plan.Options))
        {
            Directory.CreateDirectory(folder.Of("run"));
            trainer.Save(folder.Of("run", "state.safetensors"));
        }

        var error = folder.TrainBad();
        Assert.Contains("--adopt", error, StringComparison.Ordinal);

        Assert.Equal(CommandLine.Success, folder.Train("--adopt").ExitCode);
        RunToEnd(folder, "whole");
        AssertSameFiles(folder, "whole", "run");
    }

    [Fact]
    public void Checkpoint_is_adapted_with_its_own_shape_and_tokenizer()
    {
        using var folder = new TrainingFolder();
        RunToEnd(folder, "run");
        folder.With("tokenizer", null).With("shape", null).With("output", "\"adapted\"").With("seed", "9").With("generation", null);
        var result = folder.Train("--from", folder.Of("run"));

        Assert.Equal(CommandLine.Success, result.ExitCode);
        Assert.Contains($"the weights of {folder.Of("run")}", result.Error, StringComparison.Ordinal);
        var generation = JsonDocument.Parse(File.ReadAllText(folder.Of("adapted", "generation_config.json"))).RootElement;
        Assert.Equal(2, generation.GetProperty("layerskip").GetProperty("exit_layer").GetInt32());

        // From other weights it would be another run.
        RunToEnd(folder.With("from", "\"run\""), "again");

        // Its state is no part of the model.
        File.Delete(folder.Of("run", "state.safetensors"));
        RunToEnd(folder, "again");
        Assert.Contains("start is", folder.With("from", "\"adapted\"").With("output", "\"again\"").TrainBad(), StringComparison.Ordinal);
        Assert.Contains("also the directory to start from", folder.TrainBad("--from", folder.Of("again")), StringComparison.Ordinal);
        Assert.Contains("also the directory to start from", folder.TrainBad("--from", folder.Of("again") + "/"), StringComparison.Ordinal);
        File.WriteAllText(folder.Of("model.gguf"), "GGUF");
        Assert.Contains("model.gguf: is a file, expected a directory", folder.TrainBad("--from", folder.Of("model.gguf")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model-00001-of-00002.safetensors")]
    [InlineData("config.json")]
    public void Foreign_checkpoint_is_not_overwritten(string file)
    {
        using var folder = new TrainingFolder();
        Directory.CreateDirectory(folder.Of("run"));
        File.WriteAllText(folder.Of("run", file), "precious");

        Assert.Contains($"not a run's: {file} without state.safetensors", folder.TrainBad("--check"), StringComparison.Ordinal);
        Assert.Contains($"not a run's: {file} without state.safetensors", folder.TrainBad(), StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(folder.Of("run", file)));
    }

    [Fact]
    public void Template_for_tools_goes_along()
    {
        using var folder = new TrainingFolder();
        Directory.CreateDirectory(folder.Of("tokenizer", "additional_chat_templates"));
        File.WriteAllText(folder.Of("tokenizer", "additional_chat_templates", "tool_use.jinja"), "tools");
        RunToEnd(folder, "run");

        Assert.Equal("tools", File.ReadAllText(folder.Of("run", "additional_chat_templates", "tool_use.jinja")));
    }

    [Fact]
    public void Two_processes_do_not_train_in_one_place()
    {
        using var folder = new TrainingFolder();
        using var held = RunDirectory.Open(folder.Of("run"));

        Assert.Contains("another process", folder.TrainBad(), StringComparison.Ordinal);
    }

    [Fact]
    public void Checkpoint_that_cannot_be_written_does_not_end_the_run()
    {
        using var folder = new TrainingFolder();
        var notes = new List<string>();
        Directory.CreateDirectory(folder.Of("run", "state.safetensors"));
        Run(folder, "run", null, progress =>
        {
            if (progress.Step == 8)
            {
                Directory.Delete(folder.Of("run", "state.safetensors"));
            }
        }, notes.Add);

        var failure = Assert.Single(notes, note => note.Contains("could not be written", StringComparison.Ordinal));
        Assert.Contains("the checkpoint of step 5", failure, StringComparison.Ordinal);
        Assert.Contains("there is none yet", failure, StringComparison.Ordinal);
        RunToEnd(folder, "whole");
        AssertSameFiles(folder, "whole", "run");
    }

    [Fact]
    public void Last_checkpoint_that_cannot_be_written_is_an_error_and_the_one_before_stands()
    {
        using var folder = new TrainingFolder();
        Directory.CreateDirectory(folder.Of("run", "model.safetensors"));

        var error = folder.TrainBad();

        Assert.Contains("the checkpoint of step 12 could not be written", error, StringComparison.Ordinal);
        Assert.EndsWith("its state is saved, its model is not", error, StringComparison.Ordinal);
        Directory.Delete(folder.Of("run", "model.safetensors"));
        Assert.Equal(CommandLine.Success, folder.Train().ExitCode);
    }

    [Fact]
    public void Divergence_names_the_step_and_keeps_the_last_good_checkpoint()
    {
        using var folder = new TrainingFolder().With("checkpoint.every_steps", "1").With("optimizer.learning_rate", "1e30").With("optimizer.warmup_steps", "0");

        var error = folder.TrainBad();

        Assert.Contains("step 0", error, StringComparison.Ordinal);
        Assert.Contains("learning rate", error, StringComparison.Ordinal);
        Assert.Contains("no checkpoint was written", error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.Of("run", "state.safetensors")));
    }

    [Fact]
    public void Divergence_behind_a_checkpoint_tells_how_to_go_on_from_it()
    {
        using var folder = new TrainingFolder();
        using (var stop = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => Run(folder, "run", stop, _ => stop.Cancel()));
        }

        var state = File.ReadAllBytes(folder.Of("run", "state.safetensors"));
        state.AsSpan(8 + BitConverter.ToInt32(state), 4).Fill(0xFF); // no number any more
        File.WriteAllBytes(folder.Of("run", "state.safetensors"), state);

        Assert.EndsWith(
            $"the checkpoint of step 1 stands in {folder.Of("run")}; a recipe with that as \"from\", another \"output\" and a lower learning_rate trains it further",
            folder.TrainBad(), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_prints_what_would_run_and_trains_nothing()
    {
        using var folder = new TrainingFolder().With("steps", null).With("epochs", "2.5");
        var result = folder.Train("--check");

        Assert.Equal((CommandLine.Success, ""), (result.ExitCode, result.Error));
        foreach (var expected in new[] { "parameters: 4 layers, hidden 16", "rows.jsonl: 6 rows", "rows.tsv: 2 rows", "50 % of them an epoch", "7 sequences an epoch", "2 rows every 6 steps", "memory", " to evaluate, the rest", "MiB", "disk" })
        {
            Assert.Contains(expected, result.Output, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(folder.Of("run")));
    }

    [Fact]
    public void Batches_hold_whole_sequences_in_order()
    {
        int[] lengths = [5, 3, 20, 2, 2, 2];
        var sequences = lengths.Select(length => new TrainingSequence([.. Enumerable.Range(0, length)])).ToArray();

        Assert.Equal([6, 19, 3], TrainingPlan.Batches(sequences, 6).Select(batch => batch.Rows));
        Assert.Equal([28], TrainingPlan.Batches(sequences, int.MaxValue).Select(batch => batch.Rows));
    }

    /// <summary>Starts the recipe, as it was written, in a process of its own, and waits for its first checkpoint.</summary>
    private static Process StartUntilSaved(TrainingFolder folder, string output)
    {
        var process = Tool.Start("train", "--recipe", folder.RecipePath, "--output", folder.Of(output));
        process.BeginOutputReadLine();
        for (var waited = Stopwatch.StartNew(); !File.Exists(folder.Of(output, "model.safetensors")) && waited.Elapsed < TimeSpan.FromMinutes(2);)
        {
            Assert.False(process.HasExited && process.ExitCode != 0, "the tool failed");
            Thread.Sleep(5);
        }

        return process;
    }

    private static void RunToEnd(TrainingFolder folder, string output) => Run(folder, output, null, _ => { });

    private static void Run(
        TrainingFolder folder, string output, CancellationTokenSource? stop, Action<TrainingProgress> show, Action<string>? note = null, Func<double>? peak = null)
    {
        using var directory = RunDirectory.Open(folder.Of(output));
        using var run = TrainingRun.Start(folder.Plan(folder.Of(output)), directory, adopt: false, peak ?? (static () => 1e9), show, note ?? (_ => { }));
        run.Run(stop?.Token ?? CancellationToken.None);
    }

    private static void AssertSameFiles(TrainingFolder folder, string expected, string actual) =>
        Assert.All(s_files, file => Assert.Equal(File.ReadAllBytes(folder.Of(expected, file)), File.ReadAllBytes(folder.Of(actual, file))));

    /// <summary>Every step is counted once, whatever was made twice.</summary>
    private static void AssertOneTrajectory(TrainingFolder folder)
    {
        var (whole, parts) = (RunHistory.Read(folder.Of("whole", "metrics.jsonl")), RunHistory.Read(folder.Of("parts", "metrics.jsonl")));
        Assert.Equal(12, parts.Steps.Sum(line => line.Steps));
        Assert.Equal(parts.Steps.Select(line => line.Step).Order().Distinct(), parts.Steps.Select(line => line.Step));
        Assert.Equal(whole.Evaluations.Select(line => line.Losses["4"]), parts.Evaluations.Select(line => line.Losses["4"]));
        Assert.Equal(whole.Steps[^1].Epoch, parts.Steps[^1].Epoch);
    }
}
