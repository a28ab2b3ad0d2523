using LayerSkip.AI.ChatTemplates;
using LayerSkip.AI.Requests;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Decoding;
using LayerSkip.Engine.Tokenization;

namespace LayerSkip.Cli.Training;

/// <summary>What a run begins with, its weights left out: shape, tokenizer, chat template, and what the checkpoint says about generation.</summary>
internal sealed class StartingPoint
{
    private StartingPoint(ModelConfig config, Tokenizer tokenizer, ChatTemplate template, RunClock clock)
    {
        Config = config;
        Tokenizer = tokenizer;
        Prompts = new PromptEncoder(template, tokenizer, clock: clock);
        Clock = clock;
    }

    public ModelConfig Config { get; }

    public Tokenizer Tokenizer { get; }

    public PromptEncoder Prompts { get; }

    /// <summary>What the template takes for now.</summary>
    public RunClock Clock { get; }

    /// <summary>Full paths of the files with the weights to start from, in the order of their names; none for random weights.</summary>
    public IReadOnlyList<string> WeightFiles { get; private init; } = [];

    /// <summary>With at least one end-of-sequence id, and no draft vocabulary: a checkpoint's own was chosen by the rows that it was trained on.</summary>
    public required GenerationDefaults Generation { get; init; }

    /// <summary>Tokens of the draft vocabulary that the checkpoint to start from has.</summary>
    public int StoredDraftVocabulary { get; private init; }

    /// <summary>Reads the recipe's source directory.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="clock">For templates that write the date.</param>
    /// <exception cref="UsageException">The source is no directory, there is no chat template or no end-of-sequence token, the recipe does not fit the shape, or the model has biases.</exception>
    /// <exception cref="CheckpointException">A file is missing or damaged.</exception>
    public static StartingPoint Load(TrainingRecipe recipe, RunClock clock)
    {
        var directory = recipe.Source;
        if (File.Exists(directory))
        {
            throw new UsageException($"{directory}: is a file, expected a directory in Hugging Face layout to start from: its tokenizer goes into the output");
        }

        ModelConfig config;
        Tokenizer tokenizer;
        var stored = new GenerationDefaults();
        string[] weights = [];
        if (recipe.Shape is { } shape)
        {
            tokenizer = Tokenizer.Load(directory);
            config = shape.Config(tokenizer.VocabularySize);
        }
        else
        {
            using var checkpoint = Checkpoint.Open(directory);
            (config, stored) = (checkpoint.Config, checkpoint.Generation);
            CheckBiases(directory, config);
            weights = [.. checkpoint.Tensors.Select(tensor => tensor.File).Distinct().Order(StringComparer.Ordinal).Select(file => Path.Combine(directory, file))];
            tokenizer = Tokenizer.Load(directory, config.VocabularySize);
        }

        var template = ChatTemplate.LoadFrom(directory)
            ?? throw new UsageException($"{directory}: has no chat template, expected one in tokenizer_config.json or chat_template.jinja: it says how rows are written");
        return new StartingPoint(config, tokenizer, template, clock)
        {
            WeightFiles = weights,
            Generation = Defaults(recipe, config, tokenizer, template, stored),
            StoredDraftVocabulary = stored.DraftVocabulary.Count,
        };
    }

    private static GenerationDefaults Defaults(TrainingRecipe recipe, ModelConfig config, Tokenizer tokenizer, ChatTemplate template, GenerationDefaults stored)
    {
        int? Id(string name) => template.SpecialTokens.TryGetValue(name, out var text) && tokenizer.TryGetId(text, out var id) ? id : null;
        CheckExit(recipe, "generation.exit_layer", recipe.Generation.ExitLayer, config, DecodingPlan.LastExit(config.Layers, recipe.Generation.DraftWeights ?? stored.DraftWeights));
        foreach (var exit in recipe.Evaluation?.Exits ?? [])
        {
            CheckExit(recipe, "evaluation.exits", exit, config, config.Layers - 1);
        }

        int[] ends = [.. stored.EndOfSequenceIds, .. Id("eos_token") is { } end && !stored.EndOfSequenceIds.Contains(end) ? [end] : Array.Empty<int>()];
        if (ends.Length == 0)
        {
            throw new UsageException($"{recipe.Source}: names no end-of-sequence token, expected eos_token in tokenizer_config.json");
        }

        var draftWeights = recipe.Generation.DraftWeights ?? stored.DraftWeights;
        return stored with
        {
            BeginOfSequenceId = stored.BeginOfSequenceId ?? Id("bos_token"),
            EndOfSequenceIds = ends,
            PadId = stored.PadId ?? Id("pad_token"),
            Sample = stored.Sample ?? false,
            ExitLayer = recipe.Generation.ExitLayer ?? DecodingPlan.DeclaredExit(stored, config.Layers, DecodingPlan.IsCoarse(draftWeights)),
            NumSpeculations = recipe.Generation.NumSpeculations ?? stored.NumSpeculations,
            MaxNewTokens = recipe.Generation.MaxNewTokens ?? stored.MaxNewTokens,
            DraftWeights = draftWeights,
            DraftVocabulary = [],
        };
    }

    private static void CheckBiases(string directory, ModelConfig config)
    {
        if (config.AttentionBias || config.MlpBias)
        {
            throw new UsageException(
                $"{directory}: {(config.AttentionBias ? "attention_bias" : "mlp_bias")} is true, expected false: projections with biases cannot be trained");
        }
    }

    private static void CheckExit(TrainingRecipe recipe, string field, int? exit, ModelConfig config, int last)
    {
        if (exit > last)
        {
            throw new UsageException($"{recipe.File}: {field} is {exit}, {(last == 0
                ? "but the model has one layer, expected at least 2: there is nothing to exit from"
                : $"expected 1..{last}: the model has {config.Layers} layers")}");
        }
    }
}
