using LayerSkip.Cli.Commands;
using LayerSkip.Cli.Training;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training.Recipes;

namespace LayerSkip.Cli.Tests.Training;

public class TrainingRecipeReaderTests
{
    [Fact]
    public void Recipe_is_read_with_paths_relative_to_it()
    {
        using var folder = new TrainingFolder().WriteRecipe();
        var recipe = TrainingRecipeReader.Read(folder.RecipePath, new RecipeOverrides());

        Assert.Equal(folder.Of("run"), recipe.Output);
        Assert.Equal(folder.Of("tokenizer"), recipe.Source);
        Assert.Equal(folder.Of("rows.tsv"), recipe.Data[1].Files[0]);
        Assert.Equal(0.5, recipe.Data[1].Share);
        Assert.Equal((4, 16, 1, 8, true, 10000f), (recipe.Shape!.Layers, recipe.Shape.Hidden, recipe.Shape.KvHeads, recipe.Shape.HeadDimension, recipe.Shape.Tied, recipe.Shape.RopeTheta));
        Assert.Equal((0.3, DropoutSchedule.Exponential, ExitCurriculum.Rotational, 2), (recipe.Recipe.MaxDropout, recipe.Recipe.DropoutSchedule, recipe.Recipe.Curriculum, recipe.Recipe.Rotation));
        Assert.Equal((0.01, 2, 0.98, 1e-8, 0.1), (recipe.Optimizer.LearningRate, recipe.Optimizer.WarmupSteps, recipe.Optimizer.Beta2, recipe.Optimizer.Epsilon, recipe.Optimizer.WeightDecay));
        Assert.Equal((null, 5), (recipe.Checkpoint.Every, recipe.Checkpoint.EverySteps));
        Assert.Equal(TensorDataType.F32, recipe.DataType);
    }

    [Fact]
    public void Command_line_comes_before_the_recipe()
    {
        using var folder = new TrainingFolder().With("data_root", "\"elsewhere\"").With("tokenizer", null).With("shape", null).WriteRecipe();
        var recipe = TrainingRecipeReader.Read(folder.RecipePath, new RecipeOverrides(folder.Of("out"), folder.Of("model"), folder.Of("given"), 7));

        Assert.Equal((folder.Of("out"), folder.Of("model"), 7, null), (recipe.Output, recipe.Source, recipe.Threads, recipe.Shape));
        Assert.Equal(folder.Of("given", "rows.jsonl"), recipe.Data[0].Files[0]);
        Assert.Equal(folder.Of("given", "rows.tsv"), recipe.Evaluation!.Files[0]);
        Assert.Equal(folder.Of("elsewhere", "rows.jsonl"), TrainingRecipeReader.Read(folder.RecipePath, new RecipeOverrides(From: "x")).Data[0].Files[0]);
    }

