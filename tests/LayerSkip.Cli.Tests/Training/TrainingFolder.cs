using System.Text.Json.Nodes;
using LayerSkip.Cli.Training;

namespace LayerSkip.Cli.Tests.Training;

/// <summary>A temporary folder with the parser's tokenizer, a few rows, and a recipe for a tiny model.</summary>
internal sealed class TrainingFolder : IDisposable
{
    private static readonly string[] s_rows =
    [
        """{"prompt": "Turn off alarms", "response": "[IN:SILENCE_ALARM ]"}""",
        """{"prompt": "remind me to call mom", "response": "[IN:CREATE_REMINDER [SL:PERSON_REMINDED me ] [SL:TODO call mom ] ]"}""",
        """{"prompt": "weather in york", "response": "[IN:GET_WEATHER [SL:LOCATION york ] ]"}""",
        """{"messages": [{"role": "user", "content": "play jazz"}, {"role": "assistant", "content": "[IN:PLAY_MUSIC [SL:MUSIC_GENRE jazz ] ]"}], "id": 7}""",
        """{"prompt": "stop the timer", "response": "[IN:PAUSE_TIMER [SL:METHOD_TIMER timer ] ]"}""",
        """{"prompt": "any traffic", "response": "[IN:GET_INFO_TRAFFIC ]"}""",
    ];

    public const string TopV2 = "domain\tutterance\tsemantic_parse\n"
        + "weather\tweather in york\t[IN:GET_WEATHER weather in [SL:LOCATION york ] ]\n"
        + "alarm\tTurn off alarms\t[IN:SILENCE_ALARM Turn off alarms ]\n";

    public TrainingFolder()
    {
        Path = Directory.CreateTempSubdirectory("layerskip-").FullName;
        Directory.CreateDirectory(Of("tokenizer"));
        foreach (var name in new[] { "tokenizer.json", "tokenizer_config.json" })
        {
            File.Copy(System.IO.Path.Combine(Tool.Parser, name), System.IO.Path.Combine(Of("tokenizer"), name));
        }

        File.WriteAllLines(Of("rows.jsonl"), s_rows);
        File.WriteAllText(Of("rows.tsv"), TopV2);
        Recipe = JsonNode.Parse(
            """
            {
              "output": "run", "seed": 3, "tokenizer": "tokenizer",
              "shape": {"layers": 4, "hidden": 16, "intermediate": 24, "heads": 2, "kv_heads": 1, "head_dim": 8, "context": 64},
              "data": [{"files": ["rows.jsonl"]}, {"files": ["rows.tsv"], "share": 0.5}],
              "steps": 12, "tokens_per_step": 60, "tokens_per_batch": 40, "threads": 1, "metrics_every_steps": 4,
              "recipe": {"max_dropout": 0.3, "dropout_schedule": "exponential", "exit_scale": 1, "exit_weighting": "linear", "curriculum": "rotational", "rotation": 2},
              "optimizer": {"learning_rate": 0.01, "warmup_steps": 2, "betas": [0.9, 0.98]},
              "label_smoothing": 0.05,
              "evaluation": {"data": ["rows.tsv"], "rows": 2, "every_steps": 6, "exits": [2]},
              "checkpoint": {"every_steps": 5},
              "generation": {"exit_layer": 2, "num_speculations": 3, "max_new_tokens": 20},
              "dtype": "f32"
            }
            """)!.AsObject();
    }

    public string Path { get; }

    /// <summary>Written by <see cref="WriteRecipe"/>.</summary>
    public JsonObject Recipe { get; }

    public string RecipePath => Of("recipe.json");

    /// <summary>Full path of something in the folder.</summary>
    public string Of(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    /// <summary>Sets a field of the recipe to JSON, or removes it; dots lead into objects and arrays (<c>data.0.share</c>).</summary>
    public TrainingFolder With(string path, string? json)
    {
        var names = path.Split('.');
        JsonNode node = Recipe;
        foreach (var name in names[..^1])
        {
            node = (node is JsonArray array ? array[int.Parse(name)] : node[name])!;
        }

        if (json is null)
        {
            node.AsObject().Remove(names[^1]);
        }
        else
        {
            node[names[^1]] = JsonNode.Parse(json);
        }

        return this;
    }

    public TrainingFolder WriteRecipe()
    {
        File.WriteAllText(RecipePath, "// a recipe may have comments\n" + Recipe.ToJsonString());
        return this;
    }

    /// <summary>Runs <c>layerskip train</c> on the recipe as it stands.</summary>
    public ToolResult Train(params string[] options)
    {
        WriteRecipe();
        return Tool.Run(["train", "--recipe", RecipePath, .. options]);
    }

    /// <summary>The same, expected to fail with one line besides what it says on the way.</summary>
    /// <returns>The last line of the error output.</returns>
    public string TrainBad(params string[] options)
    {
        var result = Train(options);
        Assert.Equal(CommandLine.BadInput, result.ExitCode);
        var line = result.Error.TrimEnd().Split('\n')[^1];
        Assert.StartsWith("layerskip: ", line, StringComparison.Ordinal);
        return line;
    }

    /// <summary>The plan of the recipe as it stands.</summary>
    public TrainingPlan Plan(string? output = null)
    {
        WriteRecipe();
        return TrainingPlan.Create(TrainingRecipeReader.Read(RecipePath, new RecipeOverrides(Output: output)), new Progress<double>(), CancellationToken.None);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
