using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Training;

namespace LayerSkip.Cli.Training;

/// <summary>
/// Everything that decides a run's trajectory, name by name, in a fixed order: kept with the saved run, so that it is resumed only as what it was.
/// Threads, evaluation, checkpoints and paths are not part of it.
/// </summary>
internal sealed class RunDescription
{
    private const string DateName = "date";

    private const string DateFormat = "yyyy-MM-dd";

    private readonly IReadOnlyList<KeyValuePair<string, string>> _entries;

    private RunDescription(IReadOnlyList<KeyValuePair<string, string>> entries) => _entries = entries;

    /// <summary>The day that the rows' prompts are of; null where they do not depend on it.</summary>
    public DateOnly? Day =>
        DateOnly.TryParseExact(_entries.FirstOrDefault(entry => entry.Key == DateName).Value, DateFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : null;

    /// <summary>Describes a run.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="start">What it begins with, after the data was encoded by it.</param>
    /// <param name="options">The training's options, with the steps that the recipe comes to.</param>
    /// <param name="sets">The encoded data.</param>
    /// <param name="cancellationToken">Looked at while the weights to start from are read.</param>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static RunDescription Of(
        TrainingRecipe recipe, StartingPoint start, TrainingOptions options, IReadOnlyList<RowSet> sets, CancellationToken cancellationToken)
    {
        var config = start.Config;
        var entries = new List<KeyValuePair<string, string>>();
        void Add(string name, object value) => entries.Add(new(name, Convert.ToString(value, CultureInfo.InvariantCulture)!));

        Add("start", recipe.Shape is null ? $"the weights {HashWeights(start.WeightFiles, cancellationToken)}" : "random weights");
        Add("model_type", config.ModelType);
        Add("vocabulary", config.VocabularySize);
        Add("layers", config.Layers);
        Add("hidden", config.HiddenSize);
        Add("intermediate", config.IntermediateSize);
        Add("heads", config.AttentionHeads);
        Add("kv_heads", config.KeyValueHeads);
        Add("head_dim", config.HeadDimension);
        Add("context", config.MaxPositions);
        Add("tied", config.TiedEmbeddings);
        Add("norm_epsilon", config.RmsNormEpsilon);
        Add("rope_theta", config.RopeTheta);
        Add("rope_scaling", config.RopeScaling);
        Add("seed", options.Seed);
        Add("steps", options.Steps);
        Add("tokens_per_step", recipe.TokensPerStep);

        // A step has somewhat more than its tokens: without a limit they are one batch, by an equal one two.
        Add("tokens_per_batch", recipe.TokensPerBatch == recipe.TokensPerStep ? $"at most {recipe.TokensPerStep}" : recipe.TokensPerBatch ?? recipe.TokensPerStep);
        Add("label_smoothing", options.LabelSmoothing);
        Add("activation_dropout", options.ActivationDropout);
        if (start.Clock.IsRead)
        {
            Add(DateName, start.Clock.Day.ToString(DateFormat, CultureInfo.InvariantCulture));
        }

        foreach (var (index, set) in sets.Index())
        {
            Add($"data[{index}].share", set.Source.Share);
            if (set.Source.PromptWeight > 0)
            {
                Add($"data[{index}].prompt_weight", set.Source.PromptWeight);
            }

            Add($"data[{index}] (rows, tokenizer, template or form)", $"{set.Rows} rows, {set.Hash()}");
        }

        var (exits, optimizer) = (options.Recipe, options.Optimizer);
        Add("recipe.max_dropout", exits.MaxDropout);
        Add("recipe.dropout_schedule", exits.DropoutSchedule);
        Add("recipe.exit_scale", exits.ExitScale);
        Add("recipe.exit_weighting", exits.ExitWeighting);
        Add("recipe.exit_weights", string.Join(' ', (exits.ExitWeights ?? []).Select(weight => weight.ToString(CultureInfo.InvariantCulture))));
        Add("recipe.curriculum", exits.Curriculum);
        Add("recipe.rotation", exits.Rotation);
        Add("recipe.growth", string.Join(", ", exits.Growth.Select(stage => FormattableString.Invariant($"{stage.Layers} from {stage.Start}{(stage.Identity ? " as identity" : "")}"))));
        Add("optimizer.learning_rate", optimizer.LearningRate);
        Add("optimizer.warmup_steps", optimizer.WarmupSteps);
        Add("optimizer.final_share", optimizer.FinalShare);
        Add("optimizer.betas", FormattableString.Invariant($"{optimizer.Beta1} {optimizer.Beta2}"));
        Add("optimizer.epsilon", optimizer.Epsilon);
        Add("optimizer.weight_decay", optimizer.WeightDecay);
        Add("optimizer.max_gradient_norm", optimizer.MaxGradientNorm);
        return new RunDescription(entries);
    }

    /// <summary>Reads what <see cref="ToString"/> gave.</summary>
    /// <param name="text">The text.</param>
    /// <param name="file">Where it stands, for errors.</param>
    /// <exception cref="CheckpointException">It is no such text.</exception>
    public static RunDescription Parse(string text, string file)
    {
        var section = JsonSection.Parse($"{file}: description", Encoding.UTF8.GetBytes(text));
        return new RunDescription([.. section.TextFields().Select(field => new KeyValuePair<string, string>(field.Name, field.Text))]);
    }

    /// <summary>What another description says otherwise: <c>seed is 2, was 1</c> each.</summary>
    /// <param name="saved">The saved run's.</param>
    public IReadOnlyList<string> DifferencesFrom(RunDescription saved)
    {
        var (now, before) = (_entries.ToDictionary(), saved._entries.ToDictionary());
        return
        [
            .. _entries.Where(entry => !before.TryGetValue(entry.Key, out var was) || was != entry.Value)
                .Select(entry => $"{entry.Key} is {Show(entry.Value)}, was {Show(before.GetValueOrDefault(entry.Key))}"),
            .. saved._entries.Where(entry => !now.ContainsKey(entry.Key)).Select(entry => $"{entry.Key} is absent, was {Show(entry.Value)}"),
        ];
    }

    /// <summary>As a JSON object of strings.</summary>
    public override string ToString()
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            foreach (var (name, value) in _entries)
            {
                json.WriteString(name, value);
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static string Show(string? value) => string.IsNullOrEmpty(value) ? "absent" : ErrorText.Shorten(value);

    private static string HashWeights(IEnumerable<string> files, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (var path in files)
        {
            using var file = File.OpenRead(path);
            for (int read; (read = file.Read(buffer)) > 0;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