    [Theory]
    [InlineData("steps", "stepz")]
    [InlineData("steps", "optimizer.lerning_rate")]
    [InlineData("steps", "data.1.shares")]
    [InlineData("output", "outputs")]
    [InlineData("tokenizer", "tokeniser")]
    [InlineData("shape", "shpe")]
    [InlineData("shape.layers", "shape.layer")]
    [InlineData("recipe.exit_scale", "recipe.exit_sclae")]
    public void Unknown_field_is_told_before_whatever_else_is_wrong(string missing, string unknown)
    {
        using var folder = new TrainingFolder().With(missing, null).With(unknown, "200").WriteRecipe();

        var error = Assert.Throws<UsageException>(() => TrainingRecipeReader.Read(folder.RecipePath, new RecipeOverrides()));

        Assert.Contains($"{unknown.Replace(".1.", "[1].", StringComparison.Ordinal)} is no field of a recipe, did you mean ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sed", "1", "sed is no field", "did you mean seed?")]
    [InlineData("shape.layer", "1", "shape.layer is no field", "did you mean shape.layers?")]
    [InlineData("data.0.shares", "1", "data[0].shares is no field", "did you mean data[0].share?")]
    [InlineData("seed", "-1", "seed is -1", "from 0 to 18446744073709551615")]
    [InlineData("seed", "null", "seed is null", "from 0")]
    [InlineData("steps", "0", "steps is 0", "at least 1")]
    [InlineData("steps", "1.5", "steps is 1.5", "an integer")]
    [InlineData("steps", "null", "steps is null", "an integer")]
    [InlineData("steps", null, "epochs is missing", "either epochs or steps")]
    [InlineData("epochs", "2", "epochs and steps are both given", "one of them")]
    [InlineData("epochs", "0", "epochs is 0", "above 0")]
    [InlineData("output", null, "output is missing", "--output")]
    [InlineData("output", "\"tokenizer\"", "output is", "also the directory to start from")]
    [InlineData("tokenizer", null, "tokenizer is missing", "from, a checkpoint to start from")]
    [InlineData("tokenizer", "3", "tokenizer is 3", "a non-empty string")]
    [InlineData("from", "\"model\"", "tokenizer and a checkpoint to start from are both given", "one of them")]
    [InlineData("shape", null, "shape is missing", "from scratch")]
    [InlineData("shape", "[]", "shape is []", "an object")]
    [InlineData("shape.hidden", null, "shape.hidden is missing", "an integer from 1")]
    [InlineData("shape.hidden", "\"wide\"", "shape.hidden is \"wide\"", "an integer from 1")]
    [InlineData("shape.kv_heads", "3", "shape.kv_heads is 3", "a divisor of heads, which is 2")]
    [InlineData("shape.head_dim", "7", "shape.head_dim is 7", "an even number")]
    [InlineData("shape.tied", "1", "shape.tied is 1", "true or false")]
    [InlineData("data", "[]", "data is []", "at least one object")]
    [InlineData("data", null, "data is missing", "at least one object")]
    [InlineData("data.0.files", "[\"rows.txt\"]", "data[0].files is [\"rows.txt\"]", ".tsv (TOPv2) or .jsonl")]
    [InlineData("data.0.files", "[]", "data[0].files is []", "at least one non-empty string")]
    [InlineData("data.0.files", null, "data[0].files is missing", ".tsv or .jsonl")]
    [InlineData("data.1.share", "0", "data[1].share is 0", "above 0, at most 1")]
    [InlineData("data.1.share", "1.5", "data[1].share is 1.5", "above 0, at most 1")]
    [InlineData("data.1.loss", "\"prompt\"", "data[1].loss is \"prompt\"", "one of \"response\", \"all\"")]
    [InlineData("data.1.prompt_weight", "1.5", "data[1].prompt_weight is 1.5", "from 0 to 1")]
    [InlineData("data.1.swap_slots", "0", "data[1].swap_slots is 0", "above 0, at most 1")]
    [InlineData("data.0.swap_slots", "0.5", "data[0].swap_slots is given", "TOPv2's rows (.tsv) alone")]
    [InlineData("data.1.copies", "2", "data[1].copies is given", "without swap_slots")]
    [InlineData("form", "\"flat\"", "form is \"flat\"", "\"decoupled\", \"full\", \"index\"")]
    [InlineData("too_long", "\"cut\"", "too_long is \"cut\"", "\"error\", \"skip\"")]
    [InlineData("max_tokens", "1", "max_tokens is 1", "at least 2")]
    [InlineData("tokens_per_batch", "61", "tokens_per_batch is 61", "at most tokens_per_step, which is 60")]
    [InlineData("threads", "0", "threads is 0", "an integer from 1 to ")]
    [InlineData("recipe.max_dropout", "1.1", "recipe.max_dropout is 1.1", "from 0 to 1")]
    [InlineData("recipe.max_dropout", "0", "recipe.dropout_schedule is given", "max_dropout is 0")]
    [InlineData("recipe.exit_weights", "[1, 1, 1, 1]", "recipe.exit_weights and exit_scale are both given", "one of them")]
    [InlineData("recipe.exit_scale", null, "recipe.exit_weighting is given", "no early-exit loss")]
    [InlineData("recipe.exit_scale", "-1", "recipe.exit_scale is -1", "at least 0")]
    [InlineData("recipe.curriculum", "\"gradual\"", "recipe.rotation is given", "not \"rotational\"")]
    [InlineData("recipe.rotation", null, "recipe.rotation is missing", "rotational")]
    [InlineData("recipe.curriculum", "\"random\"", "recipe.curriculum is \"random\"", "\"all\", \"rotational\", \"gradual\"")]
    [InlineData("recipe.growth", "[]", "recipe.growth is []", "at least one object")]
    [InlineData("recipe.growth", "[{\"start\": 1, \"layers\": 2}]", "recipe.growth[0].start is 1", "without 1")]
    [InlineData("recipe.growth", "[{\"start\": 0}]", "recipe.growth[0].layers is missing", "from 1 to 1024")]
    [InlineData("recipe.growth", "[{\"start\": 0, \"layers\": 2, \"identity\": 1}]", "recipe.growth[0].identity is 1", "true or false")]
    [InlineData("optimizer.learning_rate", "0", "optimizer.learning_rate is 0", "above 0")]
    [InlineData("optimizer.learning_rate", "1e999", "optimizer.learning_rate is 1e999", "above 0")]
    [InlineData("optimizer.betas", "[0.9]", "optimizer.betas is [0.9]", "two numbers")]
    [InlineData("optimizer.betas", "[0.9, 1]", "optimizer.betas is [0.9,1]", "two numbers")]
    [InlineData("optimizer.final_share", "2", "optimizer.final_share is 2", "from 0 to 1")]
    [InlineData("label_smoothing", "1", "label_smoothing is 1", "without 1")]
    [InlineData("activation_dropout", "1", "activation_dropout is 1", "without 1")]
    [InlineData("evaluation.data", null, "evaluation.data is missing", ".jsonl")]
    [InlineData("evaluation.exits", "[0]", "evaluation.exits is [0]", "integers from 1")]
    [InlineData("checkpoint.every_minutes", "0", "checkpoint.every_minutes is 0", "above 0")]
    [InlineData("generation.num_speculations", "65", "generation.num_speculations is 65", "from 1 to 64")]
    [InlineData("generation.draft_weights", "\"int2\"", "generation.draft_weights is \"int2\"", "\"exact\", \"int8\", \"int4\"")]
    [InlineData("generation.draft_coverage", "0", "generation.draft_coverage is 0", "above 0, at most 1")]
    [InlineData("dtype", "\"f16\"", "dtype is \"f16\"", "\"bf16\", \"f32\"")]
    public void Bad_field_is_named(string path, string? json, string found, string expected)
    {
        using var folder = new TrainingFolder().With(path, json);
        var line = folder.TrainBad();

        Assert.Contains($"{folder.RecipePath}: {found}", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.Of("run")));
    }

    [Theory]
    [InlineData("recipe.exit_weights", "[1, 1, 1]", "recipe.exit_weights has 3 numbers", "4 layers")]
    [InlineData("recipe.growth", "[{\"start\": 0, \"layers\": 3}]", "recipe.growth must start at 0", "4 layers")]
    [InlineData("recipe.growth", "[{\"start\": 0, \"layers\": 2}, {\"start\": 0.95, \"layers\": 4}]", "recipe.growth[1].start is 0.95", "at most 0.916667, where the last of the run's 12 steps begins")]
    [InlineData("generation.exit_layer", "4", "generation.exit_layer is 4", "1..3")]
    [InlineData("evaluation.exits", "[2, 9]", "evaluation.exits is 9", "1..3")]
    [InlineData("max_tokens", "65", "max_tokens is 65", "64")]
    [InlineData("optimizer.warmup_steps", "12", "optimizer.warmup_steps is 12", "12 steps")]
    public void Field_that_does_not_fit_the_model_is_named(string path, string json, string found, string expected)
    {
        using var folder = new TrainingFolder().With(path, json);
        if (path == "recipe.exit_weights")
        {
            folder.With("recipe.exit_scale", null).With("recipe.exit_weighting", null);
        }

        var line = folder.TrainBad();

        Assert.Contains($"{folder.RecipePath}: {found}", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_are_bound_as_on_the_command_line()
    {
        using var folder = new TrainingFolder().With("threads", $"{ModelArguments.MostThreads + 1}").WriteRecipe();

        Assert.EndsWith($"expected an integer from 1 to {ModelArguments.MostThreads}", folder.TrainBad(), StringComparison.Ordinal);
        Assert.Equal(2, TrainingRecipeReader.Read(folder.RecipePath, new RecipeOverrides(Threads: 2)).Threads);
    }

    [Theory]
    [InlineData("generation.exit_layer")]
    [InlineData("evaluation.exits")]
    public void Model_of_one_layer_has_no_exit(string field)
    {
        using var folder = new TrainingFolder().With("shape.layers", "1");
        folder.With(field == "evaluation.exits" ? "generation" : "evaluation", null);

        Assert.EndsWith($"{field} is 2, but the model has one layer, expected at least 2: there is nothing to exit from", folder.TrainBad(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("{\"seed\": 1,\n \"seed\": 2}", "seed")]
    [InlineData("{\"seed\": 1,\n \"steps\" 2}", "line 2")]
    [InlineData("{\"tokenizer\": \"\\ud800\"}", "tokenizer is \"\\ud800\", expected a non-empty string")]
    public void File_that_is_no_recipe_is_one_line(string text, string expected)
    {
        using var folder = new TrainingFolder();
        File.WriteAllText(folder.RecipePath, text);

        Assert.Contains(expected, Tool.RunBad("train", "--recipe", folder.RecipePath), StringComparison.Ordinal);
    }

    [Fact]
    public void Absent_recipe_is_named() =>
        Assert.Contains("/no/such/recipe.json", Tool.RunBad("train", "--recipe", "/no/such/recipe.json"), StringComparison.Ordinal);

    [Fact]
    public void Recipes_of_the_repository_are_valid_and_start_from_tokenizers_that_are_there()
    {
        var folder = Path.Combine(LayerSkip.Tests.SharedData.RepositoryRoot, "recipes");
        // Not deeper: what a build leaves beside the teacher's program is JSON, too.
        TrainingRecipe[] recipes =
            [.. Directory.EnumerateDirectories(folder).Append(folder)
                .SelectMany(directory => Directory.EnumerateFiles(directory, "*.json"))
                .Select(path => TrainingRecipeReader.Read(path, new RecipeOverrides()))];

        Assert.Contains(recipes, recipe => recipe.File.EndsWith("topv2-parser.json", StringComparison.Ordinal));
        Assert.Distinct(recipes.Select(recipe => recipe.Output));
        foreach (var recipe in recipes)
        {
            Assert.Equal(recipe.Shape!.Layers, recipe.Recipe.ExitWeights?.Count ?? recipe.Shape.Layers);
            Assert.True(File.Exists(Path.Combine(recipe.Source, "tokenizer.json")), $"{recipe.File}: {recipe.Source} has no tokenizer");
        }
    }
}
