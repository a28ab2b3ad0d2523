using LayerSkip.Cli.Commands;
using LayerSkip.Cli.Evaluation;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Training.Optimization;
using LayerSkip.Training.Recipes;

namespace LayerSkip.Cli.Training;

/// <summary>Reads recipe files. Every error names the file and the field, what was found and what was expected.</summary>
internal static class TrainingRecipeReader
{
    private const string AtLeastZero = "a number of at least 0";
    private const string Positive = "a number above 0";
    private const string Share = "a number from 0 to 1";
    private const int DefaultMinutes = 10;

    /// <summary>Reads a recipe.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">What the command line says in its place.</param>
    /// <exception cref="UsageException">A field is unknown, missing, out of its range or contradicts another.</exception>
    /// <exception cref="CheckpointException">The file is not JSON.</exception>
    public static TrainingRecipe Read(string path, RecipeOverrides overrides)
    {
        var json = RecipeObject.ReadFile(path);
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string Resolve(string name) => Path.GetFullPath(name, directory);

        // All paths of a recipe are relative to it; those of data to its data_root.
        var root = json.Text("data_root");
        var data = overrides.Data is { } given ? Path.GetFullPath(given) : root is null ? directory : Resolve(root);
        var (source, shape) = ReadStart(json, overrides, Resolve);
        var (epochs, steps) = (json.Number("epochs", Positive, value => value > 0 && value <= 1e6), json.Integer("steps", 1));
        if ((epochs is null) == (steps is null))
        {
            throw epochs is null
                ? json.Missing("epochs", "either epochs or steps")
                : json.Contradiction("epochs", "and steps are both given, expected one of them");
        }

        var tokensPerStep = json.Integer("tokens_per_step", 1, 1 << 24) ?? 2048;
        var tokensPerBatch = json.Integer("tokens_per_batch", 1, 1 << 24);
        if (tokensPerBatch > tokensPerStep)
        {
            throw json.Contradiction("tokens_per_batch", $"is {tokensPerBatch}, expected at most tokens_per_step, which is {tokensPerStep}");
        }

        var output = json.Text("output");
        var recipe = new TrainingRecipe
        {
            File = path,
            Output = Path.TrimEndingDirectorySeparator(
                overrides.Output is { } to ? Path.GetFullPath(to) : output is not null ? Resolve(output) : throw json.Missing("output", "a directory, or --output")),
            Seed = json.Seed("seed") ?? 0,
            Source = Path.TrimEndingDirectorySeparator(source),
            Shape = shape,
            Form = json.Choice("form", ("decoupled", TargetForm.Decoupled), ("full", TargetForm.Full), ("index", TargetForm.Index)) ?? TargetForm.Decoupled,
            Data = [.. json.Objects("data").Select(entry => ReadData(entry, data))],
            MaxTokens = json.Integer("max_tokens", 2),
            SkipTooLong = json.Choice("too_long", ("error", false), ("skip", true)) ?? false,
            Recipe = ReadRecipe(json.Object("recipe")),
            Optimizer = ReadOptimizer(json.Object("optimizer")),
            LabelSmoothing = json.Number("label_smoothing", "a number from 0 to 1, without 1", value => value is >= 0 and < 1) ?? 0,
            ActivationDropout = json.Number("activation_dropout", "a number from 0 to 1, without 1", value => value is >= 0 and < 1) ?? 0,
            Epochs = epochs,
            Steps = steps,
            TokensPerStep = tokensPerStep,
            TokensPerBatch = tokensPerBatch,
            Threads = overrides.Threads ?? json.Integer("threads", 1, ModelArguments.MostThreads),
            Evaluation = ReadEvaluation(json.Object("evaluation"), data),
            Checkpoint = ReadCheckpoint(json.Object("checkpoint")),
            Generation = ReadGeneration(json.Object("generation")),
            DataType = json.Choice("dtype", ("bf16", TensorDataType.BF16), ("f32", TensorDataType.F32)) ?? TensorDataType.BF16,
            MetricsEverySteps = json.Integer("metrics_every_steps", 1) ?? 10,
        };
        return recipe.Output == recipe.Source
            ? throw json.Contradiction("output", $"is {recipe.Output}, which is also the directory to start from; expected another")
            : recipe;
    }

    private static (string Source, ModelShape? Shape) ReadStart(RecipeObject json, RecipeOverrides overrides, Func<string, string> resolve)
    {
        var (tokenizer, from, shape) = (json.Text("tokenizer"), json.Text("from"), ReadShape(json.Object("shape")));
        from = overrides.From is { } given ? Path.GetFullPath(given) : from is null ? null : resolve(from);
        if (from is not null)
        {
            const string Reason = "and a checkpoint to start from are both given, expected one of them: a checkpoint has its own";
            return tokenizer is not null ? throw json.Contradiction("tokenizer", Reason)
                : shape is not null ? throw json.Contradiction("shape", Reason)
                : (from, null);
        }

        return tokenizer is null ? throw json.Missing("tokenizer", "tokenizer and shape, for a model from scratch, or from, a checkpoint to start from")
            : shape is null ? throw json.Missing("shape", "the shape of a model from scratch")
            : (resolve(tokenizer), shape);
    }

