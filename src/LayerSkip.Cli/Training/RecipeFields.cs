using System.Text.Json;
using LayerSkip.Engine.Checkpoints;

namespace LayerSkip.Cli.Training;

/// <summary>The fields that a recipe may have, object by object.</summary>
internal static class RecipeFields
{
    /// <summary>By the object's path, without the numbers of arrays' items.</summary>
    private static readonly Dictionary<string, string[]> s_fields = new(StringComparer.Ordinal)
    {
        [""] =
        [
            "output", "seed", "tokenizer", "shape", "from", "data_root", "data", "form", "max_tokens", "too_long", "epochs", "steps", "tokens_per_step",
            "tokens_per_batch", "recipe", "optimizer", "label_smoothing", "activation_dropout", "threads", "evaluation", "checkpoint", "generation", "dtype",
            "metrics_every_steps",
        ],
        ["shape."] = ["layers", "hidden", "intermediate", "heads", "context", "kv_heads", "head_dim", "tied", "rope_theta"],
        ["data."] = ["files", "share", "loss", "prompt_weight", "task", "swap_slots", "copies"],
        ["recipe."] =
            ["max_dropout", "dropout_schedule", "exit_scale", "exit_weighting", "exit_weights", "curriculum", "rotation", "growth"],
        ["recipe.growth."] = ["start", "layers", "identity"],
        ["optimizer."] = ["learning_rate", "warmup_steps", "final_share", "betas", "epsilon", "weight_decay", "max_gradient_norm"],
        ["evaluation."] = ["data", "rows", "every_steps", "exits"],
        ["checkpoint."] = ["every_minutes", "every_steps"],
        ["generation."] = ["exit_layer", "num_speculations", "max_new_tokens", "draft_weights", "draft_coverage"],
    };

    /// <summary>Refuses fields that no recipe has.</summary>
    /// <param name="file">The recipe's file, for errors.</param>
    /// <param name="recipe">The recipe, an object.</param>
    /// <exception cref="UsageException">There is one.</exception>
    public static void Check(string file, JsonElement recipe) => Check(file, "", "", recipe);

    private static void Check(string file, string path, string shown, JsonElement element)
    {
        foreach (var field in element.EnumerateObject())
        {
            if (!s_fields[path].Contains(field.Name))
            {
                throw new UsageException(
                    $"{file}: {shown}{ErrorText.Shorten(field.Name)} is no field of a recipe, did you mean {shown}{ClosestNames.To(field.Name, s_fields[path])[0]}?");
            }

            // What is no object where one is expected is told by whoever reads it.
            if (!s_fields.ContainsKey($"{path}{field.Name}."))
            {
                continue;
            }

            if (field.Value.ValueKind == JsonValueKind.Object)
            {
                Check(file, $"{path}{field.Name}.", $"{shown}{field.Name}.", field.Value);
            }
            else if (field.Value.ValueKind == JsonValueKind.Array)
            {
                foreach (var (index, item) in field.Value.EnumerateArray().Index().Where(item => item.Item.ValueKind == JsonValueKind.Object))
                {
                    Check(file, $"{path}{field.Name}.", $"{shown}{field.Name}[{index}].", item);
                }
            }
        }
    }
}
