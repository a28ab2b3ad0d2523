using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace LayerSkip.Cli;

/// <summary>A command's help, and behind it what one would type first.</summary>
internal sealed class ExamplesHelp(SynchronousCommandLineAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    /// <summary>The command lines that help shows, by command.</summary>
    public static IReadOnlyDictionary<string, string[]> Examples { get; } = new Dictionary<string, string[]>
    {
        ["generate"] =
        [
            "layerskip generate --model models/topv2-parser --chat --prompt \"Turn off alarms\" --compare",
            "layerskip generate --model model.gguf --prompt - --max-tokens 100 --temperature 0.7 < prompt.txt",
        ],
        ["chat"] = ["layerskip chat --model models/topv2-parser --show-draft"],
        ["tokenize"] = ["layerskip tokenize --model models/topv2-parser --text \"call mom at 5 pm\""],
        ["template"] = ["layerskip template --model models/topv2-parser --context context.json"],
        ["inspect"] = ["layerskip inspect --model models/topv2-parser"],
        ["export"] = ["layerskip export --model models/topv2-parser --gguf parser.gguf --dtype q8_0"],
        ["quantize"] = ["layerskip quantize --model models/topv2-parser --to int8 --output parser-int8"],
        ["bench"] =
        [
            "layerskip bench --model models/topv2-parser --chat --prompts prompts.jsonl",
            "layerskip bench --synthetic layers=12,hidden=768,ffn=3072,heads=12,kv=12,vocab=32000 --dtype bf16",
        ],
        ["sweep"] =
        [
            "layerskip sweep --model models/topv2-parser --output sweep.csv",
            "layerskip sweep --model models/topv2-parser --data prompts.jsonl --exit-layer 1..4 --num-speculations 4,8,12 --output sweep.csv",
        ],
        ["tune"] =
        [
            "layerskip tune --model models/topv2-parser --dry-run",
            "layerskip tune --model models/topv2-parser --data prompts.jsonl --html tune.html",
        ],
        ["train-tokenizer"] = ["layerskip train-tokenizer --data train.jsonl --vocab-size 2304 --output tokenizer"],
        ["correctness"] =
        [
            "layerskip correctness --model models/topv2-parser --data prompts.jsonl",
            "layerskip correctness --model models/topv2-parser --data prompts.txt --dtype all --temperature 0.8",
        ],
        ["eval"] = ["layerskip eval --model models/topv2-parser --data eval.jsonl --exit-layer all"],
        ["train"] = ["layerskip train --recipe recipe.json --check"],
        ["label"] = ["layerskip label --model models/topv2-parser --data prompts.jsonl --output rows.jsonl"],
        ["plot"] = ["layerskip plot --run runs/parser"],
        ["devices"] = ["layerskip devices"],
        ["selftest"] = ["layerskip selftest --device cuda:0"],
    };

    /// <summary>Has the help of all of the tool's commands end with examples.</summary>
    public static void AddTo(RootCommand root)
    {
        var option = root.Options.OfType<HelpOption>().Single();
        option.Action = new ExamplesHelp((SynchronousCommandLineAction)option.Action!);
    }

    public override int Invoke(ParseResult parseResult)
    {
        var output = parseResult.InvocationConfiguration.Output;
        using var text = new StringWriter();
        parseResult.InvocationConfiguration.Output = text;
        var result = help.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output = output;

        // Help has an option's names in alphabetical order, not the name that every other text has first.
        output.Write(text.ToString().Replace("--out, --output ", "--output, --out ", StringComparison.Ordinal));
        if (Examples.TryGetValue(parseResult.CommandResult.Command.Name, out var examples))
        {
            output.WriteLine(examples.Length == 1 ? "Example:" : "Examples:");
            foreach (var example in examples)
            {
                output.WriteLine($"  {example}");
            }

            output.WriteLine();
        }

        return result;
    }
}