    private static ModelShape? ReadShape(RecipeObject? json)
    {
        if (json is null)
        {
            return null;
        }

        const int Most = 1 << 20;
        int Required(string name, int max) => json.Integer(name, 1, max) ?? throw json.Missing(name, $"an integer from 1 to {max}");
        var (layers, hidden, intermediate, heads) = (Required("layers", 1024), Required("hidden", Most), Required("intermediate", Most), Required("heads", 4096));
        var kvHeads = json.Integer("kv_heads", 1, 4096) ?? heads;
        if (heads % kvHeads != 0)
        {
            throw json.Contradiction("kv_heads", $"is {kvHeads}, expected a divisor of heads, which is {heads}");
        }

        var headDimension = json.Integer("head_dim", 2, 4096);
        if ((headDimension ?? hidden / heads) % 2 != 0 || (headDimension is null && hidden % heads != 0))
        {
            throw json.Contradiction("head_dim", $"is {headDimension ?? (double)hidden / heads}, expected an even number; where it is absent, hidden / heads");
        }

        return new ModelShape(
            layers,
            hidden,
            intermediate,
            heads,
            kvHeads,
            headDimension ?? hidden / heads,
            Required("context", Most),
            json.Boolean("tied") ?? true,
            (float)(json.Number("rope_theta", "a number from 1 to 1e9", value => value is >= 1 and <= 1e9) ?? 10000));
    }

    private static DataSource ReadData(RecipeObject json, string root)
    {
        var files = json.Texts("files") ?? throw json.Missing("files", "an array of .tsv or .jsonl files");
        const string AboveZero = "a number above 0, at most 1";
        var share = json.Number("swap_slots", AboveZero, value => value is > 0 and <= 1);
        var copies = json.Integer("copies", 1, 64);
        if (copies is not null && share is null)
        {
            throw json.Contradiction("copies", "is given without swap_slots: copies would be equal");
        }

        if (share is not null && !files.All(RowFile.IsTopV2))
        {
            throw json.Contradiction("swap_slots", "is given, expected files of TOPv2's rows (.tsv) alone: others have no slots");
        }

        var task = json.Choice("task", ("parse", RowTask.Parse), ("utterance", RowTask.Utterance)) ?? RowTask.Parse;
        if (task == RowTask.Utterance && !files.All(RowFile.IsTopV2))
        {
            throw json.Contradiction("task", "is \"utterance\", expected files of TOPv2's rows (.tsv) alone: others have no domain");
        }

        var loss = json.Choice("loss", ("response", LossRange.Response), ("all", LossRange.All)) ?? LossRange.Response;
        var promptWeight = json.Number("prompt_weight", Share, value => value is >= 0 and <= 1);
        if (promptWeight is not null && loss == LossRange.All)
        {
            throw json.Contradiction("prompt_weight", "is given, but loss is \"all\", by which a prompt's tokens count as much as a response's");
        }

        return new DataSource(
            [.. files.Select(file => RowFile.HasKnownFormat(file) ? Path.GetFullPath(file, root) : throw json.Wrong("files", "names that end in .tsv (TOPv2) or .jsonl"))],
            json.Number("share", AboveZero, value => value is > 0 and <= 1) ?? 1,
            task,
            loss,
            promptWeight ?? (loss == LossRange.All ? 1 : 0),
            share is null ? null : new SlotSwapping(share.Value, copies ?? 1));
    }

