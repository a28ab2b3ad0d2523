using System.CommandLine;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Devices;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip quantize</c>: a checkpoint with smaller weights.</summary>
internal sealed class QuantizeCommand
{
    private readonly Terminal _terminal;

    private readonly Option<string> _model = DirectoryOption.Create("Checkpoint directory in Hugging Face layout; of a GGUF file, 'layerskip export' writes other types.");

    private readonly Option<TensorDataType?> _type = CheckedOption.Choice<TensorDataType>(
        "--to",
        "What matrices become, in blocks of 32 with a float32 scale each; norms and biases stay as they are. Of int4, embeddings and head are int8.",
        ("int8", TensorDataType.Int8),
        ("int4", TensorDataType.Int4));

    private readonly Option<string> _output = new("--output", "--out")
    {
        HelpName = "DIR", Description = "The directory to write: new, or empty.", Required = true,
    };

    private readonly Option<FinerWeights[]> _keep = new("--keep")
    {
        HelpName = "head|embeddings",
        Description = "Matrices that stay as they are; may be given twice, or both with a comma (default: none).",
        CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',')).Select(word =>
        {
            if (word is not ("head" or "embeddings"))
            {
                result.AddError($"--keep is '{word}', expected head, embeddings or head,embeddings");
            }

            return word == "head" ? FinerWeights.Head : FinerWeights.Embeddings;
        })],
    };

    private readonly Option<bool> _force = new("--force") { Description = "Replace files of a directory that is not empty (default: refuse it)." };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: a line)." };

    private QuantizeCommand(Terminal terminal)
    {
        _terminal = terminal;
        _type.Required = true;
    }

    public static Command Create(Terminal terminal)
    {
        var quantize = new QuantizeCommand(terminal);
        var command = new Command("quantize", "Write a checkpoint anew with int8 or int4 weights, its tokenizer and template beside them.")
        {
            quantize._model, quantize._type, quantize._output, quantize._keep, quantize._force, quantize._json,
        };
        command.SetAction(quantize.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var (source, output, type) = (arguments.GetRequiredValue(_model), arguments.GetRequiredValue(_output), arguments.GetValue(_type)!.Value);
        if (File.Exists(source))
        {
            throw new UsageException($"--model {source}: is a file, expected a checkpoint directory; 'layerskip export' writes GGUF files of other types");
        }

        OutputFile.CheckParent("--output", output);
        using var checkpoint = Checkpoint.Open(source);
        var finer = (arguments.GetValue(_keep) ?? []).Aggregate(FinerWeights.None, (all, one) => all | one);
        Loading.Run(_terminal, $"Writing {Path.GetFileName(Path.TrimEndingDirectorySeparator(output))}", (progress, cancellation) =>
        {
            CheckpointQuantizer.Write(checkpoint, output, type, finer, arguments.GetValue(_force), progress, cancellation);
            return true;
        });
        using var written = Checkpoint.Open(output);
        var report = new ExportReport(output, type.ToString().ToLowerInvariant(), written.Tensors.Sum(tensor => tensor.Bytes));
        if (arguments.GetValue(_json))
        {
            ReportJson.Write(_terminal.Out, report, ReportJson.Instance.ExportReport);
        }
        else
        {
            _terminal.Out.WriteLine($"{report.Output}: {report.Dtype}, {Quantity.Bytes(report.Bytes)}");
        }

        return CommandLine.Success;
    }
}
