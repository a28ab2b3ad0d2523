using System.CommandLine;
using LayerSkip.AI.ChatTemplates;
using LayerSkip.Cli.Reports;
using LayerSkip.Engine.Checkpoints;
using LayerSkip.Engine.Checkpoints.Gguf;
using LayerSkip.Engine.Tokenization.Loading;

namespace LayerSkip.Cli.Commands;

/// <summary><c>layerskip export</c>: a checkpoint as one GGUF file, which other programs read too.</summary>
internal sealed class ExportCommand
{
    private readonly Terminal _terminal;

    private readonly Option<string> _model = new ModelArguments().Directory;

    private readonly Option<string> _gguf = new("--gguf")
    {
        HelpName = "FILE", Description = "The file to write; an earlier one is replaced once the new one is whole.", Required = true,
    };

    private readonly Option<GgufTensorType?> _type = CheckedOption.Choice<GgufTensorType>(
        "--dtype",
        "How matrices are stored (default: as the checkpoint has them); norms and biases are float32. Of q4_0 files, embedding and head are q8_0.",
        ("f32", GgufTensorType.F32),
        ("f16", GgufTensorType.F16),
        ("bf16", GgufTensorType.BF16),
        ("q8_0", GgufTensorType.Q8_0),
        ("q4_0", GgufTensorType.Q4_0));

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object (default: a line)." };

    private ExportCommand(Terminal terminal) => _terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        var export = new ExportCommand(terminal);
        var command = new Command("export", "Write a checkpoint, its tokenizer and its chat template as one GGUF file.")
        {
            export._model, export._gguf, export._type, export._json,
        };
        command.SetAction(export.Run);
        return command;
    }

    private int Run(ParseResult arguments)
    {
        var (source, target) = (arguments.GetRequiredValue(_model), arguments.GetRequiredValue(_gguf));
        OutputFile.Check("--gguf", target);
        using var checkpoint = Checkpoint.Open(source);
        OutputFile.RefuseInput("--gguf", target, "--model", OutputFile.FilesOf(source));
        var type = arguments.GetValue(_type) ?? GgufExport.TypeOf(checkpoint);
        var template = ChatTemplateFiles.Read(source);
        var bytes = Loading.Run(_terminal, $"Writing {Path.GetFileName(target)}", (_, cancellation) => GgufExport.Write(
            target,
            Checkpoint.NameOf(source),
            checkpoint.Config,
            checkpoint.Generation,
            checkpoint.Weights,
            type,
            writer => AddText(writer, checkpoint, template),
            cancellation));
        var report = new ExportReport(target, type.ToString().ToLowerInvariant(), bytes);
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

    /// <summary>What a checkpoint consists of: of a directory, all but earlier exports, its folder of templates among it.</summary>
    private static void AddText(GgufWriter writer, Checkpoint checkpoint, ChatTemplateFiles template)
    {
        GgufTokenizerWriter.Add(writer, checkpoint.Path, checkpoint.Config.VocabularySize, template.SpecialTokens, checkpoint.Generation);
        if (File.Exists(checkpoint.Path))
        {
            // Its template's keys are among the tokenizer's, which have been copied.
            return;
        }

        if (template.Template is { } chat)
        {
            writer.Add(GgufKeys.ChatTemplate, chat.Text);
        }

        if (template.ToolTemplate is { } tools)
        {
            writer.Add(GgufKeys.TemplateNames, ["tool_use"]);
            writer.Add(GgufKeys.ToolTemplate, tools.Text);
        }
    }
}