    private static LayerSkipRecipe ReadRecipe(RecipeObject? json)
    {
        if (json is null)
        {
            return new();
        }

        var dropout = json.Number("max_dropout", Share, value => value is >= 0 and <= 1) ?? 0;
        var schedule = json.Choice("dropout_schedule", ("constant", DropoutSchedule.Constant), ("exponential", DropoutSchedule.Exponential));
        var scale = json.Number("exit_scale", AtLeastZero, value => value >= 0);
        var weighting = json.Choice("exit_weighting", ("triangular", ExitWeighting.Triangular), ("linear", ExitWeighting.Linear), ("square_root", ExitWeighting.SquareRoot));
        const string Weights = "an array of numbers of at least 0, one a layer, the last above 0";
        var weights = json.Numbers("exit_weights", Weights, value => value >= 0);
        var curriculum = json.Choice("curriculum", ("all", ExitCurriculum.All), ("rotational", ExitCurriculum.Rotational), ("gradual", ExitCurriculum.Gradual));
        var rotation = json.Integer("rotation", 1, 1024);
        var growth = json.Has("growth") ? json.Objects("growth").Select(ReadStage).ToArray() : [];

        if (schedule is not null && dropout == 0)
        {
            throw json.Contradiction("dropout_schedule", "is given, but max_dropout is 0: there is no dropout");
        }

        if (weights is [] or [.., 0])
        {
            throw json.Wrong("exit_weights", Weights);
        }

        if (weights is not null && (scale is not null || weighting is not null))
        {
            throw json.Contradiction("exit_weights", $"and {(scale is not null ? "exit_scale" : "exit_weighting")} are both given, expected one of them");
        }

        var hasExits = weights is not null || scale > 0;
        if ((weighting ?? (object?)curriculum) is not null && !hasExits)
        {
            throw json.Contradiction(weighting is not null ? "exit_weighting" : "curriculum", "is given, but neither exit_scale nor exit_weights: there is no early-exit loss");
        }

        if ((curriculum == ExitCurriculum.Rotational) != (rotation is not null))
        {
            throw rotation is null
                ? json.Missing("rotation", "an integer from 1 to 1024 beside the rotational curriculum")
                : json.Contradiction("rotation", "is given, but curriculum is not \"rotational\"");
        }

        return new LayerSkipRecipe
        {
            MaxDropout = dropout,
            DropoutSchedule = schedule ?? DropoutSchedule.Constant,
            ExitScale = scale ?? 0,
            ExitWeighting = weighting ?? ExitWeighting.Triangular,
            ExitWeights = weights,
            Curriculum = curriculum ?? ExitCurriculum.All,
            Rotation = rotation ?? 1,
            Growth = growth,
        };
    }

    private static DepthStage ReadStage(RecipeObject json)
    {
        const string Start = "a number from 0 to 1, without 1";
        return new DepthStage(
            json.Number("start", Start, value => value is >= 0 and < 1) ?? throw json.Missing("start", Start),
            json.Integer("layers", 1, 1024) ?? throw json.Missing("layers", "an integer from 1 to 1024"),
            json.Boolean("identity") ?? false);
    }

    private static OptimizerOptions ReadOptimizer(RecipeObject? json)
    {
        var defaults = new OptimizerOptions();
        if (json is null)
        {
            return defaults;
        }

        const string Betas = "two numbers from 0 to 1, without 1";
        var betas = json.Numbers("betas", Betas, value => value is >= 0 and < 1) ?? [defaults.Beta1, defaults.Beta2];
        return new OptimizerOptions
        {
            LearningRate = json.Number("learning_rate", Positive, value => value > 0) ?? defaults.LearningRate,
            WarmupSteps = json.Integer("warmup_steps", 0) ?? defaults.WarmupSteps,
            FinalShare = json.Number("final_share", Share, value => value is >= 0 and <= 1) ?? defaults.FinalShare,
            Beta1 = betas.Count == 2 ? betas[0] : throw json.Wrong("betas", Betas),
            Beta2 = betas[1],
            Epsilon = json.Number("epsilon", Positive, value => value > 0) ?? defaults.Epsilon,
            WeightDecay = json.Number("weight_decay", AtLeastZero, value => value >= 0) ?? defaults.WeightDecay,
            MaxGradientNorm = json.Number("max_gradient_norm", Positive, value => value > 0) ?? defaults.MaxGradientNorm,
        };
    }

    private static EvaluationRecipe? ReadEvaluation(RecipeObject? json, string root)
    {
        if (json is null)
        {
            return null;
        }

        var files = json.Texts("data") ?? throw json.Missing("data", "an array of .tsv or .jsonl files");
        return new EvaluationRecipe(
            [.. files.Select(file => RowFile.HasKnownFormat(file) ? Path.GetFullPath(file, root) : throw json.Wrong("data", "names that end in .tsv (TOPv2) or .jsonl"))],
            json.Integer("rows", 1) ?? 400,
            json.Integer("every_steps", 1) ?? 1000,
            [.. (json.Integers("exits", 1, 1024) ?? []).Distinct()]);
    }

    private static CheckpointRecipe ReadCheckpoint(RecipeObject? json)
    {
        var minutes = json?.Number("every_minutes", "a number above 0, at most 10000", value => value is > 0 and <= 10000);
        var steps = json?.Integer("every_steps", 1);
        return new(minutes is null && steps is null ? TimeSpan.FromMinutes(DefaultMinutes) : minutes is { } every ? TimeSpan.FromMinutes(every) : null, steps);
    }

    private static GenerationRecipe ReadGeneration(RecipeObject? json)
    {
        if (json is null)
        {
            return new(null, null, null, null, null);
        }

        return new GenerationRecipe(
            json.Integer("exit_layer", 1, 1023),
            json.Integer("num_speculations", 1, 64),
            json.Integer("max_new_tokens", 1),
            json.Choice("draft_weights", ("exact", DraftWeights.Exact), ("int8", DraftWeights.Int8), ("int4", DraftWeights.Int4)),
            json.Number("draft_coverage", "a number above 0, at most 1", value => value is > 0 and <= 1));
    }
}
